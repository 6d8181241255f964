//! `max_unacked` also limits deliveries that owe no acknowledgement: replayed events, and events
//! read after a disconnect.

use futures::{FutureExt, Stream};
use genevent::{Delivery, EventManager, EventStreamExt, Overflow, SubscribeOptions};
use tokio_test::{assert_pending, assert_ready, task};

use super::{next, waits};

fn two() -> SubscribeOptions {
    SubscribeOptions::new().max_unacked(2)
}

fn publish(manager: &EventManager<u32>, events: impl IntoIterator<Item = u32>) {
    for event in events {
        manager.try_notify(event).unwrap();
    }
}

type Jobs = Box<dyn Stream<Item = Delivery<u32>> + Unpin>;

/// Every kind of delivery stream that owes nothing for its next four events, numbers 1 to 4.
fn streams() -> Vec<(&'static str, Jobs)> {
    let manager = EventManager::new(8);
    let plain = manager.subscribe_with(two());
    let before = manager.subscribe_with(two()).deliveries();
    let filtered = manager.subscribe_filter_map_with(two(), |n| Some(*n));
    let kept = manager.subscribe_filter_with(two(), |_| true).deliveries();
    let after = SubscribeOptions::after(two(), manager.subscribe().id());
    let staged = manager.subscribe_with(after).deliveries();
    publish(&manager, 1..=4);
    for id in [
        plain.id(),
        before.id(),
        filtered.id(),
        kept.id(),
        staged.id(),
    ] {
        assert!(manager.disconnect(id));
    }

    let full = EventManager::new(8);
    let narrow = || two().overflow(Overflow::Disconnect).window(4);
    let cut = full.subscribe_with(narrow()).deliveries();
    let filtered_cut = full.subscribe_filter_with(narrow(), |_| true).deliveries();
    publish(&full, 1..=5);

    let old = EventManager::builder().capacity(8).retain(4).build();
    publish(&old, 1..=4);
    let late = old.subscribe_with(two().replay(4)).deliveries();
    let ended = old.subscribe_with(two().replay(4)).deliveries();
    old.disconnect(ended.id());
    vec![
        (
            "disconnected, then deliveries",
            Box::new(plain.deliveries()),
        ),
        ("disconnected", Box::new(before)),
        (
            "filtered, disconnected, then deliveries",
            Box::new(filtered.deliveries()),
        ),
        ("filtered, disconnected", Box::new(kept)),
        ("staged, disconnected", Box::new(staged)),
        ("its window was full", Box::new(cut)),
        ("filtered, its window was full", Box::new(filtered_cut)),
        ("replayed", Box::new(late)),
        ("replayed, disconnected", Box::new(ended)),
    ]
}

#[test]
fn max_unacked_limits_replayed_deliveries_too() {
    for (name, stream) in streams() {
        let mut jobs = task::spawn(stream);
        let one = assert_ready!(jobs.poll_next()).unwrap();
        let two = assert_ready!(jobs.poll_next()).unwrap();
        assert_eq!((one.seq(), two.seq()), (1, 2), "{name}");
        assert_pending!(jobs.poll_next(), "{name}");
        assert!(!jobs.is_woken(), "{name}");
        two.ack();
        assert!(jobs.is_woken(), "{name}: an acknowledgement makes room");
        let three = assert_ready!(jobs.poll_next()).unwrap();
        assert_pending!(jobs.poll_next(), "{name}");
        drop(three.map(|n| n + 1).into_parts().1);
        assert!(jobs.is_woken(), "{name}: and so does a drop");
        let four = assert_ready!(jobs.poll_next()).unwrap();
        assert_eq!(four.seq(), 4, "{name}");
        assert_pending!(jobs.poll_next(), "{name}: that goes for the end, too");
        drop((one, four));
    }
}

#[test]
fn a_batch_holds_at_most_max_unacked() {
    for (name, stream) in streams() {
        let mut batches = stream.ready_batches(100);
        let first = next(&mut batches);
        assert_eq!(first.len(), 2, "{name}");
        assert!(waits(&mut batches), "{name}");
        drop(first);
        assert_eq!(next(&mut batches).ack(), [3, 4], "{name}");
    }
}

#[test]
fn owed_and_unowed_deliveries_count_together() {
    let manager = EventManager::builder().capacity(8).retain(1).build();
    publish(&manager, [1]);
    let mut jobs = manager.subscribe_with(two().replay(1)).deliveries();
    publish(&manager, [2, 3]);
    let (one, two) = (next(&mut jobs), next(&mut jobs));
    assert_eq!((jobs.unacked(), manager.subscribers()[0].unacked()), (2, 2));
    assert!(waits(&mut jobs));
    let mut flushed = task::spawn(manager.flush());
    assert_pending!(flushed.poll());

    assert!(manager.disconnect(jobs.id()));
    assert!(waits(&mut jobs), "what it has out still counts");
    two.ack();
    assert!(
        assert_ready!(flushed.poll()).is_ok(),
        "nobody waits for the first"
    );
    let three = next(&mut jobs);
    assert!(waits(&mut jobs));
    drop(one);
    assert!(jobs.next().now_or_never().unwrap().is_none());
    drop(three);
    assert_eq!(jobs.unacked(), 0);
}

#[test]
fn unowed_deliveries_delay_no_flush() {
    let manager = EventManager::builder().capacity(8).retain(2).build();
    publish(&manager, 1..=2);
    let mut jobs = manager.subscribe_with(two().replay(2)).deliveries();
    let (one, two) = (next(&mut jobs), next(&mut jobs));
    assert!(manager.flush().now_or_never().unwrap().is_ok());
    drop(jobs);
    assert_eq!(manager.stats().leaving().len(), 0);
    assert!(manager.stop().now_or_never().unwrap().is_ok());
    assert_eq!((one.ack(), two.ack()), (1, 2));
}

#[cfg(feature = "rt")]
mod on_tokio {
    use std::cell::RefCell;
    use std::collections::VecDeque;
    use std::rc::Rc;
    use std::time::Duration;

    use futures::StreamExt;
    use futures::channel::oneshot;

    use super::*;

    #[test]
    fn replayed_events_start_no_extra_work() {
        for (name, stream) in streams() {
            let under_way: Rc<RefCell<VecDeque<oneshot::Sender<()>>>> = Rc::default();
            let work = stream.take(4).for_each_acked(None, |_| {
                let (end, job) = oneshot::channel();
                under_way.borrow_mut().push_back(end);
                job.map(drop)
            });
            let mut work = task::spawn(work);
            for expected in [2, 2, 2, 1] {
                assert_pending!(work.poll());
                assert_eq!(under_way.borrow().len(), expected, "{name}");
                let oldest = under_way.borrow_mut().pop_front().unwrap();
                oldest.send(()).unwrap();
            }
            assert_ready!(work.poll());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_overdue_subscriber_keeps_its_max_unacked() {
        let manager = EventManager::new(4);
        let patience = Overflow::WaitAtMost(Duration::from_millis(5));
        let mut slow = manager
            .subscribe_with(two().overflow(patience))
            .deliveries();
        let filtered = manager.subscribe_filter_with(two().overflow(patience), |_| true);
        let mut filtered = filtered.deliveries();
        publish(&manager, 1..=4);
        manager.notify(5).await.unwrap();
        assert_eq!(manager.subscriber_count(), 0);
        for _ in 0..2 {
            let held = (next(&mut slow), next(&mut slow));
            assert!(waits(&mut slow));
            drop(held);
            let held = (next(&mut filtered), next(&mut filtered));
            assert!(waits(&mut filtered));
            drop(held);
        }
    }
}
