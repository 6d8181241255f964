//! Filtered subscriptions whose queue of wanted events is full: the four policies.

use std::time::Duration;

use futures::{FutureExt, StreamExt};
use genevent::error::{DeadlineError, TryNotifyError};
use genevent::{
    DisconnectCause, EndReason, EventManager, Filtered, Overflow, Received, SubscribeOptions,
};
use tokio::time::{Instant, advance};

use crate::drive::{now, read, read_all};
use crate::receipts::UnfinishedIds;

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A manager with room for ten, and a reader of even numbers with room for two.
fn with(overflow: Overflow) -> (EventManager<u32>, Filtered<u32>) {
    let manager = EventManager::new(10);
    let options = SubscribeOptions::new().window(2).overflow(overflow);
    let reader = manager.subscribe_filter_with(options, |n| n % 2 == 0);
    (manager, reader)
}

fn disconnected<T>(stream: &Filtered<T>) -> Option<DisconnectCause> {
    match stream.end_reason() {
        Some(EndReason::Disconnected { cause, .. }) => Some(cause),
        _ => None,
    }
}

#[tokio::test(start_paused = true)]
async fn publishers_of_wanted_events_wait_for_a_filter() {
    let (manager, mut reader) = with(Overflow::Wait);
    let mut plain = manager.subscribe();
    for n in [2, 3, 4] {
        manager.try_notify(n).unwrap();
    }
    assert_eq!(manager.try_notify(5), Ok(1), "it does not want this");
    assert_eq!(manager.try_notify(6), Err(TryNotifyError::Full(6)));
    let late = manager.sync_notify(6).within(secs(1)).await;
    let Err(DeadlineError::NotStored(late)) = late else {
        panic!("there was no room");
    };
    assert_eq!(late.waiting_for()[0].id(), reader.id());
    let mut waiting = manager.notify(8);
    assert!((&mut waiting).now_or_never().is_none());
    assert_eq!(read(&mut reader), Some(2));
    assert_eq!(now(waiting), Ok(2));
    manager.close();
    assert_eq!(read_all(&mut reader), [4, 8]);
    assert_eq!(read_all(&mut plain), [2, 3, 4, 5, 8]);
}

#[test]
fn drop_oldest_loses_wanted_events_and_counts_them() {
    let (manager, reader) = with(Overflow::DropOldest);
    let id = reader.id();
    let mut lost = manager.sync_notify(2);
    assert!((&mut lost).now_or_never().is_none());
    for n in 3..=9 {
        manager.try_notify(n).unwrap();
    }
    assert_eq!((reader.missed(), reader.len()), (2, 2));
    assert_eq!(now(lost).unwrap().unfinished_ids(), [id]);
    assert!(manager.flush().now_or_never().is_none(), "two are unread");
    drop(manager);
    let all = now(reader.with_missed().collect::<Vec<_>>());
    let expected = [Received::Missed(2), Received::Event(6), Received::Event(8)];
    assert_eq!(all, expected);
}

#[test]
fn disconnect_ends_a_filter_at_overflow() {
    let (manager, mut reader) = with(Overflow::Disconnect);
    let mut unread = manager.sync_notify(2);
    assert!((&mut unread).now_or_never().is_none());
    manager.try_notify(4).unwrap();
    for n in [1, 3, 5] {
        manager.try_notify(n).unwrap();
    }
    assert_eq!(manager.subscriber_count(), 1, "these were not wanted");
    assert_eq!(manager.try_notify(6), Ok(0), "it does not count any more");
    assert_eq!(now(unread).unwrap().unfinished_ids(), [reader.id()]);
    assert_eq!(read_all(&mut reader), [2, 4]);
    assert_eq!(disconnected(&reader), Some(DisconnectCause::Overflow));
}

#[tokio::test(start_paused = true)]
async fn wait_at_most_disconnects_a_filter() {
    let (manager, mut reader) = with(Overflow::WaitAtMost(secs(5)));
    manager.try_notify(2).unwrap();
    manager.try_notify(4).unwrap();
    let start = Instant::now();
    assert_eq!(manager.notify(6).await, Ok(0));
    assert_eq!(start.elapsed(), secs(5));
    assert_eq!(read_all(&mut reader), [2, 4]);
    assert_eq!(disconnected(&reader), Some(DisconnectCause::Overdue));
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_publisher_does_not_extend_the_limit() {
    let (manager, reader) = with(Overflow::WaitAtMost(secs(5)));
    manager.try_notify(2).unwrap();
    manager.try_notify(4).unwrap();
    let mut cancelled = manager.notify(6);
    assert!((&mut cancelled).now_or_never().is_none());
    advance(secs(3)).await;
    drop(cancelled);
    assert_eq!(manager.notify(5).await, Ok(0), "of no concern to it");
    advance(secs(3600)).await;
    let start = Instant::now();
    assert_eq!(manager.notify(6).await, Ok(0));
    assert_eq!(start.elapsed(), secs(2));
    drop(reader);
}

#[tokio::test(start_paused = true)]
async fn taking_an_event_restores_the_full_limit() {
    let (manager, mut reader) = with(Overflow::WaitAtMost(secs(5)));
    manager.try_notify(2).unwrap();
    manager.try_notify(4).unwrap();
    assert!(manager.notify(6).now_or_never().is_none());
    advance(secs(4)).await;
    assert_eq!(read(&mut reader), Some(2));
    assert_eq!(manager.try_notify(6), Ok(1));
    let start = Instant::now();
    assert_eq!(manager.notify(8).await, Ok(0));
    assert_eq!(start.elapsed(), secs(5));
}

#[tokio::test(start_paused = true)]
async fn plain_and_filtered_subscribers_have_separate_limits() {
    let manager = EventManager::new(1);
    let at_most = |seconds| Overflow::WaitAtMost(secs(seconds));
    let plain = manager.subscribe_with(at_most(2));
    let filtered = manager.subscribe_filter_with(at_most(4), |_: &u32| true);
    manager.try_notify(1).unwrap();
    let start = Instant::now();
    assert_eq!(manager.notify(2).await, Ok(0));
    assert_eq!(start.elapsed(), secs(4));
    drop((plain, filtered));
}

#[test]
fn a_rejected_event_leaves_the_waiting_publisher_to_be_woken() {
    let (manager, mut reader) = with(Overflow::Wait);
    now(manager.notify(0)).unwrap();
    now(manager.notify(2)).unwrap();
    let mut waiting = tokio_test::task::spawn(manager.notify(4));
    assert!(waiting.poll().is_pending());
    for n in [6, 7] {
        assert_eq!(manager.try_notify(n), Err(TryNotifyError::Full(n)));
    }
    assert_eq!(read(&mut reader), Some(0));
    assert!(waiting.is_woken());
}

#[test]
fn a_rejected_event_is_not_evaluated() {
    let manager = EventManager::new(10);
    let options = SubscribeOptions::new().window(1);
    let reader = manager.subscribe_filter_with(options, |&n: &u32| {
        assert!(n < 10);
        true
    });
    now(manager.notify(0)).unwrap();
    let mut waiting = tokio_test::task::spawn(manager.notify(1));
    assert!(waiting.poll().is_pending());
    assert_eq!(manager.try_notify(10), Err(TryNotifyError::Full(10)));
    assert_eq!((manager.subscriber_count(), reader.len()), (1, 1));
}
