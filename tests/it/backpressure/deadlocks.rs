//! The deadlocks of the page `genevent::deadlocks`: each hangs, a time limit resolves each, and the
//! error names the caller's own subscription with the source line that created the subscription.

mod handlers;
mod late_answers;
mod publishers;

use std::time::Duration;

use futures::{FutureExt, StreamExt};
use genevent::{
    DisconnectCause, EndReason, EventManager, Overflow, SubscribeOptions, SubscriberInfo,
    Subscription,
};
use tokio::time::timeout;

const SECOND: Duration = Duration::from_secs(1);

/// Whether the future is still pending after a day.
async fn hangs<F: Future>(future: F) -> bool {
    timeout(86_400 * SECOND, future).await.is_err()
}

/// Asserts that the error names a single subscription, created in `line` of this file.
#[track_caller]
fn assert_own(pending: &[SubscriberInfo], line: u32) {
    let lines = pending.iter().map(|info| info.created_at().line());
    assert_eq!(lines.collect::<Vec<_>>(), [line]);
    assert!(pending[0].created_at().file().ends_with("deadlocks.rs"));
}

/// The message names that line, too.
#[track_caller]
fn assert_names(error: &dyn std::error::Error, line: u32) {
    let place = format!("tests/it/backpressure/deadlocks.rs:{line}:");
    assert!(error.to_string().contains(&place), "{error}");
}

/// The subscription was disconnected because it held publishers.
fn is_overdue<E: Clone>(reader: &Subscription<E>) -> bool {
    matches!(
        reader.end_reason(),
        Some(EndReason::Disconnected {
            cause: DisconnectCause::Overdue,
            ..
        })
    )
}

// ---- sync_notify to the task's own manager ------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn sync_notify_from_its_reading_loop_deadlocks() {
    let manager = EventManager::new(8);
    let (mut orders, line) = (manager.subscribe(), line!());
    manager.try_notify("order").unwrap();

    let mut rounds = 0;
    while let Some(event) = orders.next().await {
        if event == "order" {
            rounds += 1;
            let error = manager.sync_notify("shipped").within(SECOND).await;
            let error = error.unwrap_err();
            assert_own(error.waiting_for(), line);
            assert_eq!(error.waiting_for()[0].id(), orders.id());
            assert_names(&error, line);
            assert!(hangs(manager.sync_notify("billed")).await);
            manager.close();
        }
    }
    assert_eq!(rounds, 1);
}

#[tokio::test(start_paused = true)]
async fn acknowledging_first_does_not_help_but_notify_does() {
    let manager = EventManager::new(8);
    let mut orders = manager.subscribe();
    manager.try_notify("order").unwrap();
    assert_eq!(orders.next().await, Some("order"));
    orders.ack();
    assert!(
        hangs(manager.sync_notify("shipped")).await,
        "it still has to read that"
    );
    assert!(!hangs(manager.notify("billed")).await);
}

#[tokio::test(start_paused = true)]
async fn sync_notify_from_then_deadlocks() {
    let manager = EventManager::new(8);
    let (orders, line) = (manager.subscribe(), line!());
    let publisher = manager.clone();
    let shipped = orders.then(|order: u32| {
        let manager = publisher.clone();
        async move {
            if order > 1 {
                return None;
            }
            let error = manager.sync_notify(order + 1).within(SECOND).await;
            error.err()
        }
    });
    manager.try_notify(1).unwrap();
    let mut shipped = std::pin::pin!(shipped);
    let error = shipped.next().await.unwrap().unwrap();
    assert_own(error.waiting_for(), line);
    assert_names(&error, line);
    assert!(
        shipped.next().await.unwrap().is_none(),
        "the event was delivered all the same"
    );
}

#[tokio::test(start_paused = true)]
async fn ack_notify_from_its_reading_loop_deadlocks() {
    let manager = EventManager::new(8);
    let (mut orders, line) = (manager.subscribe(), line!());
    manager.try_notify("order").unwrap();
    assert_eq!(orders.next().await, Some("order"));
    let error = manager.ack_notify("shipped").within(SECOND).await;
    assert_own(error.unwrap_err().waiting_for(), line);
    assert!(hangs(manager.ack_notify("billed")).await);
}

#[tokio::test(start_paused = true)]
async fn flush_and_stop_from_the_reading_loop_deadlock() {
    let manager = EventManager::new(8);
    let (mut orders, line) = (manager.subscribe(), line!());
    manager.try_notify("order").unwrap();
    assert_eq!(orders.next().await, Some("order"));
    assert!(hangs(manager.flush()).await);
    let error = manager.flush().within(SECOND).await.unwrap_err();
    assert_own(error.waiting_for(), line);
    let error = manager.stop().within(SECOND).await.unwrap_err();
    assert_own(error.waiting_for(), line);
    assert_names(&error, line);
    // The way out for these: finish with the event first.
    orders.ack();
    assert!(!hangs(manager.stop()).await);
}

// ---- Deliveries ---------------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn flush_while_holding_a_delivery_deadlocks() {
    let manager = EventManager::new(8);
    let (subscription, line) = (manager.subscribe(), line!());
    let mut jobs = subscription.deliveries();
    manager.try_notify("job").unwrap();
    let job = jobs.next().await.unwrap();
    assert!(hangs(manager.flush()).await);
    let error = manager.flush().within(SECOND).await.unwrap_err();
    assert_own(error.waiting_for(), line);
    assert_eq!(error.waiting_for()[0].unacked(), 1);
    assert_names(&error, line);
    job.ack();
    assert!(!hangs(manager.flush()).await);
}

#[tokio::test(start_paused = true)]
async fn sync_notify_holding_the_only_delivery_deadlocks() {
    let manager = EventManager::new(8);
    let options = SubscribeOptions::new().max_unacked(1);
    let (subscription, line) = (manager.subscribe_with(options), line!());
    let jobs = subscription.deliveries();
    manager.try_notify(1).unwrap();

    // Concurrent, so that another task could read the published event: without the limit, the task
    // would.
    let publisher = manager.clone();
    let work = jobs.for_each_concurrent(2, |job| {
        let manager = publisher.clone();
        async move {
            if *job == 1 {
                let error = manager.sync_notify(2).within(SECOND).await.unwrap_err();
                assert_own(error.waiting_for(), line);
                let own = &error.waiting_for()[0];
                assert_eq!((own.unread(), own.unacked()), (1, 1));
                assert_names(&error, line);
                manager.close();
            }
            job.ack();
        }
    });
    assert!(!hangs(work).await);
}

#[tokio::test(start_paused = true)]
async fn chunks_larger_than_the_window_wait() {
    let manager = EventManager::new(8);
    let (subscription, line) = (manager.subscribe(), line!());
    let mut triples = subscription.deliveries().chunks(3);
    let publish = async {
        manager.notify(1).await.unwrap();
        let error = manager.sync_notify(2).within(SECOND).await.unwrap_err();
        assert_own(error.waiting_for(), line);
        assert_eq!(error.waiting_for()[0].unacked(), 2, "both are in the chunk");
        assert_names(&error, line);
    };
    tokio::select! {
        _ = triples.next() => panic!("two are not three"),
        () = publish => {}
    }
    assert!(hangs(triples.next()).await);

    // The solution: chunks of the events that are ready.
    let manager = EventManager::<u32>::new(8);
    let pairs = manager.subscribe().deliveries().ready_chunks(3);
    let work = pairs.for_each(|chunk| async move {
        for job in chunk {
            job.ack();
        }
    });
    tokio::select! {
        () = work => panic!("the manager is open"),
        receipt = manager.sync_notify(1) => assert_eq!(receipt.unwrap().acked(), 1),
    }
}

// ---- Stages -------------------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn zip_with_an_upstream_stage_deadlocks_without_ack() {
    let manager = EventManager::new(4);
    let (mut first, line) = (manager.subscribe(), line!());
    let second = manager.subscribe_after(&first);
    manager.try_notify("order").unwrap();
    {
        let mut both = (&mut first).zip(second);
        assert!(hangs(both.next()).await);
        // The error cannot name the stage, because the stage is not late: its upstream subscriber
        // is.
        let error = manager.flush().within(SECOND).await.unwrap_err();
        assert_own(&error.waiting_for()[..1], line);
    }
    let mut second = manager.subscribe_after(&first);
    manager.try_notify("shipped").unwrap();
    first.ack();
    assert_eq!(first.next().await, Some("shipped"));
    assert!(hangs(second.next()).await);
    first.ack();
    assert_eq!(second.next().await, Some("shipped"));
}

// ---- Room ---------------------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn notify_waits_for_room_of_its_own_task() {
    let manager = EventManager::new(1);
    let (mut orders, line) = (manager.subscribe(), line!());
    manager.try_notify("order").unwrap();
    assert_eq!(orders.next().await, Some("order"));
    manager.notify("shipped").await.unwrap();
    assert!(hangs(manager.notify("billed")).await);
    let error = manager.sync_notify("billed").within(SECOND).await;
    let error = error.unwrap_err();
    assert_own(error.waiting_for(), line);
    assert_names(&error, line);
    assert_eq!(error.into_event(), Some("billed"), "it was not stored");
    assert_eq!(orders.next().await, Some("shipped"));
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
