//! `batches` gathers events until a batch is full or its time is over.

use std::sync::atomic::AtomicU32;
use std::time::Duration;

use futures::stream::FusedStream;
use futures::{FutureExt, Stream, StreamExt};
use genevent::{EventManager, EventStreamExt, SubscribeOptions};
use tokio::time::advance;
use tokio_test::{assert_pending, assert_ready, task};

use super::{
    Fragile, assert_acked, assert_dropped, assert_open, deliveries, panics, polled_once_too_often,
    sync_notify_all,
};

const DURATION: Duration = Duration::from_secs(10);
const ALMOST: Duration = Duration::from_millis(9_999);
const REST: Duration = Duration::from_millis(1);

#[tokio::test(start_paused = true)]
async fn a_full_batch_is_yielded_at_once() {
    let manager = EventManager::new(8);
    let mut batches = task::spawn(deliveries(&manager).batches(2, DURATION));
    let [mut one, mut two, mut three] = sync_notify_all(&manager, [1, 2, 3]);
    let batch = assert_ready!(batches.poll_next()).unwrap();
    assert_open(&mut one);
    assert_eq!(batch.ack(), [1, 2]);
    assert_acked(&mut one);
    assert_acked(&mut two);
    assert_pending!(batches.poll_next());
    assert_open(&mut three);
    manager.try_notify(4).unwrap();
    assert!(batches.is_woken());
    assert_eq!(assert_ready!(batches.poll_next()).unwrap().ack(), [3, 4]);
    assert_acked(&mut three);
}

#[tokio::test(start_paused = true)]
async fn time_runs_from_the_first_event() {
    let manager = EventManager::new(8);
    let mut batches = task::spawn(deliveries(&manager).batches(9, DURATION));
    assert_pending!(batches.poll_next());
    advance(2 * DURATION).await;
    assert!(!batches.is_woken(), "nothing has begun");

    manager.try_notify(1).unwrap();
    assert_pending!(batches.poll_next());
    advance(REST).await;
    manager.try_notify(2).unwrap(); // does not restart the timer
    assert_pending!(batches.poll_next());
    advance(DURATION.saturating_sub(2 * REST)).await;
    assert_pending!(batches.poll_next());
    advance(REST).await;
    assert!(batches.is_woken());
    assert_eq!(assert_ready!(batches.poll_next()).unwrap().ack(), [1, 2]);

    // The next batch has a time of its own.
    manager.try_notify(3).unwrap();
    assert_pending!(batches.poll_next());
    advance(ALMOST).await;
    assert_pending!(batches.poll_next());
    advance(REST).await;
    assert_eq!(assert_ready!(batches.poll_next()).unwrap().ack(), [3]);
}

#[tokio::test(start_paused = true)]
async fn a_full_batch_resets_the_timer() {
    let manager = EventManager::new(8);
    let mut batches = task::spawn(deliveries(&manager).batches(2, DURATION));
    manager.try_notify(1).unwrap();
    assert_pending!(batches.poll_next());
    advance(ALMOST).await;
    manager.try_notify(2).unwrap();
    manager.try_notify(3).unwrap();
    assert_eq!(assert_ready!(batches.poll_next()).unwrap().ack(), [1, 2]);
    assert_pending!(batches.poll_next());
    advance(REST).await;
    assert_pending!(batches.poll_next());
    advance(ALMOST).await;
    assert_eq!(assert_ready!(batches.poll_next()).unwrap().ack(), [3]);
}

#[tokio::test(start_paused = true)]
async fn an_event_at_the_deadline_joins_the_batch() {
    let manager = EventManager::new(8);
    let mut batches = task::spawn(deliveries(&manager).batches(9, DURATION));
    manager.try_notify(1).unwrap();
    assert_pending!(batches.poll_next());
    advance(2 * DURATION).await;
    manager.try_notify(2).unwrap();
    assert_eq!(assert_ready!(batches.poll_next()).unwrap().ack(), [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn the_end_yields_the_last_batch_at_once() {
    let manager = EventManager::new(8);
    let events = polled_once_too_often(deliveries(&manager));
    let mut batches = task::spawn(events.batches(9, DURATION));
    manager.try_notify(1).unwrap();
    assert_pending!(batches.poll_next());
    assert_eq!(batches.size_hint(), (1, None));
    manager.close();
    assert!(batches.is_woken());
    assert!(!batches.is_terminated());
    assert_eq!(assert_ready!(batches.poll_next()).unwrap().ack(), [1]);
    assert!(batches.is_terminated());
    for _ in 0..2 {
        assert!(assert_ready!(batches.poll_next()).is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_next_keeps_events_and_timer() {
    let manager = EventManager::new(8);
    let mut batches = deliveries(&manager).batches(9, DURATION);
    let [mut one] = sync_notify_all(&manager, [1]);
    assert!(batches.next().now_or_never().is_none());
    advance(DURATION).await;
    assert_open(&mut one);
    assert_eq!(batches.next().now_or_never().flatten().unwrap().ack(), [1]);
    assert_acked(&mut one);
}

#[tokio::test(start_paused = true)]
async fn dropping_batches_discards_gathered_events() {
    let manager = EventManager::new(8);
    let mut batches = task::spawn(deliveries(&manager).batches(9, DURATION));
    let [mut one] = sync_notify_all(&manager, [1]);
    assert_pending!(batches.poll_next());
    let [mut unread] = sync_notify_all(&manager, [2]);
    drop(batches);
    assert_dropped(&mut one);
    assert_dropped(&mut unread);
}

#[tokio::test(start_paused = true)]
async fn max_unacked_does_not_delay_a_batch_for_ever() {
    let manager = EventManager::new(8);
    let options = SubscribeOptions::new().max_unacked(2);
    let events = manager.subscribe_with(options).deliveries();
    let mut batches = task::spawn(events.batches(3, DURATION));
    for n in 1..=4 {
        manager.try_notify(n).unwrap();
    }
    assert_pending!(batches.poll_next());
    advance(DURATION).await;
    let batch = assert_ready!(batches.poll_next()).unwrap();
    assert_eq!(batch[..], [1, 2]);
    assert_pending!(batches.poll_next());
    batch.ack();
    assert!(batches.is_woken());
    assert_pending!(batches.poll_next());
    advance(DURATION).await;
    assert_eq!(assert_ready!(batches.poll_next()).unwrap().ack(), [3, 4]);
}

#[tokio::test(start_paused = true)]
async fn a_panic_while_gathering_loses_nothing() {
    static FUSE: AtomicU32 = AtomicU32::new(2);
    let fragile = |id| Fragile { id, fuse: &FUSE };
    let manager = EventManager::new(8);
    let mut batches = task::spawn(manager.subscribe().deliveries().batches(3, DURATION));
    let mut all = sync_notify_all(&manager, [1, 2, 3].map(fragile));
    assert_eq!(panics(|| batches.poll_next()), "clone");
    all.iter_mut().for_each(assert_open);
    assert_ready!(batches.poll_next()).unwrap().ack();
    all.iter_mut().for_each(assert_acked);
}

#[test]
fn a_batch_outside_of_a_runtime_waits_in_time() {
    let manager = EventManager::new(8);
    let mut batches = task::spawn(deliveries(&manager).batches(2, DURATION));
    let [mut one] = sync_notify_all(&manager, [1]);
    assert_pending!(batches.poll_next());
    assert_open(&mut one);
    manager.try_notify(2).unwrap();
    assert!(batches.is_woken());
    assert_eq!(assert_ready!(batches.poll_next()).unwrap().ack(), [1, 2]);
    assert_acked(&mut one);
}
