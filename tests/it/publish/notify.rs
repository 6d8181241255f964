//! `try_notify` and `notify`: stored at once, or as soon as there is room.

use crate::drive::{now, read};
use genevent::error::TryNotifyError;
use genevent::{EventManager, SubscribeOptions};
use tokio_test::{assert_pending, assert_ready_eq, task};

#[test]
fn try_notify_returns_the_number_of_subscribers() {
    let manager = EventManager::new(8);
    assert_eq!(manager.try_notify('a'), Ok(0));
    let one = manager.subscribe();
    assert_eq!(manager.try_notify('b'), Ok(1));
    let two = manager.subscribe();
    assert_eq!(manager.try_notify('c'), Ok(2));
    drop(one);
    assert_eq!(manager.try_notify('d'), Ok(1));
    drop(two);
    assert_eq!(manager.try_notify('e'), Ok(0));
}

#[test]
fn an_event_for_nobody_waits_behind_no_publisher() {
    let manager = EventManager::new(1);
    let permit = now(manager.reserve()).unwrap();
    let mut reserve = task::spawn(manager.reserve());
    assert_pending!(reserve.poll());
    assert_eq!(now(manager.notify('a')), Ok(0));
    assert_eq!(manager.try_notify('b'), Ok(0));
    assert!(now(manager.sync_notify('c')).unwrap().is_unheard());
    drop(permit);
    assert!(reserve.is_woken());
}

#[test]
fn notify_counts_subscribers_when_the_event_is_stored() {
    let manager = EventManager::new(1);
    let mut here = manager.subscribe();
    let leaves = manager.subscribe_with(SubscribeOptions::new());
    manager.try_notify('a').unwrap();
    let mut publish = task::spawn(manager.notify('b'));
    assert_pending!(publish.poll());

    let (_third, _fourth) = (manager.subscribe(), manager.subscribe());
    drop(leaves);
    read(&mut here);
    assert_ready_eq!(publish.poll(), Ok(3));
}

// GenEvent case 35
#[test]
fn an_unheard_event_is_published_at_once() {
    let manager = EventManager::new(1);
    for _ in 0..3 {
        assert_eq!(manager.try_notify('a'), Ok(0));
        assert_eq!(now(manager.notify('b')), Ok(0));
        assert!(now(manager.ack_notify('c')).unwrap().is_unheard());
        assert!(now(manager.sync_notify('d')).unwrap().is_unheard());
    }
}

#[test]
fn an_unheard_event_takes_a_sequence_number() {
    let manager = EventManager::new(1);
    manager.try_notify('a').unwrap();
    now(manager.notify('b')).unwrap();
    assert_eq!(now(manager.ack_notify('c')).unwrap().seq(), 3);
    assert_eq!(now(manager.sync_notify('d')).unwrap().seq(), 4);
}

#[test]
fn a_refused_event_takes_no_sequence_number() {
    let manager = EventManager::new(1);
    let reader = manager.subscribe();
    manager.try_notify('a').unwrap();
    manager.try_notify('b').unwrap_err();
    drop(reader);
    assert_eq!(now(manager.sync_notify('c')).unwrap().seq(), 2);
}

#[test]
fn publishing_futures_are_lazy() {
    let manager = EventManager::new(8);
    let reader = manager.subscribe();
    let unpolled = (
        manager.notify('a'),
        manager.ack_notify('b'),
        manager.sync_notify('c'),
    );
    assert_eq!(reader.len(), 0);
    drop(unpolled);
    assert_eq!(reader.len(), 0);
    drop(reader);
    assert_eq!(now(manager.sync_notify('d')).unwrap().seq(), 1);
}

// GenEvent case 36
#[test]
fn notify_does_not_wait_for_reading() {
    let manager = EventManager::new(2);
    let reader = manager.subscribe();
    assert_eq!(now(manager.notify('a')), Ok(1));
    assert_eq!(now(manager.notify('b')), Ok(1));
    assert_eq!(reader.len(), 2);
}

#[test]
fn notify_waits_until_the_event_has_room() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    now(manager.notify('a')).unwrap();
    let mut publish = task::spawn(manager.notify('b'));
    assert_pending!(publish.poll());
    assert_eq!(reader.len(), 1, "it is not stored beyond the capacity");

    assert_eq!(read(&mut reader), Some('a'));
    assert!(publish.is_woken(), "room is told of at once");
    assert_ready_eq!(publish.poll(), Ok(1));
    assert_eq!(read(&mut reader), Some('b'));
}

#[test]
fn notify_waits_for_room_at_every_subscriber() {
    let manager = EventManager::new(2);
    let mut narrow = manager.subscribe_with(SubscribeOptions::new().window(1));
    let mut narrow_too = manager.subscribe_with(SubscribeOptions::new().window(1));
    let mut wide = manager.subscribe();
    now(manager.notify('a')).unwrap();
    let mut publish = task::spawn(manager.notify('b'));
    assert_pending!(publish.poll());

    read(&mut wide);
    assert!(!publish.is_woken(), "nobody waited for this one");
    read(&mut narrow);
    assert!(!publish.is_woken(), "one of two that are in the way");
    assert_pending!(publish.poll());
    read(&mut narrow_too);
    assert!(publish.is_woken());
    assert_ready_eq!(publish.poll(), Ok(3));
}

#[test]
fn notify_continues_when_the_blocking_subscriber_leaves() {
    let manager = EventManager::new(1);
    let slow = manager.subscribe();
    now(manager.notify('a')).unwrap();
    let mut publish = task::spawn(manager.notify('b'));
    assert_pending!(publish.poll());
    drop(slow);
    assert!(publish.is_woken());
    assert_ready_eq!(publish.poll(), Ok(0));
}

#[test]
fn a_full_try_notify_returns_the_event() {
    let manager = EventManager::new(2);
    let mut reader = manager.subscribe();
    manager.try_notify('a').unwrap();
    manager.try_notify('b').unwrap();
    assert_eq!(manager.try_notify('c'), Err(TryNotifyError::Full('c')));
    assert_eq!(manager.try_notify('c').unwrap_err().into_event(), 'c');

    read(&mut reader);
    assert_eq!(manager.try_notify('c'), Ok(1));
    assert_eq!(read(&mut reader), Some('b'));
    assert_eq!(read(&mut reader), Some('c'));
}

#[test]
fn try_notify_is_full_while_publishers_are_queued() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    let mut earlier = task::spawn(manager.notify(2));
    assert_pending!(earlier.poll());

    assert_eq!(read(&mut reader), Some(1));
    assert_eq!(reader.len(), 0, "there is room");
    assert_eq!(manager.try_notify(3), Err(TryNotifyError::Full(3)));
    assert_ready_eq!(earlier.poll(), Ok(1));
    assert_eq!(read(&mut reader), Some(2));
    assert_eq!(manager.try_notify(3), Ok(1));
}

// GenEvent case 47: bounded, where the original queues without end
#[test]
fn a_flood_behind_a_busy_reader_waits() {
    let manager = EventManager::new(4);
    let mut reader = manager.subscribe();
    let mut flood: Vec<_> = (0..100).map(|n| task::spawn(manager.notify(n))).collect();
    let stored = flood.iter_mut().filter_map(|n| match n.poll() {
        std::task::Poll::Ready(stored) => Some(stored),
        std::task::Poll::Pending => None,
    });
    assert_eq!(stored.count(), 4);
    assert_eq!(reader.len(), 4);

    for n in 0..100 {
        assert_eq!(read(&mut reader), Some(n));
        if let Some(next) = flood.get_mut(n + 4) {
            assert_ready_eq!(next.poll(), Ok(1));
        }
    }
}

#[test]
fn publishing_requires_no_traits_of_the_event() {
    struct Plain;

    let manager = EventManager::new(2);
    let reader = manager.subscribe();
    manager.try_notify(Plain).unwrap();
    now(manager.notify(Plain)).unwrap();
    let Plain = manager.try_notify(Plain).unwrap_err().into_event();
    assert_eq!(reader.len(), 2);
    drop(reader);
    assert!(now(manager.ack_notify(Plain)).unwrap().is_unheard());
    assert!(now(manager.sync_notify(Plain)).unwrap().is_unheard());
}

#[deny(unused_must_use)]
#[test]
fn a_receipt_may_be_ignored() {
    let manager = EventManager::new(1);
    now(manager.ack_notify('a')).unwrap();
    now(manager.sync_notify('b')).unwrap();
}
