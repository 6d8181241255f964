//! Stages that leave, are disconnected or end, and the stages after them.

use genevent::{EventManager, SubscribeOptions};
use tokio_test::{assert_pending, assert_ready, assert_ready_eq, task};

use super::{finish, publish};
use crate::drive::{now, read};

#[test]
fn a_leaving_stage_releases_later_stages() {
    for disconnected in [false, true] {
        let manager = EventManager::new(8);
        let mut first = manager.subscribe();
        let mut second = task::spawn(manager.subscribe_after(&first));
        publish(&manager, 1..=3);
        assert_eq!(read(&mut first), Some(1));
        assert_pending!(second.poll_next());
        if disconnected {
            assert!(manager.disconnect(first.id()));
            assert!(!second.is_woken(), "what it has in hand it still owes");
            assert_pending!(second.poll_next());
            first.ack();
        } else {
            drop(first);
        }
        assert!(second.is_woken());
        for n in 1..=3 {
            assert_ready_eq!(second.poll_next(), Some(n));
        }
        assert_pending!(second.poll_next());
        publish(&manager, [4]);
        assert!(second.is_woken());
        assert_ready_eq!(second.poll_next(), Some(4));
    }
}

#[test]
fn a_stage_waits_for_a_disconnected_upstreams_deliveries() {
    for polled in [false, true] {
        let manager = EventManager::new(8);
        let mut first = manager.subscribe();
        publish(&manager, 1..=3);
        assert_eq!(read(&mut first), Some(1));
        assert!(manager.disconnect(first.id()));
        let mut second = task::spawn(manager.subscribe_after(&first));
        publish(&manager, [4]);
        assert_pending!(second.poll_next());
        if polled {
            assert_eq!(
                read(&mut first),
                Some(2),
                "the rest, which it owes nothing for"
            );
        } else {
            drop(first);
        }
        assert!(second.is_woken());
        assert_ready_eq!(second.poll_next(), Some(4));
    }
}

#[test]
fn disconnecting_opens_the_gate_of_a_stage() {
    let manager = EventManager::new(8);
    let first = manager.subscribe();
    let mut second = task::spawn(manager.subscribe_after(&first));
    publish(&manager, 1..=2);
    assert_pending!(second.poll_next());
    assert!(manager.disconnect(second.id()));
    assert!(second.is_woken());
    assert_ready_eq!(second.poll_next(), Some(1));
    assert_ready_eq!(second.poll_next(), Some(2));
    assert!(assert_ready!(second.poll_next()).is_none());
    // While the first subscriber lives, nothing of the second is kept for it.
    publish(&manager, 3..=8);
    drop(first);
}

#[test]
fn dropping_a_waiting_stage_leaves_nothing_behind() {
    let manager = EventManager::new(8);
    let mut first = manager.subscribe();
    publish(&manager, [1]);
    for _ in 0..10_000 {
        let mut second = task::spawn(manager.subscribe_after(&first));
        publish(&manager, [2]);
        assert_pending!(second.poll_next());
        let waker = second.enter(|cx, _| cx.waker().clone());
        drop(second);
        drop(waker);
        finish(&mut first);
    }
    assert_eq!(manager.subscriber_count(), 1);
    assert_eq!(finish(&mut first), 2);
    now(manager.flush()).unwrap();
}

#[test]
fn a_stage_waits_for_no_subscriber_that_left() {
    let manager = EventManager::new(8);
    let first = manager.subscribe();
    let gone = first.id();
    drop(first);
    let options = SubscribeOptions::new().after(gone);
    let mut second = manager.subscribe_with(options);
    publish(&manager, [1]);
    assert_eq!(read(&mut second), Some(1));
}

#[test]
fn closing_ends_a_stage_after_its_last_event() {
    let manager = EventManager::new(8);
    let mut first = manager.subscribe();
    let mut second = task::spawn(manager.subscribe_after(&first));
    publish(&manager, [1]);
    assert_pending!(second.poll_next());
    manager.close();
    assert_pending!(second.poll_next());
    assert_eq!(read(&mut first), Some(1));
    assert_pending!(second.poll_next());
    assert_eq!(read(&mut first), None);
    assert!(second.is_woken());
    assert_ready_eq!(second.poll_next(), Some(1));
    assert!(assert_ready!(second.poll_next()).is_none());

    let manager = EventManager::<u64>::new(8);
    let first = manager.subscribe();
    let mut second = task::spawn(manager.subscribe_after(&first));
    assert_pending!(second.poll_next());
    manager.close();
    assert!(second.is_woken());
    assert!(assert_ready!(second.poll_next()).is_none());
}

#[test]
fn a_stage_that_left_blocks_no_publisher() {
    let manager = EventManager::new(1);
    let mut first = manager.subscribe();
    let second = manager.subscribe_after(&first);
    let third = manager.subscribe_after(&second);
    publish(&manager, [1]);
    finish(&mut first);
    assert!(manager.try_notify(2).is_err());
    drop(second);
    drop(third);
    publish(&manager, [2]);
    assert_eq!(finish(&mut first), 2);
    now(manager.flush()).unwrap();
}
