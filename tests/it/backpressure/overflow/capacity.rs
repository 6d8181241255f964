//! Capacity and window: which events take room, and how much room there is.

use genevent::error::TryNotifyError;
use genevent::test_util::assert_next;
use genevent::{EventManager, Overflow, SubscribeOptions};

use super::{SIZES, fill};
use crate::drive::{read, read_all};

#[test]
fn capacity_counts_an_event_until_yielded() {
    for capacity in SIZES {
        let manager = EventManager::new(capacity);
        let mut reader = manager.subscribe();
        fill(&manager, capacity);
        for n in capacity + 1..=3 * capacity {
            assert_eq!(manager.try_notify(n), Err(TryNotifyError::Full(n)));
            assert_eq!(reader.len(), capacity);
            assert_next!(reader, n - capacity).now();
            assert_eq!(manager.try_notify(n), Ok(1), "one yielded, one more fits");
        }
        manager.close();
        assert!(
            read_all(&mut reader)
                .into_iter()
                .eq(2 * capacity + 1..=3 * capacity)
        );
    }
}

#[test]
fn an_event_in_flight_takes_no_room() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    fill(&manager, 1);
    read(&mut reader);
    assert_eq!(manager.try_notify(2), Ok(1));
    assert_eq!(manager.subscribers()[0].unacked(), 1);
    assert!(manager.try_notify(3).is_err());
    reader.ack();
    assert!(
        manager.try_notify(3).is_err(),
        "finishing it makes no room either"
    );
}

#[test]
fn capacity_applies_to_each_subscriber() {
    let manager = EventManager::new(2);
    let mut slow = manager.subscribe();
    fill(&manager, 1);
    let mut late = manager.subscribe();
    assert_eq!(manager.try_notify(2), Ok(2));
    assert!(manager.try_notify(3).is_err());
    read(&mut slow);
    assert_eq!(manager.try_notify(3), Ok(2));
    assert_eq!((read(&mut slow), read(&mut late)), (Some(2), Some(2)));
}

#[test]
fn a_window_limits_like_the_capacity() {
    for window in SIZES {
        let manager = EventManager::new(5_000);
        let options = SubscribeOptions::new().window(window);
        let mut narrow = manager.subscribe_with(options);
        let _wide = manager.subscribe();
        fill(&manager, window);
        for n in window + 1..=2 * window {
            assert!(manager.try_notify(n).is_err());
            assert_next!(narrow, n - window).now();
            assert_eq!(manager.try_notify(n), Ok(2));
        }
    }
}

#[test]
fn the_capacity_caps_larger_windows() {
    let manager = EventManager::new(2);
    let reader = manager.subscribe_with(SubscribeOptions::new().window(usize::MAX));
    assert_eq!(manager.subscribers()[0].window(), 2);
    fill(&manager, 2);
    assert!(manager.try_notify(3).is_err());
    assert_eq!(reader.len(), 2);
}

#[test]
#[should_panic(expected = "a window holds at least one event")]
fn a_zero_window_panics() {
    let _ = SubscribeOptions::new().window(0);
}

#[test]
#[should_panic(expected = "an event manager has room for at least one event")]
fn a_zero_capacity_panics() {
    let _ = EventManager::<()>::new(0);
}

#[test]
#[should_panic(expected = "an event manager has room for at least one event")]
fn building_with_zero_capacity_panics() {
    let _ = EventManager::<()>::builder().capacity(0);
}

#[test]
fn the_default_capacity_is_1024() {
    for manager in [EventManager::default(), EventManager::builder().build()] {
        assert_eq!(manager.capacity(), 1_024);
        let _reader = manager.subscribe();
        fill(&manager, 1_024);
        assert!(manager.try_notify(0).is_err());
    }
}

#[test]
fn an_enormous_capacity_costs_nothing() {
    let manager = EventManager::new(usize::MAX);
    for policy in [Overflow::Wait, Overflow::DropOldest, Overflow::Disconnect] {
        let mut reader = manager.subscribe_with(policy);
        fill(&manager, 100);
        assert_next!(reader, 1).now();
        assert_eq!(reader.len(), 99);
    }
}
