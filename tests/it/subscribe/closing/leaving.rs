//! Leaving: a dropped subscription.

use genevent::EventManager;
use genevent::test_util::assert_next;
use tokio_test::{assert_pending, assert_ready, assert_ready_eq, assert_ready_ok, task};

use crate::drive::{read, read_all};

#[test]
fn dropping_a_subscription_settles_all_at_once() {
    let manager = EventManager::new(8);
    let mut leaver = manager.subscribe();
    let mut waiters: Vec<_> = (0..4)
        .map(|n| task::spawn(manager.sync_notify(n)))
        .collect();
    for waiter in &mut waiters {
        assert_pending!(waiter.poll());
    }
    let mut settled = task::spawn(manager.flush());
    assert_pending!(settled.poll());
    read(&mut leaver);
    drop(leaver);

    let receipts = waiters.iter_mut().map(|waiter| {
        assert!(waiter.is_woken());
        assert_ready_ok!(waiter.poll()).acked()
    });
    assert!(receipts.eq([0; 4]), "also the event in flight");
    assert!(settled.is_woken());
    assert_ready!(settled.poll()).unwrap();
}

#[test]
fn dropping_a_subscription_wakes_waiting_publishers() {
    let manager = EventManager::new(1);
    let slow = manager.subscribe();
    let mut fast = manager.subscribe();
    manager.try_notify(1).unwrap();
    assert_next!(fast, 1).now();
    let mut publish = task::spawn(manager.notify(2));
    assert_pending!(publish.poll());
    drop(slow);
    assert!(publish.is_woken());
    assert_ready_eq!(publish.poll(), Ok(1));
}

#[test]
fn an_ended_subscription_leaves_before_being_dropped() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    manager.close();
    assert_eq!(manager.subscriber_count(), 1, "it has something to read");
    assert_eq!(read_all(&mut reader), [1]);
    assert_eq!(manager.subscriber_count(), 0);
    assert!(!manager.disconnect(reader.id()));
}
