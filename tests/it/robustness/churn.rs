//! Subscribers that replace each other leave nothing behind; the assertions of debug builds check
//! the channel.

use std::collections::VecDeque;
use std::sync::Arc;

use futures::{Stream, StreamExt};
use genevent::{Delivery, EventManager, Overflow, SubscribeOptions};

use tokio_test::task;

use crate::drive::{read, waits};

/// `there` items exist at once; each new item replaces the oldest.
fn churn<S>(there: usize, mut come: impl FnMut() -> S) {
    let mut readers: VecDeque<_> = (0..there).map(|_| come()).collect();
    for _ in 0..500 {
        readers.pop_front();
        readers.push_back(come());
    }
}

#[test]
fn replacing_subscribers_leaves_nothing_behind() {
    for overflow in [Overflow::Wait, Overflow::DropOldest] {
        for there in [1, 2, 20] {
            let manager = EventManager::<u8>::new(4);
            churn(there, || manager.subscribe_with(overflow));
            assert_eq!(manager.try_notify(1), Ok(0));
        }
    }
}

#[test]
fn short_subscriptions_before_long_ones_leave_nothing_behind() {
    let manager = EventManager::<u8>::new(4);
    let mut residents = Vec::new();
    for n in 1..=3 {
        let others: Vec<_> = (0..20).map(|_| manager.subscribe()).collect();
        (0..20).for_each(|_| drop(manager.subscribe()));
        residents.push(manager.subscribe());
        drop(others);
        assert_eq!(manager.subscriber_count(), n);
    }
}

#[test]
fn replacing_filters_leaves_nothing_behind() {
    for there in [1, 2, 3, 20] {
        let manager = EventManager::<u8>::new(4);
        let alive = Arc::new(());
        churn(there, || {
            let own = Arc::clone(&alive);
            manager.subscribe_filter_map(move |n: &u8| Some((*n, Arc::clone(&own))))
        });
        assert_eq!(manager.try_notify(1), Ok(0));
        assert_eq!(Arc::strong_count(&alive), 1);
    }
}

#[test]
fn newer_events_release_segments_of_a_slow_reader() {
    let alive = Arc::new(());
    let manager = EventManager::builder().capacity(1_000).retain(1).build();
    let mut slow = manager.subscribe();
    let publish = |n| (0..n).for_each(|_| drop(manager.try_notify(Arc::clone(&alive))));
    publish(300);
    assert_eq!(slow.len(), 300);
    drop(read(&mut slow));
    drop(slow);
    for _ in 0..1_000 {
        publish(1);
        let kept = Arc::strong_count(&alive) - 1;
        assert!(kept <= 1 + 128, "{kept} of 1");
    }
}

#[test]
fn replacing_a_parked_lossy_subscriber_keeps_wakeups() {
    let manager = EventManager::new(4);
    let lossy = SubscribeOptions::from(Overflow::DropOldest).window(1);
    for n in 0..100 {
        let mut guest = manager.subscribe_with(lossy.clone());
        assert!(waits(&mut guest));
        assert_eq!(manager.try_notify(n), Ok(1));
        assert_eq!(read(&mut guest), Some(n));
    }
}

/// With one unacked delivery, the most allowed, the stream waits; then the stream is dropped.
fn dropped_while_waiting<S: Stream<Item = Delivery<u8>> + Unpin>(
    manager: &EventManager<u8>,
    stream: S,
) {
    let mut stream = task::spawn(Some(stream));
    manager.try_notify(1).unwrap();
    let out = read(stream.as_mut().unwrap()).unwrap();
    let polled = stream.enter(|cx, stream| {
        let stream = stream.get_mut().as_mut().unwrap();
        stream.poll_next_unpin(cx).is_pending()
    });
    assert!(polled);
    drop(stream.take());
    out.ack();
    assert!(!stream.is_woken());
}

#[test]
fn dropped_waiting_deliveries_are_not_woken() {
    let manager = EventManager::new(4);
    let options = || SubscribeOptions::new().max_unacked(1);
    let plain = manager.subscribe_with(options());
    dropped_while_waiting(&manager, plain.deliveries());
    let filtered = manager.subscribe_filter_with(options(), |_| true);
    dropped_while_waiting(&manager, filtered.deliveries());
}
