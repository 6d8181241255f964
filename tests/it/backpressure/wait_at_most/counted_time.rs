//! The time of a subscriber runs only while a publisher waits for the subscriber.

use std::time::Duration;

use futures::FutureExt;
use genevent::error::{DeadlineError, TryNotifyError};
use genevent::test_util::assert_next;
use genevent::{EventManager, Overflow, SubscribeOptions};
use tokio::time::{Instant, advance};
use tokio_test::{assert_pending, assert_ready, task};

use super::{at_most, reserve, secs, stuck};

/// A publisher waits for so long, and is cancelled.
macro_rules! waits_in_vain {
    ($manager:ident, $event:expr, $time:expr) => {{
        let mut quitter = task::spawn($manager.notify($event));
        assert_pending!(quitter.poll());
        advance($time).await;
    }};
}

const HOUR: Duration = secs(3600);

#[tokio::test(start_paused = true)]
async fn an_hour_without_waiting_publishers_does_not_count() {
    let (manager, mut reader) = stuck();
    waits_in_vain!(manager, 2, Duration::from_millis(1));
    advance(HOUR).await;
    assert_eq!(manager.try_notify(2), Err(TryNotifyError::Full(2)));
    let start = Instant::now();
    let mut publisher = task::spawn(manager.notify(2));
    assert_pending!(publisher.poll());
    advance(secs(4)).await;
    assert!(!publisher.is_woken());
    assert_next!(reader, 1).now();
    assert_eq!(assert_ready!(publisher.poll()), Ok(1), "it was in time");

    waits_in_vain!(manager, 3, Duration::from_millis(1));
    advance(HOUR).await;
    assert_eq!(manager.notify(3).await, Ok(0));
    assert_eq!(start.elapsed(), secs(4) + HOUR + secs(5));
}

#[tokio::test(start_paused = true)]
async fn the_time_of_several_publishers_adds_up() {
    let (manager, reader) = stuck();
    for _ in 0..4 {
        waits_in_vain!(manager, 2, secs(1));
        advance(HOUR).await;
    }
    let late = manager
        .sync_notify(2)
        .within(Duration::from_millis(500))
        .await;
    assert!(matches!(late, Err(DeadlineError::NotStored(_))));
    advance(HOUR).await;
    let mut permit = task::spawn(manager.reserve());
    assert_pending!(permit.poll());
    advance(Duration::from_millis(499)).await;
    assert!(!permit.is_woken());
    drop(permit);
    advance(HOUR).await;
    let start = Instant::now();
    assert_eq!(manager.notify(2).await, Ok(0));
    assert_eq!(start.elapsed(), Duration::from_millis(1));
    drop(reader);
}

#[tokio::test(start_paused = true)]
async fn time_continues_while_a_publisher_is_left() {
    let (manager, reader) = stuck();
    let mut publishers = [2, 3, 4].map(|event| task::spawn(manager.notify(event)));
    for publisher in &mut publishers {
        assert_pending!(publisher.poll());
    }
    let [first, mut second, third] = publishers;
    advance(secs(2)).await;
    drop(third);
    advance(secs(1)).await;
    drop(first);
    assert!(second.is_woken(), "to set its alarm");
    assert_pending!(second.poll());
    advance(secs(2)).await;
    assert!(second.is_woken());
    assert_eq!(assert_ready!(second.poll()), Ok(0));
    drop(reader);
}

#[tokio::test(start_paused = true)]
async fn reading_while_unblocked_restores_the_full_limit() {
    let (manager, mut reader) = stuck();
    waits_in_vain!(manager, 2, secs(4));
    assert_next!(reader, 1).now();
    manager.try_notify(2).unwrap();
    let start = Instant::now();
    assert_eq!(manager.notify(3).await, Ok(0));
    assert_eq!(start.elapsed(), secs(5));
}

#[tokio::test(start_paused = true)]
async fn each_subscriber_has_its_own_time() {
    let manager = EventManager::new(2);
    let early = manager.subscribe_with(at_most(5).window(1));
    manager.try_notify(1).unwrap();
    waits_in_vain!(manager, 2, secs(3));
    advance(HOUR).await;
    let mut late = manager.subscribe_with(at_most(5));
    drop(early);
    for event in 2..=3 {
        manager.try_notify(event).unwrap();
    }
    let early = manager.subscribe_with(at_most(2).window(1));
    waits_in_vain!(manager, 4, secs(4));
    assert_next!(late, 2).now();
    manager.try_notify(4).unwrap();
    // Both are full now: a subscriber with all of its time left, and a subscriber that no publisher
    // has waited for.
    let start = Instant::now();
    let mut publisher = task::spawn(manager.notify(5));
    assert_pending!(publisher.poll());
    advance(secs(3)).await;
    assert!(!publisher.is_woken());
    assert_eq!(publisher.await, Ok(0));
    assert_eq!(start.elapsed(), secs(5));
    drop(early);
}

#[tokio::test(start_paused = true)]
async fn subscriber_info_shows_the_time_that_counts() {
    let (manager, reader) = stuck();
    let holding = || manager.subscribers()[0].blocking_for();
    waits_in_vain!(manager, 2, secs(2));
    assert_eq!(holding(), None, "nobody waits");
    advance(HOUR).await;
    let mut publisher = task::spawn(manager.notify(2));
    assert_pending!(publisher.poll());
    assert_eq!(holding(), Some(secs(2)));
    advance(secs(1)).await;
    assert_eq!(holding(), Some(secs(3)));
    let stats = manager.stats();
    assert_eq!(
        stats.blocking().next().unwrap().blocking_for(),
        Some(secs(3))
    );
    drop(publisher);
    advance(HOUR).await;
    let late = manager.sync_notify(2).within(secs(1)).await;
    let Err(DeadlineError::NotStored(late)) = late else {
        panic!("there was no room")
    };
    assert_eq!(late.waiting_for()[0].blocking_for(), Some(secs(4)));
    assert!(
        late.to_string().contains("blocking publishers for 4.0s"),
        "{late}"
    );
    drop(reader);
}

#[tokio::test(start_paused = true)]
async fn a_zero_limit_ends_when_a_publisher_waits() {
    let manager = EventManager::new(1);
    let limited = manager.subscribe_with(at_most(0));
    manager.try_notify(1).unwrap();
    assert_eq!(manager.try_notify(2), Err(TryNotifyError::Full(2)));
    advance(HOUR).await;
    assert_eq!(manager.try_notify(2), Err(TryNotifyError::Full(2)));
    assert_eq!(manager.notify(2).now_or_never(), Some(Ok(0)));
    drop(limited);
}

#[tokio::test(start_paused = true)]
async fn try_notify_waits_until_all_blocking_are_overdue() {
    let manager = EventManager::new(1);
    let [short, mut long] = [3, 9].map(|limit| manager.subscribe_with(at_most(limit)));
    manager.try_notify(1).unwrap();
    waits_in_vain!(manager, 2, secs(5));
    advance(HOUR).await;
    assert_eq!(manager.try_notify(2), Err(TryNotifyError::Full(2)));
    assert_eq!(manager.subscriber_count(), 2, "nothing was stored");
    waits_in_vain!(manager, 2, secs(3));
    assert_eq!(manager.try_notify(2), Err(TryNotifyError::Full(2)));
    assert_next!(long, 1).now();
    assert_eq!(
        manager.try_notify(2),
        Ok(1),
        "the other one has had its time"
    );
    drop(short);
}

#[tokio::test(start_paused = true)]
async fn a_filter_is_charged_only_for_wanted_events() {
    let manager = EventManager::new(1);
    let mut plain = manager.subscribe();
    let even = manager.subscribe_filter_with(at_most(5), |n| n % 2 == 0);
    manager.try_notify(2).unwrap();
    // Both subscribers block this publisher.
    waits_in_vain!(manager, 4, secs(2));
    // Only the plain subscriber blocks this publisher.
    waits_in_vain!(manager, 5, HOUR);
    let mut odd = task::spawn(manager.notify(5));
    assert_pending!(odd.poll());
    // The filter is not known to block this publisher until the publisher is at the front.
    let mut behind = task::spawn(manager.notify(6));
    assert_pending!(behind.poll());
    advance(HOUR).await;
    assert_next!(plain, 2).now();
    assert_eq!(assert_ready!(odd.poll()), Ok(1));
    assert_next!(plain, 5).now();
    assert!(behind.is_woken());
    let start = Instant::now();
    assert_eq!(behind.await, Ok(1), "the plain one alone");
    assert_eq!(start.elapsed(), secs(3));
    drop(even);
}

#[tokio::test(start_paused = true)]
async fn a_reblocking_filter_keeps_its_time_until_it_reads() {
    let manager = EventManager::<u32>::new(1);
    let mut odd = manager.subscribe_filter(|n| n % 2 == 1);
    let mut all = manager.subscribe();
    manager.try_notify(1).unwrap();
    waits_in_vain!(manager, 3, secs(3));
    assert_next!(all, 1).now();
    advance(HOUR).await;
    assert_eq!(manager.stats().blocking().count(), 0, "no publisher waits");

    let blocking_for = || manager.subscribers()[0].blocking_for();
    let mut publisher = task::spawn(manager.notify(5));
    assert_pending!(publisher.poll());
    assert_eq!(blocking_for(), Some(secs(3)), "its time goes on");
    advance(secs(2)).await;
    assert_eq!(blocking_for(), Some(secs(5)));
    assert_next!(odd, 1).now();
    assert_ready!(publisher.poll()).unwrap();

    assert_next!(all, 5).now();
    let mut publisher = task::spawn(manager.notify(7));
    assert_pending!(publisher.poll());
    assert_eq!(blocking_for(), Some(Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_permit_blocked_subscriber_is_charged_from_unread() {
    let manager = EventManager::new(4);
    let options = SubscribeOptions::new().overflow(Overflow::WaitAtMost(secs(5)));
    let reader = manager.subscribe_with(options.window(1));
    let permit = reserve(&manager);
    waits_in_vain!(manager, 2, HOUR);
    permit.notify(1);
    advance(HOUR).await;
    let start = Instant::now();
    waits_in_vain!(manager, 2, secs(3));
    advance(HOUR).await;
    assert_eq!(manager.notify(2).await, Ok(0));
    assert_eq!(start.elapsed(), HOUR + secs(5));
    drop(reader);
}

#[tokio::test(start_paused = true)]
async fn a_permit_past_an_overdue_subscriber_stops_its_time() {
    let manager = EventManager::new(2);
    let limit = Overflow::WaitAtMost(Duration::ZERO);
    let overdue = manager.subscribe_with(limit);
    manager.try_notify(1).unwrap();
    manager.try_notify(2).unwrap();
    assert_eq!(overdue.len(), 2, "full, and overdue at once");
    let permit = reserve(&manager);
    advance(HOUR).await;
    let _full = manager.subscribe_with(SubscribeOptions::from(Overflow::Wait).window(1));
    let mut publisher = task::spawn(manager.notify(3));
    assert_pending!(publisher.poll());
    let info = manager.subscribers().remove(0);
    assert_eq!(info.blocking_for(), Some(Duration::ZERO));
    drop(permit);
}
