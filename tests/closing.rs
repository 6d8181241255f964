//! Leaving, closing, stopping, disconnecting: how things end, and that nobody is left behind.

use std::time::Duration;

use crate::drive::{now, read, read_all};
use futures::{StreamExt, join};
use genevent::error::{NotifyError, TryNotifyError};
use genevent::test_util::{self, assert_ended, assert_next};
use genevent::{DisconnectCause, EndReason, EventManager, Overflow, SubscribeOptions};
use tokio::time::{sleep, timeout};
use tokio_test::{assert_pending, assert_ready, assert_ready_eq, assert_ready_ok, task};

// ---- Leaving ------------------------------------------------------------------------------------

#[test]
fn dropping_a_subscription_settles_all_it_owed_at_once() {
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
    assert!(receipts.eq([1, 0, 0, 0]), "one was in hand");
    assert!(settled.is_woken());
    assert_ready!(settled.poll()).unwrap();
}

#[test]
fn dropping_a_subscription_wakes_who_waits_for_its_room() {
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
fn a_subscription_that_has_ended_is_gone_before_it_is_dropped() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    manager.close();
    assert_eq!(manager.subscriber_count(), 1, "it has something to read");
    assert_eq!(read_all(&mut reader), [1]);
    assert_eq!(manager.subscriber_count(), 0);
    assert!(!manager.disconnect(reader.id()));
}

// ---- close --------------------------------------------------------------------------------------

// GenEvent cases 17, 18
#[test]
fn after_close_every_call_gives_the_event_back() {
    let manager = EventManager::new(8);
    let reader = manager.subscribe();
    manager.close();
    assert!(manager.is_closed());
    assert_eq!(manager.try_notify(1), Err(TryNotifyError::Closed(1)));
    assert_eq!(now(manager.notify(2)), Err(NotifyError::Closed(2)));
    assert_eq!(now(manager.ack_notify(3)).unwrap_err().into_event(), 3);
    assert_eq!(now(manager.sync_notify(4)).unwrap_err().into_event(), 4);
    assert_eq!(reader.pending(), 0);
}

#[test]
fn close_sends_everybody_in_line_home_with_their_event() {
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
fn a_publisher_that_was_called_but_not_polled_before_close_is_sent_home_too() {
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
fn subscribers_read_what_is_stored_and_then_end_for_good() {
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
fn close_wakes_a_reader_that_waits() {
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

// GenEvent case 45: the wait for answers goes on, since the event is stored and is still answered
#[test]
fn close_breaks_no_promise_about_what_is_stored() {
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
fn a_reader_may_close_the_manager_it_reads() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    assert_next!(reader, 1).now();
    manager.close();
    assert_ended!(reader).now();
}

// GenEvent case 8
#[test]
fn closed_resolves_for_everybody_who_waits_for_it() {
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

// ---- The last manager ---------------------------------------------------------------------------

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
fn a_weak_manager_does_not_keep_it_open() {
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
fn an_upgraded_manager_keeps_it_open() {
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
fn a_manager_that_is_closed_but_held_can_still_be_reached() {
    let manager = EventManager::<u8>::new(8);
    let weak = manager.downgrade();
    manager.close();
    assert!(weak.upgrade().is_some_and(|manager| manager.is_closed()));
}

#[test]
fn a_subscription_does_not_keep_it_open() {
    let manager = EventManager::<u8>::new(8);
    let weak = manager.downgrade();
    let (mut one, mut two) = (manager.subscribe(), manager.subscribe().with_missed());
    drop(manager);
    assert!(weak.upgrade().is_none());
    assert_ended!(one).now();
    assert_ended!(two).now();
}

// ---- stop ---------------------------------------------------------------------------------------

// GenEvent cases 2, 15
#[test]
fn stop_closes_and_waits_until_every_stored_event_is_settled() {
    let manager = EventManager::new(8);
    let (mut reader, leaver) = (manager.subscribe(), manager.subscribe());
    manager.try_notify(1).unwrap();
    manager.try_notify(2).unwrap();
    let mut stopped = task::spawn(manager.stop());
    assert_pending!(stopped.poll());
    assert!(manager.is_closed());
    assert_eq!(manager.try_notify(3), Err(TryNotifyError::Closed(3)));

    assert_next!(reader, 1).now();
    assert_next!(reader, 2).now();
    assert_ended!(reader).now();
    assert_pending!(stopped.poll());
    drop(leaver);
    assert!(stopped.is_woken());
    assert_ready!(stopped.poll()).unwrap();
}

#[test]
fn stop_waits_for_an_event_in_hand() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    read(&mut reader);
    let mut stopped = task::spawn(manager.stop());
    assert_pending!(stopped.poll());
    reader.ack();
    assert!(stopped.is_woken());
    assert_ready!(stopped.poll()).unwrap();
    assert_ended!(reader, "its `None` was not waited for").now();
}

#[test]
fn stop_is_ready_at_once_when_nothing_is_owed() {
    let manager = EventManager::<u8>::new(8);
    let _idle = manager.subscribe();
    now(manager.stop()).unwrap();
    now(manager.stop()).unwrap();
    assert!(manager.is_closed());
}

#[test]
fn stop_closes_from_its_first_poll_on_even_if_it_is_dropped() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    let mut stopped = task::spawn(manager.stop());
    assert!(!manager.is_closed(), "it is lazy");
    assert_pending!(stopped.poll());
    drop(stopped);
    assert!(manager.is_closed());
    assert_eq!(read_all(&mut reader), [1]);
}

// GenEvent case 16
#[tokio::test(start_paused = true)]
async fn a_stop_that_times_out_stops_nevertheless() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    manager.notify(1).await.unwrap();
    let work = async {
        while reader.next().await.is_some() {
            sleep(Duration::from_secs(10)).await;
        }
        reader.end_reason()
    };
    let stop = async {
        let impatient = timeout(Duration::from_secs(1), manager.stop()).await;
        impatient.unwrap_err();
        assert!(manager.is_closed());
        manager.stop().await.unwrap();
    };
    let (end, ()) = join!(work, stop);
    assert_eq!(end, Some(EndReason::Closed));
}

// ---- disconnect ---------------------------------------------------------------------------------

fn on_request(end: Option<EndReason>) -> bool {
    matches!(
        end,
        Some(EndReason::Disconnected {
            cause: DisconnectCause::Requested,
            ..
        })
    )
}

// GenEvent cases 127, 133
#[test]
fn a_disconnected_subscription_yields_what_it_had_not_read_and_ends() {
    for read_before in [0, 1, 2, 63, 64, 65, 199, 200] {
        let manager = EventManager::new(200);
        let mut reader = manager.subscribe();
        for n in 0..200 {
            manager.try_notify(n).unwrap();
        }
        for n in 0..read_before {
            assert_next!(reader, n).now();
        }
        assert!(manager.disconnect(reader.id()));
        assert_eq!(manager.subscriber_count(), 0);
        assert_eq!(manager.try_notify(200), Ok(0), "it does not count any more");

        assert_eq!(reader.end_reason(), None);
        assert!(read_all(&mut reader).into_iter().eq(read_before..200));
        assert!(on_request(reader.end_reason()));
        assert_ended!(reader).now();
    }
}

#[test]
fn a_subscriber_can_be_disconnected_once() {
    let manager = EventManager::new(8);
    let reader = manager.subscribe();
    let id = reader.id();
    manager.try_notify(1).unwrap();
    assert!(manager.disconnect(id));
    assert!(!manager.disconnect(id));
    drop(reader);
    assert!(!manager.disconnect(id));

    let next = manager.subscribe();
    assert_ne!(next.id(), id);
    assert!(
        !manager.disconnect(id),
        "nor does the next one answer to its id"
    );
    assert_eq!(manager.subscriber_count(), 1);
}

#[test]
fn a_disconnected_subscription_owes_only_what_it_has_in_hand() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    let mut waiters: Vec<_> = (1..=3)
        .map(|n| task::spawn(manager.sync_notify(n)))
        .collect();
    for waiter in &mut waiters {
        assert_pending!(waiter.poll());
    }
    // In the middle of a batch: 2 is in hand, 3 has been fetched ahead.
    assert_next!(reader, 1).now();
    assert_next!(reader, 2).now();
    assert!(assert_ready_ok!(waiters[0].poll()).all_acked());

    manager.disconnect(reader.id());
    assert!(waiters[2].is_woken());
    assert_eq!(
        assert_ready_ok!(waiters[2].poll()).dropped_by(),
        [reader.id()]
    );
    assert_pending!(waiters[1].poll());

    assert_next!(reader, 3).now();
    assert!(waiters[1].is_woken());
    assert!(assert_ready_ok!(waiters[1].poll()).all_acked());
    assert_ended!(reader).now();
}

#[test]
fn what_a_disconnected_subscription_has_in_hand_can_be_acked() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    let mut in_hand = task::spawn(manager.sync_notify(2));
    assert_pending!(in_hand.poll());
    let mut ahead = task::spawn(manager.sync_notify(3));
    assert_pending!(ahead.poll());
    read(&mut reader);
    read(&mut reader);

    manager.disconnect(reader.id());
    assert_pending!(in_hand.poll());
    reader.ack();
    assert!(assert_ready_ok!(in_hand.poll()).all_acked());
    assert_eq!(assert_ready_ok!(ahead.poll()).dropped(), 1);
    assert_eq!(read_all(&mut reader), [3]);
}

#[test]
fn disconnecting_wakes_a_reader_that_waits() {
    let manager = EventManager::<u8>::new(8);
    let mut reader = task::spawn(manager.subscribe());
    assert_pending!(reader.poll_next());
    manager.disconnect(reader.id());
    assert!(reader.is_woken());
    assert_ready_eq!(reader.poll_next(), None);
    assert!(on_request(reader.end_reason()));
}

#[test]
fn disconnecting_the_one_in_the_way_lets_publishers_go_on() {
    let manager = EventManager::new(1);
    let stuck = manager.subscribe();
    manager.try_notify(1).unwrap();
    let mut first = task::spawn(manager.notify(2));
    let mut second = task::spawn(manager.notify(3));
    assert_pending!(first.poll());
    assert_pending!(second.poll());
    manager.disconnect(stuck.id());
    assert!(first.is_woken());
    assert_ready_eq!(first.poll(), Ok(0));
    assert!(second.is_woken());
    assert_ready_eq!(second.poll(), Ok(0));
}

// GenEvent case 124
#[test]
fn the_stream_tells_which_end_it_was() {
    let manager = EventManager::new(1);
    let small = Overflow::Disconnect;
    let mut ends = [
        (
            manager.subscribe_with(small),
            "disconnected: its window was full",
        ),
        (manager.subscribe(), "disconnected on request"),
        (manager.subscribe(), "the event manager is closed"),
    ];
    manager.try_notify(1).unwrap();
    read(&mut ends[1].0);
    read(&mut ends[2].0);
    manager.try_notify(2).unwrap();
    manager.disconnect(ends[1].0.id());
    manager.close();
    for (mut reader, end) in ends {
        read_all(&mut reader);
        assert_eq!(reader.end_reason().unwrap().to_string(), end);
    }
}

#[test]
fn a_subscriber_can_still_be_disconnected_after_close() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    let mut stopped = task::spawn(manager.stop());
    assert_pending!(stopped.poll());
    assert!(
        manager.disconnect(reader.id()),
        "the way out of a stuck one"
    );
    assert!(stopped.is_woken());
    assert_ready!(stopped.poll()).unwrap();
    assert_eq!(read_all(&mut reader), [1]);
    assert!(on_request(reader.end_reason()));
}

// ---- Control calls ------------------------------------------------------------------------------

// GenEvent case 130
#[test]
fn control_calls_wait_neither_for_a_stuck_subscriber_nor_behind_publishers() {
    let manager = EventManager::new(1);
    let mut stuck = manager.subscribe_with(SubscribeOptions::new().name("stuck"));
    let mut done = task::spawn(manager.sync_notify(1));
    assert_pending!(done.poll());
    read(&mut stuck);
    let mut next = task::spawn(manager.sync_notify(2));
    let mut in_line = task::spawn(manager.notify(3));
    assert_pending!(next.poll());
    assert_pending!(in_line.poll());

    let mut late = manager.subscribe();
    test_util::assert_pending!(late).now();
    assert_eq!(manager.subscriber_count(), 2);
    assert_eq!(manager.subscribers()[0].name(), Some("stuck"));
    assert!(manager.disconnect(late.id()));
    assert_ended!(late).now();
    assert_eq!(now(manager.wait_for_subscribers(1)), 1);
    assert!(!manager.is_closed());
    manager.close();
    now(manager.closed());
    assert_ready_eq!(in_line.poll(), Err(NotifyError::Closed(3)));
    assert!(manager.disconnect(stuck.id()));
}
