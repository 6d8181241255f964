//! Policies act only when an event is stored.

use genevent::error::TryNotifyError;
use genevent::test_util::assert_next;
use genevent::{EventManager, Overflow, Subscription};
use tokio_test::{assert_pending, assert_ready_eq, task};

use super::fill;
use super::strict::overflown;
use crate::drive::{now, read, read_all};

/// A lossless, a lossy and a strict subscriber, all of them full.
fn all_full() -> (EventManager<usize>, [Subscription<usize>; 3]) {
    let manager = EventManager::new(2);
    let subscribers = [Overflow::Wait, Overflow::DropOldest, Overflow::Disconnect]
        .map(|policy| manager.subscribe_with(policy));
    fill(&manager, 2);
    (manager, subscribers)
}

#[track_caller]
fn assert_unharmed(manager: &EventManager<usize>, subscribers: &mut [Subscription<usize>; 3]) {
    assert_eq!(manager.subscriber_count(), 3);
    for subscriber in subscribers {
        assert_eq!((subscriber.len(), subscriber.missed()), (2, 0));
        assert_eq!(read(subscriber), Some(1));
        assert_eq!(read(subscriber), Some(2));
    }
}

#[test]
fn a_full_try_notify_applies_no_policy() {
    let (manager, mut subscribers) = all_full();
    for _ in 0..3 {
        assert_eq!(manager.try_notify(3), Err(TryNotifyError::Full(3)));
    }
    assert_unharmed(&manager, &mut subscribers);
}

#[test]
fn a_cancelled_publisher_applies_no_policy() {
    let (manager, mut subscribers) = all_full();
    let mut publish = task::spawn(manager.notify(3));
    let mut received = task::spawn(manager.ack_notify(4));
    let mut done = task::spawn(manager.sync_notify(5));
    assert_pending!(publish.poll());
    assert_pending!(received.poll());
    assert_pending!(done.poll());
    assert_eq!(manager.subscriber_count(), 3);
    drop((publish, received, done));
    assert_unharmed(&manager, &mut subscribers);
    assert_eq!(manager.try_notify(6), Ok(3));
}

#[test]
fn a_closed_manager_applies_no_policy() {
    let (manager, mut subscribers) = all_full();
    manager.close();
    assert_eq!(manager.try_notify(3), Err(TryNotifyError::Closed(3)));
    now(manager.sync_notify(3)).unwrap_err();
    assert_unharmed(&manager, &mut subscribers);
}

#[test]
fn storing_an_event_applies_every_policy() {
    let (manager, [mut lossless, mut lossy, mut strict]) = all_full();
    let mut publish = task::spawn(manager.notify(3));
    assert_pending!(publish.poll());
    read(&mut lossless);
    assert_eq!((lossy.missed(), manager.subscriber_count()), (0, 3));
    assert_ready_eq!(publish.poll(), Ok(2));
    assert_eq!((lossy.missed(), lossy.len()), (1, 2));
    assert_next!(lossy, 2).now();
    assert_eq!(read_all(&mut strict), [1, 2]);
    assert!(overflown(strict.end_reason()));
    assert_next!(lossless, 2).now();
    assert_next!(lossless, 3).now();
}
