//! Deadlocks of a publisher that waits for room, while only its own task, or no task, can make room.

use futures::{FutureExt, SinkExt, StreamExt};
use genevent::{DisconnectCause, EndReason, EventManager, Overflow, Subscription};

use super::{SECOND, assert_names, assert_own, hangs};

/// The subscription was disconnected because it blocked publishers.
fn is_overdue<E: Clone>(reader: &Subscription<E>) -> bool {
    matches!(
        reader.end_reason(),
        Some(EndReason::Disconnected {
            cause: DisconnectCause::Overdue,
            ..
        })
    )
}

#[tokio::test(start_paused = true)]
async fn publishing_to_its_own_full_window_deadlocks() {
    let manager = EventManager::new(1);
    let (mut orders, line) = (manager.subscribe(), line!());
    manager.try_notify("order").unwrap();
    assert_eq!(orders.next().await, Some("order"));
    manager.notify("shipped").await.unwrap();
    assert!(hangs(manager.notify("billed")).await);
    assert!(hangs(manager.reserve()).await);
    assert!(hangs(manager.sink().send("billed")).await);
    let error = manager.sync_notify("billed").within(SECOND).await;
    let error = error.unwrap_err();
    assert_own(error.waiting_for(), line);
    assert_names(&error, line);
    assert_eq!(error.into_event(), Some("billed"), "it was not stored");
    // The way out: a follow-up of the order does not wait for room.
    assert_eq!(orders.follow_up("billed"), Ok(1));
    assert_eq!(orders.next().await, Some("shipped"));
    assert_eq!(orders.next().await, Some("billed"));
}

#[tokio::test(start_paused = true)]
async fn notify_from_then_deadlocks_and_follow_ups_do_not() {
    for follows_up in [false, true] {
        let manager = EventManager::new(1);
        let orders = manager.subscribe();
        let follow_ups = orders.follow_ups();
        manager.try_notify(1).unwrap();
        let work = orders.take(3).for_each(|order: u32| {
            let (manager, follow_ups) = (manager.clone(), follow_ups.clone());
            async move {
                for step in [2, 3] {
                    if order > 1 {
                        return;
                    } else if follows_up {
                        follow_ups.notify(step).unwrap();
                    } else {
                        manager.notify(step).await.unwrap();
                    }
                }
            }
        });
        assert_eq!(hangs(work).await, !follows_up);
    }
}

#[tokio::test(start_paused = true)]
async fn wait_at_most_resolves_a_deadlock_without_error() {
    let manager: EventManager<_> = EventManager::builder()
        .capacity(1)
        .default_overflow(Overflow::WaitAtMost(SECOND))
        .build();
    let mut orders = manager.subscribe();
    let other = manager.subscribe_with(Overflow::DropOldest);
    manager.try_notify(1).unwrap();
    let mut read = Vec::new();
    while let Some(event) = orders.next().await {
        read.push(event);
        for more in [10, 20] {
            let stored = manager.notify(event * more);
            assert!(!hangs(stored).await);
        }
    }
    assert_eq!(read, [1, 10], "and then it was disconnected");
    assert!(is_overdue(&orders));
    assert_eq!(manager.subscriber_count(), 1);
    drop(other);
}

#[tokio::test(start_paused = true)]
async fn an_unread_subscription_blocks_every_publisher() {
    let manager = EventManager::new(2);
    let (_sub, line) = (manager.subscribe(), line!());
    let mut reader = manager.subscribe();
    let working = tokio::spawn(async move {
        let mut read = 0;
        while reader.next().await.is_some() {
            read += 1;
        }
        read
    });

    let error = manager.sync_notify(1).within(SECOND).await.unwrap_err();
    assert_own(error.waiting_for(), line);
    assert_eq!(error.waiting_for()[0].unread(), 1, "unread");
    assert_names(&error, line);
    manager.notify(2).await.unwrap();
    assert!(hangs(manager.notify(3)).await);
    let error = manager.ack_notify(3).within(SECOND).await.unwrap_err();
    assert_own(error.waiting_for(), line);
    // The solution, for the owner of the manager.
    assert!(manager.disconnect(error.waiting_for()[0].id()));
    assert!(!hangs(manager.sync_notify(3)).await);
    drop(manager);
    assert_eq!(working.await.unwrap(), 3);
}

#[tokio::test(start_paused = true)]
async fn wait_at_most_disconnects_an_unread_subscription() {
    let manager: EventManager<u32> = EventManager::builder()
        .capacity(1)
        .default_overflow(Overflow::WaitAtMost(SECOND))
        .build();
    let mut sub = manager.subscribe();
    assert_eq!(manager.notify(1).await, Ok(1));
    assert_eq!(manager.notify(2).await, Ok(0), "after a second");
    assert_eq!(
        sub.by_ref().collect::<Vec<_>>().now_or_never().unwrap(),
        [1]
    );
    assert!(is_overdue(&sub));
}
