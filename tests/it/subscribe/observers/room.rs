//! The overflow policy of an observer applies to room.

use genevent::{EventManager, Overflow, SubscriberInfo};
use tokio_test::{assert_pending, assert_ready_ok, task};

use super::observer;
use crate::drive::{now, read, read_all};

#[test]
fn publishers_wait_for_room_in_a_lossless_observer() {
    let manager = EventManager::new(1);
    let mut screen = manager.subscribe_with(observer());
    assert!(now(manager.sync_notify(1)).unwrap().is_unheard());
    let mut second = task::spawn(manager.sync_notify(2));
    assert_pending!(second.poll());
    assert!(manager.try_notify(3).is_err());
    let blocking: Vec<_> = manager.stats().blocking().map(SubscriberInfo::id).collect();
    assert_eq!(blocking, [screen.id()]);
    assert_eq!(read(&mut screen), Some(1));
    assert!(second.is_woken());
    assert!(
        assert_ready_ok!(second.poll()).is_unheard(),
        "stored, and no more to wait for"
    );
}

#[test]
fn a_lossy_observer_delays_no_publisher() {
    let manager = EventManager::new(4);
    let mut newest = manager.subscribe_with(observer().overflow(Overflow::DropOldest).window(2));
    let mut strict = manager.subscribe_with(observer().overflow(Overflow::Disconnect).window(2));
    let lossy = observer().overflow(Overflow::DropOldest).window(1);
    let mut filtered = manager.subscribe_filter_with(lossy, |n| n % 2 == 0);
    for n in 1..=1_000 {
        assert!(now(manager.sync_notify(n)).unwrap().is_unheard());
    }
    manager.close();
    assert_eq!(read_all(&mut newest), [999, 1_000]);
    assert_eq!(read_all(&mut strict), [1, 2]);
    assert_eq!(read_all(&mut filtered), [1_000]);
}

#[cfg(feature = "rt")]
#[tokio::test(start_paused = true)]
async fn an_overdue_observer_is_disconnected() {
    use std::time::Duration;
    let manager = EventManager::new(1);
    let limit = Overflow::WaitAtMost(Duration::from_secs(5));
    let mut screen = manager.subscribe_with(observer().overflow(limit));
    manager.sync_notify(1).await.unwrap();
    let start = tokio::time::Instant::now();
    assert!(manager.sync_notify(2).await.unwrap().is_unheard());
    assert_eq!(start.elapsed().as_secs(), 5);
    assert_eq!(read_all(&mut screen), [1]);
}

#[test]
fn observers_keep_only_their_window() {
    let manager = EventManager::new(64);
    let events = std::sync::Arc::new(());
    let lossy = observer().overflow(Overflow::DropOldest).window(1);
    let screen = manager.subscribe_with(lossy);
    for _ in 0..10_000 {
        now(manager.sync_notify(std::sync::Arc::clone(&events))).unwrap();
    }
    assert!(std::sync::Arc::strong_count(&events) <= 256 + 1);
    drop(screen);
    assert_eq!(std::sync::Arc::strong_count(&events), 1);
}
