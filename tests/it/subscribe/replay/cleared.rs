//! `clear_retained`: late subscribers do not get the events retained so far.

use std::sync::Arc;

use futures::StreamExt;
use genevent::EventManager;

use super::{SIZES, publish, replay, retaining, since};
use crate::drive::{read, read_all};

#[test]
fn cleared_events_are_not_replayed_and_later_events_are() {
    for published in SIZES {
        let manager = retaining(100);
        publish(&manager, 1..=published);
        manager.clear_retained();
        assert!(manager.subscribe_with(replay(100)).is_empty());
        publish(&manager, 1_000..1_150);
        let late = manager.subscribe_with(since(0));
        assert_eq!(late.missed(), published as u64 + 50);
        let all = read_all(&mut late.ready_chunks(1_000).take(1)).concat();
        assert!(all.into_iter().eq(1_050..1_150));
    }
}

#[test]
fn cleared_events_are_dropped_at_once() {
    let manager = EventManager::builder().retain(500).build();
    let event = Arc::new(());
    for _ in 0..500 {
        manager.try_notify(Arc::clone(&event)).unwrap();
    }
    assert_eq!(Arc::strong_count(&event), 501);
    manager.clear_retained();
    assert_eq!(Arc::strong_count(&event), 1);
}

#[test]
fn present_subscribers_lose_nothing() {
    let manager = retaining(10);
    let mut live = manager.subscribe();
    publish(&manager, 1..=4);
    let mut replaying = manager.subscribe_with(replay(3));
    let mut filtered = manager.subscribe_filter_with(replay(3), |_| true);
    assert_eq!(read(&mut live), Some(1));
    manager.clear_retained();
    publish(&manager, [5]);
    drop(manager);
    assert_eq!(read_all(&mut live), [2, 3, 4, 5]);
    assert_eq!(read_all(&mut replaying), [2, 3, 4, 5]);
    assert_eq!(read_all(&mut filtered), [2, 3, 4, 5]);
}

#[test]
fn clearing_nothing_changes_nothing() {
    let (none, empty) = (EventManager::<usize>::new(2), retaining(2));
    for manager in [&none, &empty] {
        manager.clear_retained();
        manager.clear_retained();
        publish(manager, [1]);
        manager.close();
        manager.clear_retained();
    }
}
