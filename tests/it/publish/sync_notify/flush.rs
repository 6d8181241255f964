//! `flush` waits for all stored events.

use genevent::{EventManager, Overflow, SubscribeOptions};
use tokio_test::{assert_pending, assert_ready, assert_ready_ok, task};

use crate::drive::{now, read, waits};

#[test]
fn flush_waits_until_stored_events_are_settled() {
    let manager = EventManager::new(256);
    let (mut one, mut two) = (manager.subscribe(), manager.subscribe());
    for n in 0..100 {
        manager.try_notify(n).unwrap();
    }
    let mut settled = task::spawn(manager.flush());
    assert_pending!(settled.poll());
    for n in 100..105 {
        manager.try_notify(n).unwrap();
    }

    for _ in 0..=100 {
        assert!(!settled.is_woken());
        read(&mut one);
    }
    for _ in 0..100 {
        assert!(!settled.is_woken());
        read(&mut two);
    }
    assert_pending!(settled.poll(), "the hundredth is in hand");
    two.ack();
    assert!(settled.is_woken());
    assert_ready!(settled.poll()).unwrap();
    assert!(!manager.is_closed());
    assert_eq!((one.len(), two.len()), (4, 5), "later ones do not count");
}

#[test]
fn flush_waits_for_an_event_in_flight() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    manager.try_notify('a').unwrap();
    read(&mut reader);
    let mut settled = task::spawn(manager.flush());
    assert_pending!(settled.poll());
    assert!(waits(&mut reader), "which finishes it");
    assert!(settled.is_woken());
    assert_ready!(settled.poll()).unwrap();
}

#[test]
fn flush_is_ready_at_once_without_debts() {
    let manager = EventManager::new(8);
    now(manager.flush()).unwrap();
    let mut reader = manager.subscribe();
    now(manager.flush()).unwrap();
    manager.try_notify('a').unwrap();
    read(&mut reader);
    reader.ack();
    now(manager.flush()).unwrap();
}

#[test]
fn flush_of_disconnected_waits_only_for_in_flight() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    manager.try_notify('a').unwrap();
    manager.try_notify('b').unwrap();
    read(&mut reader);
    manager.disconnect(reader.id());
    let mut settled = task::spawn(manager.flush());
    assert_pending!(settled.poll());
    assert_eq!(read(&mut reader), Some('b'));
    assert!(settled.is_woken());
    assert_ready!(settled.poll()).unwrap();
    now(manager.flush()).unwrap();
}

#[test]
fn flush_counts_overwritten_events_as_settled() {
    let manager = EventManager::new(2);
    let mut lossy = manager.subscribe_with(Overflow::DropOldest);
    for n in 1..=2 {
        manager.try_notify(n).unwrap();
    }
    let mut settled = task::spawn(manager.flush());
    assert_pending!(settled.poll());
    manager.try_notify(3).unwrap();
    assert_pending!(settled.poll());
    manager.try_notify(4).unwrap();
    assert!(settled.is_woken());
    assert_ready!(settled.poll()).unwrap();
    assert_eq!(read(&mut lossy), Some(3));
}

#[test]
fn flush_waits_for_in_flight_before_overwritten_events() {
    let manager = EventManager::new(1);
    let mut lossy = manager.subscribe_with(Overflow::DropOldest);
    manager.try_notify(1).unwrap();
    read(&mut lossy);
    manager.try_notify(2).unwrap();
    let mut settled = task::spawn(manager.flush());
    assert_pending!(settled.poll());
    manager.try_notify(3).unwrap();
    assert_pending!(settled.poll());
    lossy.ack();
    assert!(settled.is_woken());
    assert_ready!(settled.poll()).unwrap();
}

#[test]
fn flush_waits_for_in_flight_after_a_disconnect() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    manager.try_notify('a').unwrap();
    manager.try_notify('b').unwrap();
    read(&mut reader);
    let mut settled = task::spawn(manager.flush());
    assert_pending!(settled.poll());
    manager.disconnect(reader.id());
    assert_pending!(settled.poll());
    reader.ack();
    assert!(settled.is_woken());
    assert_ready!(settled.poll()).unwrap();
}

#[test]
fn concurrent_flushes_and_syncs_each_resolve() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe_with(SubscribeOptions::new().window(8));
    let mut waiting = Vec::new();
    for n in 1..=8 {
        let mut done = task::spawn(manager.sync_notify(n));
        assert_pending!(done.poll());
        let mut settled = task::spawn(manager.flush());
        assert_pending!(settled.poll());
        waiting.push((done, settled));
    }
    for (mut done, mut settled) in waiting {
        assert_pending!(done.poll());
        assert_pending!(settled.poll());
        read(&mut reader);
        assert_pending!(done.poll());
        assert_pending!(settled.poll());
        reader.ack();
        assert_ready_ok!(done.poll());
        assert_ready!(settled.poll()).unwrap();
    }
}
