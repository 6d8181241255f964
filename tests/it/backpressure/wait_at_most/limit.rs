//! How long publishers wait, and which actions restart the clock.

use std::time::Duration;

use genevent::error::TryNotifyError;
use genevent::test_util::{assert_ended, assert_next};
use genevent::{DisconnectCause, EndReason, EventManager, Overflow, SubscribeOptions};
use tokio::time::{Instant, advance};
use tokio_test::{assert_pending, assert_ready, task};

use super::{at_most, secs, stuck};
use crate::receipts::UnfinishedIds;

#[tokio::test(start_paused = true)]
async fn publishers_continue_when_the_limit_is_over() {
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

/// Tokio's timers count milliseconds: one set to a moment between two of them would fire late.
#[tokio::test(start_paused = true)]
async fn a_limit_of_zero_makes_no_publisher_wait() {
    advance(Duration::from_micros(1_500)).await;
    let manager = EventManager::new(1);
    let _stuck = manager.subscribe_with(Overflow::WaitAtMost(Duration::ZERO));
    manager.try_notify(1).unwrap();
    let mut publisher = task::spawn(manager.notify(2));
    assert_eq!(
        assert_ready!(publisher.poll()),
        Ok(0),
        "no subscriber is left"
    );
}

#[tokio::test(start_paused = true)]
async fn a_publisher_is_not_woken_without_need() {
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
async fn a_receipt_names_the_disconnected_subscriber() {
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
async fn unread_events_of_the_disconnected_count_as_dropped() {
    let manager = EventManager::new(1);
    let reader = manager.subscribe_with(at_most(5));
    let mut done = task::spawn(manager.sync_notify(1));
    assert_pending!(done.poll());
    manager.notify(2).await.unwrap();
    assert!(done.is_woken());
    let receipt = assert_ready!(done.poll()).unwrap();
    assert_eq!(receipt.unfinished_ids(), [reader.id()]);
}

#[tokio::test(start_paused = true)]
async fn without_waiting_publishers_no_subscriber_is_disconnected() {
    let (manager, mut reader) = stuck();
    advance(secs(3600)).await;
    assert_eq!(manager.subscriber_count(), 1);
    assert_next!(reader, 1).now();
    assert_eq!(manager.try_notify(2), Ok(1));

    // Also in the hour after a publisher waited: the publisher itself watches the clock, and no
    // task does.
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
async fn a_cancelled_publisher_does_not_restart_the_clock() {
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
async fn the_next_event_disconnects_after_a_cancelled_publisher() {
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
async fn taking_an_event_restarts_the_clock() {
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
async fn reading_one_event_of_many_suffices() {
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
