//! Dropping the last manager closes the channel.

use genevent::test_util::{assert_ended, assert_next};
use genevent::{EndReason, EventManager};
use tokio_test::{assert_pending, assert_ready_eq, task};

use crate::drive::read_all;

// GenEvent cases 9, 10: dropping the last handle is the orderly end
#[test]
fn dropping_the_last_manager_closes() {
    let manager = EventManager::new(8);
    let clone = manager.clone();
    let mut reader = task::spawn(manager.subscribe());
    assert_pending!(reader.poll_next());
    manager.try_notify(1).unwrap();
    drop(manager);
    assert_ready_eq!(reader.poll_next(), Some(1));
    assert_pending!(reader.poll_next(), "there is another one");
    clone.try_notify(2).unwrap();
    drop(clone);
    assert!(reader.is_woken());
    assert_ready_eq!(reader.poll_next(), Some(2));
    assert_ready_eq!(reader.poll_next(), None);
    assert_eq!(reader.end_reason(), Some(EndReason::Closed));
}

// GenEvent case 3
#[test]
fn all_clones_are_the_same_manager() {
    let manager = EventManager::new(1);
    let clone = manager.clone();
    let mut reader = clone.subscribe();
    assert_eq!(manager.subscriber_count(), 1);
    manager.try_notify(1).unwrap();
    assert!(clone.try_notify(2).is_err());
    assert_next!(reader, 1).now();
    clone.close();
    assert!(manager.is_closed());
}

#[test]
fn a_weak_manager_keeps_no_channel_open() {
    let manager = EventManager::new(8);
    let weak = manager.downgrade();
    let weak_too = weak.clone();
    let mut reader = manager.subscribe();
    weak.upgrade().unwrap().try_notify(1).unwrap();
    drop(manager);
    assert!(weak.upgrade().is_none() && weak_too.upgrade().is_none());
    assert_eq!(read_all(&mut reader), [1]);
}

#[test]
fn an_upgraded_manager_keeps_the_channel_open() {
    let manager = EventManager::new(8);
    let weak = manager.downgrade();
    let upgraded = weak.upgrade().unwrap();
    drop(manager);
    assert!(!upgraded.is_closed());
    assert!(weak.upgrade().is_some());
    let _reader = upgraded.subscribe();
    assert_eq!(upgraded.try_notify(1), Ok(1));
    drop(upgraded);
    assert!(weak.upgrade().is_none());
}

#[test]
fn a_closed_manager_can_still_be_upgraded() {
    let manager = EventManager::<u8>::new(8);
    let weak = manager.downgrade();
    manager.close();
    assert!(weak.upgrade().is_some_and(|manager| manager.is_closed()));
}

#[test]
fn a_subscription_keeps_no_channel_open() {
    let manager = EventManager::<u8>::new(8);
    let weak = manager.downgrade();
    let (mut one, mut two) = (manager.subscribe(), manager.subscribe().with_missed());
    drop(manager);
    assert!(weak.upgrade().is_none());
    assert_ended!(one).now();
    assert_ended!(two).now();
}
