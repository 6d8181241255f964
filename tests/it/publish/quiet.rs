//! `quiet` waits until every event is settled and no publisher is queued, at the same moment.

#[cfg(feature = "rt")]
mod handlers;

use futures::FutureExt;
use genevent::{EventManager, SubscribeOptions};
use tokio_test::{assert_pending, assert_ready, assert_ready_eq, task};

use crate::drive::{now, read, waits, with_counted_waker};

#[test]
fn quiet_is_ready_at_once_while_nothing_goes_on() {
    let manager = EventManager::new(4);
    assert_eq!(now(manager.quiet()), Ok(()));
    manager.try_notify(1).unwrap();
    assert_eq!(now(manager.quiet()), Ok(()), "nobody heard it");
    let mut reader = manager.subscribe();
    manager.try_notify(2).unwrap();
    assert_eq!(read(&mut reader), Some(2));
    reader.ack();
    assert_eq!(now(manager.quiet()), Ok(()));
    manager.close();
    assert_eq!(now(manager.quiet()), Ok(()));
}

#[test]
fn quiet_waits_for_follow_ups_of_follow_ups() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    manager.try_notify(5).unwrap();
    let mut quiet = task::spawn(manager.quiet());
    assert_pending!(quiet.poll());
    for n in (0..5).rev() {
        assert_eq!(read(&mut reader), Some(n + 1));
        assert_pending!(quiet.poll());
        reader.follow_up(n).unwrap();
    }
    assert_eq!(read(&mut reader), Some(0));
    assert_pending!(quiet.poll());
    reader.ack();
    assert!(quiet.is_woken());
    assert_ready_eq!(quiet.poll(), Ok(()));
}

#[test]
fn quiet_waits_for_events_of_other_publishers() {
    let manager = EventManager::new(4);
    let mut reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    let mut quiet = task::spawn(manager.quiet());
    let mut flushed = task::spawn(manager.flush());
    assert_pending!(quiet.poll());
    assert_pending!(flushed.poll());
    manager.try_notify(2).unwrap();
    assert_eq!((read(&mut reader), read(&mut reader)), (Some(1), Some(2)));
    assert_ready_eq!(flushed.poll(), Ok(()));
    assert_pending!(quiet.poll(), "the second is in flight");
    assert!(waits(&mut reader));
    assert!(quiet.is_woken());
    assert_ready_eq!(quiet.poll(), Ok(()));
}

#[test]
fn quiet_waits_for_queued_publishers_and_their_events() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    let mut publishers = [2, 3].map(|n| task::spawn(manager.notify(n)));
    for publisher in &mut publishers {
        assert_pending!(publisher.poll());
    }
    let mut quiet = task::spawn(manager.quiet());
    assert_pending!(quiet.poll());
    for (n, publisher) in [1, 2].into_iter().zip(&mut publishers) {
        assert_eq!(read(&mut reader), Some(n));
        reader.ack();
        assert!(!quiet.is_woken(), "a publisher has a place, or waits");
        assert_ready_eq!(publisher.poll(), Ok(1));
    }
    assert!(quiet.is_woken(), "none is queued any more");
    assert_pending!(quiet.poll(), "the last event is unread");
    assert_eq!(read(&mut reader), Some(3));
    reader.ack();
    assert!(quiet.is_woken());
    assert_ready_eq!(quiet.poll(), Ok(()));
}

/// Room for the event of a queued publisher is reserved by a permit, and nothing is unsettled.
#[test]
fn a_publisher_that_waits_for_a_permit_is_waited_for() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    let permit = now(manager.reserve()).unwrap();
    assert_eq!(now(manager.quiet()), Ok(()), "a permit is no event");
    let mut queued = task::spawn(manager.notify(2));
    assert_pending!(queued.poll());
    let mut quiet = task::spawn(manager.quiet());
    assert_pending!(quiet.poll());
    drop(permit);
    assert!(queued.is_woken() && !quiet.is_woken());
    assert_ready_eq!(queued.poll(), Ok(1));
    assert!(quiet.is_woken());
    assert_pending!(quiet.poll());
    assert_eq!(read(&mut reader), Some(2));
    reader.ack();
    assert_ready_eq!(quiet.poll(), Ok(()));
}

#[test]
fn a_cancelled_publisher_is_not_waited_for() {
    for is_granted in [false, true] {
        let manager = EventManager::new(1);
        let mut reader = manager.subscribe();
        manager.try_notify(1).unwrap();
        let mut queued = task::spawn(manager.reserve());
        assert_pending!(queued.poll());
        let mut quiet = task::spawn(manager.quiet());
        assert_pending!(quiet.poll());
        if is_granted {
            assert_eq!(read(&mut reader), Some(1));
            reader.ack();
            assert_pending!(quiet.poll(), "the publisher has yet to take its place");
        }
        drop(queued);
        assert!(quiet.is_woken());
        if !is_granted {
            assert_pending!(quiet.poll());
            assert_eq!(read(&mut reader), Some(1));
            reader.ack();
        }
        assert_ready_eq!(quiet.poll(), Ok(()));
    }
}

#[test]
fn publishers_rejected_by_close_are_not_waited_for() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    let mut queued = task::spawn(manager.notify(2));
    assert_pending!(queued.poll());
    let mut quiet = task::spawn(manager.quiet());
    assert_pending!(quiet.poll());
    manager.close();
    assert!(quiet.is_woken());
    assert_pending!(quiet.poll(), "the first event is unread");
    assert_eq!(read(&mut reader), Some(1));
    assert_eq!(read(&mut reader), None);
    assert!(
        quiet.is_woken(),
        "although the publisher has not been polled"
    );
    assert_ready_eq!(quiet.poll(), Ok(()));
    assert!(assert_ready!(queued.poll()).is_err());
}

#[test]
fn subscribers_that_end_are_not_waited_for() {
    let manager = EventManager::new(4);
    let leaves = manager.subscribe();
    let (disconnected, filtered) = (manager.subscribe(), manager.subscribe_filter(|_| true));
    let mut jobs = manager.subscribe().deliveries();
    manager.try_notify(1).unwrap();
    let job = read(&mut jobs).unwrap();
    let mut quiet = task::spawn(manager.quiet());
    assert_pending!(quiet.poll());
    drop(leaves);
    manager.disconnect(disconnected.id());
    drop((filtered, jobs));
    assert_pending!(quiet.poll(), "a delivery is in flight");
    drop(job);
    assert!(quiet.is_woken());
    assert_ready_eq!(quiet.poll(), Ok(()));
}

#[test]
fn replayed_events_are_not_waited_for() {
    let manager = EventManager::builder().capacity(4).retain(1).build();
    manager.try_notify(1).unwrap();
    let mut reader = manager.subscribe_with(SubscribeOptions::new().replay(1));
    assert_eq!(now(manager.quiet()), Ok(()));
    assert_eq!(read(&mut reader), Some(1));
    assert_eq!(now(manager.quiet()), Ok(()));
    reader.follow_up(2).unwrap();
    let mut quiet = task::spawn(manager.quiet());
    assert_pending!(quiet.poll());
    assert_eq!(read(&mut reader), Some(2));
    assert!(waits(&mut reader));
    assert_ready_eq!(quiet.poll(), Ok(()));
}

/// A round of waiting ends when the events stored at its beginning are settled.
#[test]
fn quiet_is_woken_once_for_many_events() {
    let manager = EventManager::new(128);
    let mut reader = manager.subscribe();
    for n in 0..100 {
        manager.try_notify(n).unwrap();
    }
    let mut quiet = task::spawn(manager.quiet());
    assert_pending!(quiet.poll());
    for n in 0..100 {
        assert_eq!(read(&mut reader), Some(n));
        assert!(!quiet.is_woken());
    }
    reader.ack();
    assert!(quiet.is_woken());
    assert_ready_eq!(quiet.poll(), Ok(()));
}

#[test]
fn several_wait_for_quiet_beside_other_waits() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    let mut queued = task::spawn(manager.notify(2));
    assert_pending!(queued.poll());
    let mut closed = task::spawn(manager.closed());
    let mut third = task::spawn(manager.wait_for_subscribers(3));
    let mut all: Vec<_> = (0..3).map(|_| task::spawn(manager.quiet())).collect();
    assert_pending!(closed.poll());
    assert_pending!(third.poll());
    for quiet in &mut all {
        assert_pending!(quiet.poll());
    }
    drop(all.pop());
    assert_eq!(read(&mut reader), Some(1));
    assert_ready_eq!(queued.poll(), Ok(1));
    for quiet in &mut all {
        assert!(quiet.is_woken());
        assert_pending!(quiet.poll());
    }
    assert_eq!(read(&mut reader), Some(2));
    reader.ack();
    for quiet in &mut all {
        assert!(quiet.is_woken());
        assert_ready_eq!(quiet.poll(), Ok(()));
    }
    assert!(!closed.is_woken() && !third.is_woken());
}

#[test]
fn a_dropped_wait_for_quiet_leaves_no_waker_behind() {
    let manager = EventManager::new(4);
    let _reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    let mut quiet = manager.quiet();
    let ((), wakers_left) = with_counted_waker(|cx| {
        assert!(quiet.poll_unpin(cx).is_pending());
        drop(quiet);
    });
    assert_eq!(wakers_left, 0);
}
