//! `ready_batches` gathers the events that are ready, without waiting for more.

use std::sync::atomic::{AtomicU32, Ordering};

use futures::stream::FusedStream;
use futures::{FutureExt, Stream, StreamExt};
use genevent::{EventManager, EventStreamExt, SubscribeOptions};
use tokio_test::{assert_pending, assert_ready, task};

use super::{
    Fragile, assert_acked, assert_dropped, assert_open, deliveries, panics, polled_once_too_often,
    sync_notify_all,
};

#[test]
fn ready_batches_does_not_wait_for_more() {
    let manager = EventManager::new(8);
    let mut batches = task::spawn(deliveries(&manager).ready_batches(3));
    assert_pending!(batches.poll_next());
    manager.try_notify(1).unwrap();
    assert!(batches.is_woken());
    assert_eq!(assert_ready!(batches.poll_next()).unwrap().ack(), [1]);

    for n in 2..=5 {
        manager.try_notify(n).unwrap();
    }
    assert_eq!(assert_ready!(batches.poll_next()).unwrap().ack(), [2, 3, 4]);
    assert_eq!(assert_ready!(batches.poll_next()).unwrap().ack(), [5]);
    assert_pending!(batches.poll_next());
    manager.try_notify(6).unwrap();
    assert!(batches.is_woken(), "it was pending once more");
}

#[test]
fn ack_of_a_batch_settles_exactly_its_events() {
    let manager = EventManager::new(8);
    let mut batches = task::spawn(deliveries(&manager).ready_batches(2));
    let [mut one, mut two, mut three] = sync_notify_all(&manager, [1, 2, 3]);
    let first = assert_ready!(batches.poll_next()).unwrap();
    let second = assert_ready!(batches.poll_next()).unwrap();
    for waiting in [&mut one, &mut two, &mut three] {
        assert_open(waiting);
    }
    assert_eq!(first.ack(), [1, 2]);
    assert_acked(&mut one);
    assert_acked(&mut two);
    assert_open(&mut three);
    drop(second);
    assert_dropped(&mut three);
}

#[test]
fn a_batch_derefs_to_a_slice() {
    let manager = EventManager::new(8);
    let events = deliveries(&manager).filter_acked(|n| *n != 20);
    let mut batches = task::spawn(events.ready_batches(9));
    for n in [10, 20, 30] {
        manager.try_notify(n).unwrap();
    }
    let batch = assert_ready!(batches.poll_next()).unwrap();
    assert_eq!((batch.len(), batch.first(), batch[1]), (2, Some(&10), 30));
    assert!(batch.seqs().eq([1, 3]) && batch.seqs().rev().eq([3, 1]) && batch.seqs().len() == 2);
    let mut sum = 0;
    for n in &batch {
        sum += n;
    }
    assert_eq!(sum, 40);
    let text = "Batch { len: 2, first_seq: Some(1), last_seq: Some(3), .. }";
    assert_eq!(format!("{batch:?}"), text);
    batch.ack();
}

#[test]
fn deliveries_of_a_batch_settle_separately() {
    let manager = EventManager::new(8);
    let mut batches = task::spawn(deliveries(&manager).ready_batches(9));
    let [mut one, mut two, mut three] = sync_notify_all(&manager, [1, 2, 3]);
    let mut parts = assert_ready!(batches.poll_next())
        .unwrap()
        .into_deliveries();
    drop(batches);
    assert_eq!(
        parts.iter().map(|d| (**d, d.seq())).collect::<Vec<_>>(),
        [(1, 1), (2, 2), (3, 3)]
    );
    parts.remove(1).ack();
    assert_acked(&mut two);
    assert_open(&mut one);
    drop(parts);
    assert_dropped(&mut one);
    assert_dropped(&mut three);
}

#[test]
fn a_panicking_event_drop_keeps_its_batch_settled() {
    static ARMED: AtomicU32 = AtomicU32::new(0);
    #[derive(Clone)]
    struct Bomb(u32);
    impl Drop for Bomb {
        fn drop(&mut self) {
            if self.0 == ARMED.load(Ordering::Relaxed) {
                ARMED.store(0, Ordering::Relaxed);
                panic!("dropped");
            }
        }
    }
    let manager = EventManager::new(8);
    let mut batches = task::spawn(manager.subscribe().deliveries().ready_batches(9));
    let mut all = sync_notify_all(&manager, [1, 2, 3].map(Bomb));
    let batch = assert_ready!(batches.poll_next()).unwrap();
    ARMED.store(1, Ordering::Relaxed);
    drop(batch);
    assert_eq!(ARMED.load(Ordering::Relaxed), 0, "it has panicked");
    all.iter_mut().for_each(assert_dropped);
}

#[test]
fn dropping_ready_batches_discards_unread_events() {
    let manager = EventManager::new(8);
    let batches = deliveries(&manager).ready_batches(9);
    let [mut one] = sync_notify_all(&manager, [1]);
    drop(batches);
    assert_dropped(&mut one);
}

#[test]
fn max_unacked_shortens_a_batch() {
    let manager = EventManager::new(8);
    let options = SubscribeOptions::new().max_unacked(2);
    let mut batches = task::spawn(
        manager
            .subscribe_with(options)
            .deliveries()
            .ready_batches(5),
    );
    for n in 1..=3 {
        manager.try_notify(n).unwrap();
    }
    let batch = assert_ready!(batches.poll_next()).unwrap();
    assert_eq!(batch[..], [1, 2]);
    assert_pending!(batches.poll_next());
    batch.ack();
    assert!(batches.is_woken());
    assert_eq!(assert_ready!(batches.poll_next()).unwrap().ack(), [3]);
}

#[test]
fn a_panic_while_gathering_loses_nothing() {
    static FUSE: AtomicU32 = AtomicU32::new(2);
    let fragile = |id| Fragile { id, fuse: &FUSE };
    let manager = EventManager::new(8);
    let mut batches = task::spawn(manager.subscribe().deliveries().ready_batches(9));
    let mut all = sync_notify_all(&manager, [1, 2, 3].map(fragile));
    assert_eq!(panics(|| batches.poll_next()), "clone");
    all.iter_mut().for_each(assert_open);
    assert_eq!(batches.size_hint(), (1, None));
    manager.close();
    assert_eq!(
        batches.size_hint(),
        (1, Some(3)),
        "one has begun, and two may come alone"
    );
    let batch = assert_ready!(batches.poll_next()).unwrap();
    assert!(batch.iter().map(|event| event.id).eq([1, 2, 3]));
    batch.ack();
    all.iter_mut().for_each(assert_acked);
}

#[test]
fn ready_batches_ends_once() {
    let manager = EventManager::new(8);
    let mut batches = task::spawn(polled_once_too_often(deliveries(&manager)).ready_batches(2));
    for n in 1..=3 {
        manager.try_notify(n).unwrap();
    }
    manager.close();
    assert_eq!(assert_ready!(batches.poll_next()).unwrap().ack(), [1, 2]);
    assert_eq!(assert_ready!(batches.poll_next()).unwrap().ack(), [3]);
    assert!(batches.is_terminated());
    assert_eq!(batches.size_hint(), (0, Some(0)));
    for _ in 0..2 {
        assert!(assert_ready!(batches.poll_next()).is_none());
    }
}

#[test]
fn the_size_hint_counts_batches() {
    let manager = EventManager::new(8);
    let mut batches = deliveries(&manager).ready_batches(2);
    assert_eq!(batches.size_hint(), (0, None));
    for n in 1..=5 {
        manager.try_notify(n).unwrap();
    }
    assert_eq!(batches.size_hint(), (3, None));
    manager.close();
    assert_eq!(batches.size_hint(), (3, Some(5)), "two at a time, or one");
    batches.next().now_or_never().flatten().unwrap().ack();
    assert_eq!(batches.size_hint(), (2, Some(3)));
    assert_eq!(batches.get_ref().size_hint(), (3, Some(3)));
    assert_eq!(batches.into_inner().size_hint(), (3, Some(3)));
}

#[test]
fn a_zero_size_panics() {
    let manager = EventManager::new(8);
    let message = "a batch has room for at least one event";
    assert_eq!(panics(|| deliveries(&manager).ready_batches(0)), message);
    assert_eq!(
        panics(|| deliveries(&manager).batches(0, std::time::Duration::MAX)),
        message
    );
    assert_eq!(manager.subscriber_count(), 0, "they have left");
}
