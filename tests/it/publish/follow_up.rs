//! `follow_up` publishes the consequence of an event in flight, past full windows and without
//! waiting.

mod in_flight;
mod kinds;
mod other_type;
#[cfg(feature = "rt")]
mod tasks;

use futures::{FutureExt, Stream, StreamExt};
use genevent::error::{FollowUpError, TryNotifyError};
use genevent::{DisconnectCause, EndReason, EventManager, Overflow, SubscribeOptions};
use tokio_test::{assert_pending, assert_ready_eq, task};

use crate::drive::{now, read, read_all, waits};

#[test]
fn follow_ups_are_stored_for_all_subscribers_in_order() {
    let manager = EventManager::new(1);
    let (mut reader, mut other) = (manager.subscribe(), manager.subscribe());
    manager.try_notify(1).unwrap();
    assert_eq!(read(&mut reader), Some(1));
    for n in 2..=4 {
        assert_eq!(reader.follow_up(n), Ok(2));
    }
    assert_eq!((reader.len(), other.len()), (3, 4));
    manager.close();
    assert_eq!(read_all(&mut reader), [2, 3, 4]);
    assert_eq!(read_all(&mut other), [1, 2, 3, 4]);
}

#[test]
fn publishers_wait_until_all_windows_have_room_again() {
    let manager = EventManager::new(1);
    let (mut reader, mut other) = (manager.subscribe(), manager.subscribe());
    manager.try_notify(1).unwrap();
    assert_eq!((read(&mut reader), read(&mut other)), (Some(1), Some(1)));
    reader.follow_up(2).unwrap();
    reader.follow_up(3).unwrap();
    assert_eq!(manager.try_notify(9), Err(TryNotifyError::Full(9)));
    let mut outside = task::spawn(manager.notify(9));
    assert_pending!(outside.poll());

    assert_eq!((read(&mut reader), read(&mut other)), (Some(2), Some(2)));
    assert_eq!(read(&mut reader), Some(3));
    assert!(!outside.is_woken(), "the other one has no room yet");
    assert_pending!(outside.poll());
    assert_eq!(read(&mut other), Some(3));
    assert!(outside.is_woken());
    assert_ready_eq!(outside.poll(), Ok(2));
}

#[test]
fn a_follow_up_goes_ahead_of_queued_publishers() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    let mut queued = task::spawn(manager.notify(9));
    assert_pending!(queued.poll());
    assert_eq!(read(&mut reader), Some(1));
    assert!(queued.is_woken(), "it has a granted place");
    assert_eq!(reader.follow_up(2), Ok(1));
    assert_ready_eq!(queued.poll(), Ok(1), "which it keeps");
    manager.close();
    assert_eq!(read_all(&mut reader), [2, 9]);
}

#[test]
fn a_follow_up_wakes_parked_readers() {
    let manager = EventManager::new(1);
    let (mut reader, mut parked) = (manager.subscribe(), manager.subscribe());
    let mut filtered = manager.subscribe_filter(|n| *n == 2);
    manager.try_notify(1).unwrap();
    assert_eq!((read(&mut reader), read(&mut parked)), (Some(1), Some(1)));
    let mut next = task::spawn(&mut parked);
    let mut next_filtered = task::spawn(&mut filtered);
    assert_pending!(next.poll_next());
    assert_pending!(next_filtered.poll_next());
    assert_eq!(reader.follow_up(2), Ok(3));
    assert!(next.is_woken() && next_filtered.is_woken());
    assert_ready_eq!(next.poll_next(), Some(2));
    assert_ready_eq!(next_filtered.poll_next(), Some(2));
}

#[test]
fn permits_are_not_waited_for_and_still_deliver() {
    let manager = EventManager::new(2);
    let mut reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    let permit = now(manager.reserve()).unwrap();
    assert_eq!(read(&mut reader), Some(1));
    for n in 2..=4 {
        assert_eq!(reader.follow_up(n), Ok(1));
    }
    assert_eq!(permit.notify(5), 1);
    assert!(manager.reserve().now_or_never().is_none());
    for n in 2..=5 {
        assert_eq!(read(&mut reader), Some(n));
    }
    assert!(manager.reserve().now_or_never().is_some());
}

/// Lossy subscribers have no room past their windows.
#[test]
fn lossy_subscribers_keep_to_their_windows() {
    let manager = EventManager::new(2);
    let mut reader = manager.subscribe();
    let mut newest = manager.subscribe_with(Overflow::DropOldest);
    let mut strict = manager.subscribe_with(Overflow::Disconnect);
    manager.try_notify(1).unwrap();
    assert_eq!(read(&mut reader), Some(1));
    assert_eq!(
        [2, 3, 4].map(|n| reader.follow_up(n)),
        [Ok(3), Ok(2), Ok(2)]
    );
    manager.close();
    assert_eq!(read_all(&mut reader), [2, 3, 4]);
    assert_eq!((newest.missed(), read_all(&mut newest)), (2, vec![3, 4]));
    assert_eq!(read_all(&mut strict), [1, 2]);
    assert!(matches!(
        strict.end_reason(),
        Some(EndReason::Disconnected {
            cause: DisconnectCause::Overflow,
            ..
        })
    ));
}

/// The bound of the memory: the events within the windows, and the follow-ups of each.
#[test]
fn stored_events_are_bounded_by_what_each_event_leads_to() {
    const CAPACITY: usize = 4;
    const EACH: usize = 3;
    let manager = EventManager::new(CAPACITY);
    let mut reader = manager.subscribe();
    let mut slow = manager.subscribe();
    let mut publishers: Vec<_> = (0..100).map(|_| manager.notify("order")).collect();
    for _ in 0..3 {
        // Publishers without room stay queued.
        publishers.retain_mut(|publisher| publisher.now_or_never().is_none());
        while let Some(event) = next_if_any(&mut reader) {
            if event == "order" {
                (0..EACH).for_each(|_| assert_eq!(reader.follow_up("step"), Ok(2)));
            }
        }
    }
    assert_eq!(slow.len(), CAPACITY + CAPACITY * EACH);
    drop(publishers);
    for _ in 0..CAPACITY * EACH {
        read(&mut slow);
        assert_eq!(
            manager.try_notify("order"),
            Err(TryNotifyError::Full("order"))
        );
    }
    read(&mut slow);
    assert_eq!(slow.len(), CAPACITY - 1);
}

#[test]
fn a_closed_manager_returns_the_follow_up() {
    let manager = EventManager::new(4);
    let mut reader = manager.subscribe();
    let mut jobs = manager.subscribe().deliveries();
    manager.try_notify(1).unwrap();
    assert_eq!(read(&mut reader), Some(1));
    let job = read(&mut jobs).unwrap();
    let follow_ups = reader.follow_ups();
    manager.close();
    let closed = Err(FollowUpError::Closed(2));
    assert_eq!(reader.follow_up(2), closed);
    assert_eq!(follow_ups.notify(2), closed);
    assert_eq!(job.follow_up(2), closed);
    assert!(waits(&mut jobs) || jobs.is_empty());
}

#[test]
fn a_delivery_that_outlives_everything_finds_it_closed() {
    let manager = EventManager::new(4);
    let mut jobs = manager.subscribe().deliveries();
    manager.try_notify(1).unwrap();
    let job = read(&mut jobs).unwrap();
    drop(manager);
    drop(jobs);
    let error = job.follow_up(2).unwrap_err();
    assert_eq!(error, FollowUpError::Closed(2));
    assert_eq!(error.into_event(), 2);
}

#[test]
fn a_delivery_whose_stream_is_gone_still_publishes() {
    let manager = EventManager::new(1);
    let mut other = manager.subscribe();
    let mut jobs = manager.subscribe().deliveries();
    manager.try_notify(1).unwrap();
    let job = read(&mut jobs).unwrap();
    drop(jobs);
    assert_eq!(job.follow_up(2), Ok(1));
    assert_eq!((read(&mut other), read(&mut other)), (Some(1), Some(2)));
}

#[test]
fn a_follow_up_of_a_follow_up_is_one() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe_with(SubscribeOptions::new().window(1));
    manager.try_notify(10).unwrap();
    let mut seen = Vec::new();
    while let Some(n) = next_if_any(&mut reader) {
        seen.push(n);
        if n > 0 {
            reader.follow_up(n - 1).unwrap();
        }
    }
    assert_eq!(seen, (0..=10).rev().collect::<Vec<_>>());
}

fn next_if_any<S: Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
    stream.next().now_or_never().flatten()
}
