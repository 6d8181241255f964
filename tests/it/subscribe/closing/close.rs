//! `close`: nothing more is stored, and every waiting task is notified.

use genevent::error::{NotifyError, TryNotifyError};
use genevent::test_util::{assert_ended, assert_next};
use genevent::{EndReason, EventManager, Overflow};
use tokio_test::{assert_pending, assert_ready, assert_ready_eq, assert_ready_ok, task};

use crate::drive::{now, read, read_all};

// GenEvent cases 17, 18
#[test]
fn after_close_every_call_returns_the_event() {
    let manager = EventManager::new(8);
    let reader = manager.subscribe();
    manager.close();
    assert!(manager.is_closed());
    assert_eq!(manager.try_notify(1), Err(TryNotifyError::Closed(1)));
    assert_eq!(now(manager.notify(2)), Err(NotifyError::Closed(2)));
    assert_eq!(now(manager.ack_notify(3)).unwrap_err().into_event(), 3);
    assert_eq!(now(manager.sync_notify(4)).unwrap_err().into_event(), 4);
    assert_eq!(reader.len(), 0);
}

#[test]
fn close_returns_the_events_of_queued_publishers() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    manager.try_notify(0).unwrap();
    let mut notify = task::spawn(manager.notify(1));
    let mut ack = task::spawn(manager.ack_notify(2));
    let mut sync = task::spawn(manager.sync_notify(3));
    assert_pending!(notify.poll());
    assert_pending!(ack.poll());
    assert_pending!(sync.poll());

    manager.close();
    assert!(notify.is_woken() && ack.is_woken() && sync.is_woken());
    assert_ready_eq!(sync.poll(), Err(NotifyError::Closed(3)));
    assert_ready_eq!(notify.poll(), Err(NotifyError::Closed(1)));
    assert_ready_eq!(ack.poll(), Err(NotifyError::Closed(2)));
    assert_eq!(read_all(&mut reader), [0]);
}

#[test]
fn close_returns_the_event_of_an_unpolled_publisher() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    let mut publish = task::spawn(manager.notify(2));
    assert_pending!(publish.poll());
    read(&mut reader);
    assert!(publish.is_woken());
    manager.close();
    assert_ready_eq!(publish.poll(), Err(NotifyError::Closed(2)));
    assert_ended!(reader).now();
}

// GenEvent case 123
#[test]
fn subscribers_read_stored_events_and_then_end() {
    let manager = EventManager::new(200);
    let mut readers = [
        manager.subscribe(),
        manager.subscribe_with(Overflow::DropOldest),
        manager.subscribe_with(Overflow::Disconnect),
    ];
    for n in 0..200 {
        manager.try_notify(n).unwrap();
    }
    read(&mut readers[0]);
    manager.close();
    for (first, reader) in [1, 0, 0].into_iter().zip(&mut readers) {
        assert_eq!(reader.end_reason(), None);
        assert!(read_all(reader).into_iter().eq(first..200));
        assert_eq!(reader.end_reason(), Some(EndReason::Closed));
        assert_eq!(read(reader), None);
        assert_eq!(read(reader), None);
    }
}

#[test]
fn close_wakes_a_parked_reader() {
    let manager = EventManager::<u8>::new(8);
    let mut reader = task::spawn(manager.subscribe());
    assert_pending!(reader.poll_next());
    manager.close();
    assert!(reader.is_woken());
    assert_ready_eq!(reader.poll_next(), None);
}

#[test]
fn close_may_be_called_again() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    manager.close();
    manager.close();
    assert_eq!(read_all(&mut reader), [1]);
    manager.close();
    assert_ended!(reader).now();
}

// GenEvent case 45: publishers continue to wait, since the event is stored and still acknowledged
#[test]
fn stored_events_are_still_acknowledged_after_close() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    let mut done = task::spawn(manager.sync_notify(1));
    let mut received = task::spawn(manager.ack_notify(2));
    assert_pending!(done.poll());
    assert_pending!(received.poll());
    manager.close();
    assert_pending!(done.poll());
    assert_next!(reader, 1).now();
    assert_pending!(done.poll());
    assert_next!(reader, 2).now();
    assert!(assert_ready_ok!(done.poll()).all_acked());
    assert!(assert_ready_ok!(received.poll()).all_acked());
}

#[test]
fn the_end_of_the_stream_finishes_the_last_event() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    let mut done = task::spawn(manager.sync_notify(1));
    assert_pending!(done.poll());
    manager.close();
    assert_next!(reader, 1).now();
    assert_pending!(done.poll());
    assert_ended!(reader).now();
    assert!(assert_ready_ok!(done.poll()).all_acked());
}

#[test]
fn a_reader_may_close_its_own_manager() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    assert_next!(reader, 1).now();
    manager.close();
    assert_ended!(reader).now();
}

// GenEvent case 8
#[test]
fn closed_resolves_for_every_waiter() {
    let manager = EventManager::<()>::default();
    let other = manager.clone();
    assert!(!manager.is_closed());
    let mut one = task::spawn(manager.closed());
    let mut two = task::spawn(other.closed());
    assert_pending!(one.poll());
    assert_pending!(two.poll());
    manager.close();
    assert!(one.is_woken() && two.is_woken());
    assert_ready!(one.poll());
    assert_ready!(two.poll());
    now(manager.closed());
}

#[test]
fn closing_keeps_the_front_notified_until_polled() {
    let manager = EventManager::new(1);
    let reader = manager.subscribe();
    manager.try_notify(0).unwrap();
    let mut publishers = [1, 2, 3].map(|event| task::spawn(manager.notify(event)));
    let mut permit = task::spawn(manager.reserve());
    for publisher in &mut publishers {
        assert_pending!(publisher.poll());
    }
    assert_pending!(permit.poll());
    assert!(!manager.stats().is_front_notified());
    manager.close();
    for publisher in &mut publishers {
        assert!(manager.stats().is_front_notified(), "woken, and not polled");
        assert!(publisher.is_woken());
        assert!(assert_ready!(publisher.poll()).is_err());
    }
    assert!(manager.stats().is_front_notified());
    drop(permit);
    assert!(!manager.stats().is_front_notified(), "nobody waits");
    drop(reader);
}
