//! `Overflow::WaitAtMost`: a subscriber that holds publishers for too long is disconnected.

use std::time::Duration;

use futures::FutureExt;
use genevent::error::{NotifyError, TryNotifyError};
use genevent::test_util::{assert_ended, assert_next};
use genevent::{
    DisconnectCause, EndReason, EventManager, Overflow, Permit, SubscribeOptions, Subscription,
};
use tokio::time::{Instant, advance};
use tokio_test::{assert_pending, assert_ready, task};

/// What the future gives without waiting.
#[track_caller]
fn now<F: Future>(future: F) -> F::Output {
    future.now_or_never().expect("there is nothing to wait for")
}

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn at_most(seconds: u64) -> SubscribeOptions {
    Overflow::WaitAtMost(secs(seconds)).into()
}

/// A manager for one event, which a subscriber with a limit of five seconds has not read.
fn stuck() -> (EventManager<u32>, Subscription<u32>) {
    let manager = EventManager::new(1);
    let reader = manager.subscribe_with(at_most(5));
    manager.try_notify(1).unwrap();
    (manager, reader)
}

#[track_caller]
fn reserve<E: Send + Sync + 'static>(manager: &EventManager<E>) -> Permit<E> {
    now(manager.reserve()).expect("it is open")
}

// ---- The limit ----------------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn publishers_wait_that_long_and_then_go_on_without_it() {
    let (manager, mut reader) = stuck();
    let other = manager.subscribe();
    let start = Instant::now();
    assert_eq!(manager.notify(2).await, Ok(1), "the other one alone");
    assert_eq!(start.elapsed(), secs(5));
    assert_eq!(manager.subscriber_count(), 1);

    assert_next!(reader, 1, "what it had not read, it still reads").now();
    assert_ended!(reader).now();
    let reason = reader.end_reason().unwrap();
    assert_eq!(
        reason.to_string(),
        "disconnected: it made publishers wait for too long"
    );
    assert!(matches!(
        reason,
        EndReason::Disconnected {
            cause: DisconnectCause::Overdue,
            ..
        }
    ));
    drop(other);
}

#[tokio::test(start_paused = true)]
async fn a_publisher_that_looks_again_at_the_right_time_anyway_is_not_woken_for_that() {
    let manager = EventManager::new(1);
    let _stuck = manager.subscribe_with(at_most(5));
    let mut quick = [2, 3].map(|seconds| manager.subscribe_with(at_most(seconds)));
    manager.try_notify(1).unwrap();
    let mut waits = task::spawn(manager.notify(2));
    assert_pending!(waits.poll());
    for reader in &mut quick {
        assert_next!(reader, 1).now();
        assert!(!waits.is_woken(), "there still is no room");
    }
}

#[tokio::test(start_paused = true)]
async fn a_receipt_names_who_was_disconnected_with_the_event_unread() {
    let (manager, reader) = stuck();
    let mut first = task::spawn(manager.sync_notify(2));
    assert_pending!(first.poll());
    drop(first);
    let other = manager.subscribe_with(SubscribeOptions::new().overflow(Overflow::DropOldest));
    let (second, third) = tokio::join!(manager.ack_notify(3), async {
        advance(secs(5)).await;
        drop(other);
    });
    assert_eq!(second.unwrap().acked(), 0, "only the lossy one was left");
    let ((), id) = (third, reader.id());
    assert!(!manager.disconnect(id), "it is so already");
}

#[tokio::test(start_paused = true)]
async fn what_it_had_not_read_is_settled_as_dropped() {
    let manager = EventManager::new(1);
    let reader = manager.subscribe_with(at_most(5));
    let mut done = task::spawn(manager.sync_notify(1));
    assert_pending!(done.poll());
    manager.notify(2).await.unwrap();
    assert!(done.is_woken());
    let receipt = assert_ready!(done.poll()).unwrap();
    assert_eq!(receipt.dropped_by(), [reader.id()]);
}

#[tokio::test(start_paused = true)]
async fn without_anybody_waiting_nothing_happens() {
    let (manager, mut reader) = stuck();
    advance(secs(3600)).await;
    assert_eq!(manager.subscriber_count(), 1);
    assert_next!(reader, 1).now();
    assert_eq!(manager.try_notify(2), Ok(1));

    // Also in the hour after somebody did: the publisher looks at the clock, and no task.
    let mut quitter = task::spawn(manager.notify(3));
    assert_pending!(quitter.poll());
    drop(quitter);
    advance(secs(3600)).await;
    assert_eq!(manager.subscriber_count(), 1);
    assert_next!(reader, 2).now();
    reader.ack();
    manager.flush().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn try_notify_starts_no_clock() {
    let (manager, reader) = stuck();
    for _ in 0..3 {
        assert_eq!(manager.try_notify(2), Err(TryNotifyError::Full(2)));
        advance(secs(10)).await;
    }
    let start = Instant::now();
    assert_eq!(manager.notify(2).await, Ok(0));
    assert_eq!(start.elapsed(), secs(5));
    drop(reader);
}

#[tokio::test(start_paused = true)]
async fn a_publisher_that_is_cancelled_does_not_start_the_clock_anew() {
    let (manager, reader) = stuck();
    let start = Instant::now();
    for _ in 0..2 {
        let mut quitter = task::spawn(manager.notify(2));
        assert_pending!(quitter.poll());
        advance(secs(2)).await;
        assert_pending!(quitter.poll());
    }
    assert_eq!(manager.notify(2).await, Ok(0));
    assert_eq!(start.elapsed(), secs(5));
    drop(reader);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_publisher_disconnects_nobody_and_the_next_event_does() {
    let (manager, reader) = stuck();
    let mut quitter = task::spawn(manager.notify(2));
    assert_pending!(quitter.poll());
    advance(secs(6)).await;
    assert!(quitter.is_woken());
    drop(quitter);
    assert_eq!(manager.subscriber_count(), 1);
    assert_eq!(manager.try_notify(3), Ok(0), "its time is up");
    assert_eq!(manager.subscriber_count(), 0);
    drop(reader);
}

#[tokio::test(start_paused = true)]
async fn taking_an_event_starts_the_clock_anew() {
    let (manager, mut reader) = stuck();
    let mut second = task::spawn(manager.notify(2));
    let mut third = task::spawn(manager.notify(3));
    assert_pending!(second.poll());
    assert_pending!(third.poll());
    advance(secs(4)).await;
    assert_next!(reader, 1).now();
    assert_eq!(assert_ready!(second.poll()), Ok(1));
    assert!(third.is_woken(), "to set its alarm");
    assert_pending!(third.poll());
    advance(secs(4)).await;
    assert!(!third.is_woken());
    assert_eq!(manager.subscriber_count(), 1);
    advance(secs(1)).await;
    assert!(third.is_woken());
    assert_eq!(assert_ready!(third.poll()), Ok(0));
}

#[tokio::test(start_paused = true)]
async fn reading_one_event_of_many_is_enough() {
    let manager = EventManager::new(4);
    let mut slow = manager.subscribe_with(at_most(5));
    for event in 1..=4 {
        manager.try_notify(event).unwrap();
    }
    for event in 5..=20 {
        let mut publisher = task::spawn(manager.notify(event));
        assert_pending!(publisher.poll());
        advance(secs(4)).await;
        assert_pending!(publisher.poll());
        assert_next!(slow, event - 4).now();
        assert_eq!(assert_ready!(publisher.poll()), Ok(1));
    }
}

// ---- Who waits ----------------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn time_runs_from_when_the_first_publisher_began_to_wait() {
    let (manager, reader) = stuck();
    let mut first = task::spawn(manager.notify(2));
    assert_pending!(first.poll());
    advance(secs(3)).await;
    let mut second = task::spawn(manager.notify(3));
    assert_pending!(second.poll());
    advance(secs(2)).await;
    assert!(first.is_woken() && !second.is_woken());
    assert_eq!(assert_ready!(first.poll()), Ok(0));
    assert!(second.is_woken(), "its turn");
    assert_eq!(assert_ready!(second.poll()), Ok(0));
    drop(reader);
}

#[tokio::test(start_paused = true)]
async fn when_the_head_is_cancelled_the_next_one_takes_its_alarm_over() {
    let (manager, reader) = stuck();
    let start = Instant::now();
    let mut head = task::spawn(manager.notify(2));
    assert_pending!(head.poll());
    let next = tokio::spawn({
        let manager = manager.clone();
        async move { manager.notify(3).await }
    });
    advance(secs(3)).await;
    assert_pending!(head.poll());
    drop(head);
    assert_eq!(next.await.unwrap(), Ok(0));
    assert_eq!(start.elapsed(), secs(5));
    drop(reader);
}

#[tokio::test(start_paused = true)]
async fn a_head_that_is_moved_to_another_task_still_wakes_in_time() {
    let (manager, reader) = stuck();
    let start = Instant::now();
    let mut publisher = Box::pin(async move { (manager.notify(2).await, manager) });
    assert!((&mut publisher).now_or_never().is_none());
    let (stored, _manager) = tokio::spawn(publisher).await.unwrap();
    assert_eq!(stored, Ok(0));
    assert_eq!(start.elapsed(), secs(5));
    drop(reader);
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_publisher_looks_at_the_clock() {
    use futures::SinkExt;

    for kind in 0..5 {
        let (manager, reader) = stuck();
        let start = Instant::now();
        match kind {
            0 => drop(manager.notify(2).await.unwrap()),
            1 => drop(manager.ack_notify(2).await.unwrap()),
            2 => drop(manager.sync_notify(2).await.unwrap()),
            3 => drop(manager.reserve().await.unwrap()),
            _ => manager.sync_sink().send(2).await.unwrap(),
        }
        assert_eq!(start.elapsed(), secs(5), "{kind}");
        drop(reader);
    }
}

#[tokio::test(start_paused = true)]
async fn waiting_for_room_is_limited_and_waiting_for_answers_is_not() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe_with(at_most(5));
    let mut done = task::spawn(manager.sync_notify(1));
    assert_pending!(done.poll());
    assert_next!(reader, 1).now();
    advance(secs(3600)).await;
    assert_pending!(done.poll());
    assert_eq!(manager.subscriber_count(), 1);
    reader.ack();
    assert!(assert_ready!(done.poll()).unwrap().all_acked());
}

#[tokio::test(start_paused = true)]
async fn a_manager_closed_meanwhile_disconnects_nobody() {
    let (manager, mut reader) = stuck();
    let mut publisher = task::spawn(manager.notify(2));
    assert_pending!(publisher.poll());
    advance(secs(6)).await;
    manager.close();
    assert_eq!(assert_ready!(publisher.poll()), Err(NotifyError::Closed(2)));
    assert_next!(reader, 1).now();
    assert_ended!(reader).now();
    assert_eq!(reader.end_reason(), Some(EndReason::Closed));
}

// ---- Several in the way -------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn one_that_may_hold_publishers_for_ever_keeps_the_others_connected() {
    let (manager, reader) = stuck();
    let mut patient = manager.subscribe_with(SubscribeOptions::new().overflow(Overflow::Wait));
    assert_eq!(manager.try_notify(2), Err(TryNotifyError::Full(2)));
    drop(reader);

    let mut limited = manager.subscribe_with(at_most(5));
    manager.try_notify(2).unwrap();
    let mut publisher = task::spawn(manager.notify(3));
    assert_pending!(publisher.poll());
    advance(secs(60)).await;
    assert_pending!(publisher.poll());
    tokio::task::yield_now().await;
    assert!(!publisher.is_woken(), "it sleeps until somebody reads");
    assert_eq!(manager.subscriber_count(), 2, "nothing was stored");

    assert_next!(patient, 2).now();
    assert!(publisher.is_woken());
    assert_eq!(
        assert_ready!(publisher.poll()),
        Ok(1),
        "now the limit is long past"
    );
    assert_next!(limited, 2).now();
    assert_ended!(limited).now();
}

#[tokio::test(start_paused = true)]
async fn one_that_may_hold_publishers_for_ever_does_not_stop_the_others_clock() {
    let manager = EventManager::new(1);
    let mut patient = manager.subscribe();
    let limited = manager.subscribe_with(at_most(5));
    manager.try_notify(1).unwrap();
    let mut publisher = task::spawn(manager.notify(2));
    assert_pending!(publisher.poll());
    advance(secs(2)).await;
    assert_next!(patient, 1).now();
    assert_pending!(publisher.poll(), "there is one more");
    advance(secs(2)).await;
    assert!(!publisher.is_woken());
    advance(secs(1)).await;
    assert!(publisher.is_woken());
    assert_eq!(assert_ready!(publisher.poll()), Ok(1));
    drop(limited);
}

#[tokio::test(start_paused = true)]
async fn with_several_limits_the_event_is_stored_when_all_are_up() {
    let manager = EventManager::new(1);
    let mut readers = [3, 9, 6].map(|limit| manager.subscribe_with(at_most(limit)));
    manager.try_notify(1).unwrap();
    let start = Instant::now();
    let mut publisher = task::spawn(manager.notify(2));
    assert_pending!(publisher.poll());
    advance(secs(7)).await;
    assert_pending!(publisher.poll());
    assert_eq!(
        manager.subscriber_count(),
        3,
        "disconnecting two would help nobody"
    );
    assert_eq!(publisher.await, Ok(0));
    assert_eq!(start.elapsed(), secs(9));
    for reader in &mut readers {
        assert_next!(reader, 1).now();
        assert_ended!(reader).now();
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_reads_at_last_stays_and_those_that_are_overdue_go() {
    let manager = EventManager::new(1);
    let [short, mut long] = [3, 9].map(|limit| manager.subscribe_with(at_most(limit)));
    manager.try_notify(1).unwrap();
    let mut publisher = task::spawn(manager.notify(2));
    assert_pending!(publisher.poll());
    advance(secs(7)).await;
    assert_next!(long, 1).now();
    assert!(publisher.is_woken());
    assert_eq!(assert_ready!(publisher.poll()), Ok(1));
    assert_eq!(manager.subscribers()[0].id(), long.id());
    drop(short);
}

#[tokio::test(start_paused = true)]
async fn one_that_leaves_frees_the_way() {
    let manager = EventManager::new(1);
    let [short, long] = [3, 9].map(|limit| manager.subscribe_with(at_most(limit)));
    manager.try_notify(1).unwrap();
    let mut publisher = task::spawn(manager.notify(2));
    assert_pending!(publisher.poll());
    drop(long);
    assert!(publisher.is_woken(), "to look at the clock earlier");
    let start = Instant::now();
    assert_eq!(publisher.await, Ok(0));
    assert_eq!(start.elapsed(), secs(3));
    drop(short);
}

// ---- With permits -------------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn a_subscriber_is_not_blamed_for_room_that_permits_hold() {
    let manager = EventManager::new(4);
    let mut limited = task::spawn(manager.subscribe_with(at_most(5).window(1)));
    let permit = reserve(&manager);
    assert_pending!(limited.poll_next(), "it has read everything");
    let mut publisher = task::spawn(manager.notify(2));
    assert_pending!(publisher.poll());
    advance(secs(60)).await;
    assert_pending!(publisher.poll());
    assert_eq!(manager.subscriber_count(), 1);

    // From here on it is the subscriber that is slow.
    permit.notify(1);
    assert!(publisher.is_woken(), "to set its alarm");
    assert_pending!(publisher.poll());
    let start = Instant::now();
    assert_eq!(publisher.await, Ok(0));
    assert_eq!(start.elapsed(), secs(5));
    assert_eq!(assert_ready!(limited.poll_next()), Some(1));
    assert_eq!(assert_ready!(limited.poll_next()), None);
}

#[tokio::test(start_paused = true)]
async fn a_permit_that_outwaits_a_subscriber_wakes_its_stream_and_harms_no_other() {
    // A subscriber that slept when it was disconnected stayed asleep, and the manager then took
    // it for one that had read everything: what others had yet to read was lost.
    let manager = EventManager::new(8);
    let mut limited = task::spawn(manager.subscribe_with(at_most(5).window(1)));
    let mut behind = manager.subscribe();
    manager.try_notify(1).unwrap();
    assert_eq!(assert_ready!(limited.poll_next()), Some(1));
    assert_pending!(limited.poll_next());
    let first = reserve(&manager);
    let mut reserving = task::spawn(manager.reserve());
    assert_pending!(reserving.poll());
    advance(secs(60)).await;
    let second = reserving.poll();
    drop(manager.subscribe());
    assert_next!(behind, 1).now();
    drop((first, second));
}

#[tokio::test(start_paused = true)]
async fn a_permit_given_back_ends_the_wait_for_a_subscriber() {
    let manager = EventManager::new(2);
    let limited = manager.subscribe_with(at_most(5));
    manager.try_notify(1).unwrap();
    let permit = reserve(&manager);
    let mut second = task::spawn(manager.notify(2));
    assert_pending!(second.poll());
    advance(secs(1)).await;
    drop(permit);
    assert_eq!(
        assert_ready!(second.poll()),
        Ok(1),
        "nobody waits for it any more"
    );

    advance(secs(60)).await;
    assert_eq!(manager.try_notify(3), Err(TryNotifyError::Full(3)));
    let start = Instant::now();
    assert_eq!(manager.notify(3).await, Ok(0));
    assert_eq!(start.elapsed(), secs(5));
    drop(limited);
}

#[tokio::test(start_paused = true)]
async fn a_permit_given_back_is_not_an_event_taken() {
    // It had no room before, and has none after: its time goes on.
    let manager = EventManager::new(8);
    let permits = [(); 2].map(|()| reserve(&manager));
    let limited = manager.subscribe_with(at_most(5).window(1));
    manager.try_notify(1).unwrap_err();
    let [first, second] = permits;
    first.notify(1);
    let start = Instant::now();
    let mut publisher = task::spawn(manager.notify(2));
    assert_pending!(publisher.poll());
    advance(secs(3)).await;
    drop(second);
    assert_eq!(publisher.await, Ok(0));
    assert_eq!(start.elapsed(), secs(5));
    drop(limited);
}

// ---- Limits of the limit ------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn the_default_policy_of_a_manager_may_be_a_limit() {
    let manager: EventManager<u8> = EventManager::builder()
        .capacity(1)
        .default_overflow(Overflow::WaitAtMost(secs(5)))
        .build();
    let limited = manager.subscribe();
    let lossy = manager.subscribe_with(Overflow::DropOldest);
    let named = manager.subscribe_with(SubscribeOptions::new().name("named"));
    let policies: Vec<_> = manager
        .subscribers()
        .iter()
        .map(genevent::SubscriberInfo::overflow)
        .collect();
    let limit = Overflow::WaitAtMost(secs(5));
    assert_eq!(policies, [limit, Overflow::DropOldest, limit]);
    manager.try_notify(1).unwrap();
    assert_eq!(manager.notify(2).await, Ok(1));
    drop((limited, lossy, named));
}

#[tokio::test(start_paused = true)]
async fn no_time_at_all_is_a_limit_too() {
    let manager = EventManager::new(1);
    let limited = manager.subscribe_with(at_most(0));
    manager.try_notify(1).unwrap();
    assert_eq!(manager.try_notify(2), Err(TryNotifyError::Full(2)));
    let start = Instant::now();
    assert_eq!(manager.notify(2).await, Ok(0));
    assert!(start.elapsed() <= Duration::from_millis(1));
    drop(limited);
}

#[tokio::test(start_paused = true)]
async fn more_time_than_a_clock_can_tell_is_for_ever() {
    for forever in [Duration::MAX, Duration::from_secs(u64::MAX / 4)] {
        let manager = EventManager::new(1);
        let mut limited = manager.subscribe_with(Overflow::WaitAtMost(forever));
        manager.try_notify(1).unwrap();
        let mut publisher = task::spawn(manager.notify(2));
        assert_pending!(publisher.poll());
        advance(secs(3600)).await;
        assert!(!publisher.is_woken());
        assert_next!(limited, 1).now();
        assert_eq!(assert_ready!(publisher.poll()), Ok(1));
    }
}

#[test]
fn who_need_not_wait_needs_no_runtime() {
    let manager = EventManager::new(2);
    let mut limited = manager.subscribe_with(at_most(5));
    assert_eq!(now(manager.notify(1)), Ok(1));
    assert_eq!(manager.try_notify(2), Ok(1));
    assert_eq!(manager.try_notify(3), Err(TryNotifyError::Full(3)));
    assert_next!(limited, 1).now();
    assert_eq!(now(manager.notify(3)), Ok(1));
}

#[test]
#[should_panic(expected = "there is no reactor running")]
fn who_waits_for_a_limit_does_so_on_tokio() {
    let (manager, _reader) = stuck();
    let _ = manager.notify(2).now_or_never();
}
