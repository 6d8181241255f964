//! The deadlocks of the page `genevent::deadlocks`: each hangs, a time limit resolves each, and the
//! error names the caller's own subscription with the source line that created the subscription.

mod handlers;
mod late_answers;
mod managers;
mod publishers;
mod room;

use std::panic::Location;
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use genevent::{EventManager, EventStreamExt, SubscribeOptions, SubscriberInfo};
use tokio::time::timeout;

const SECOND: Duration = Duration::from_secs(1);

/// Whether the future is still pending after a day.
async fn hangs<F: Future>(future: F) -> bool {
    timeout(86_400 * SECOND, future).await.is_err()
}

/// Asserts that the error names a single subscription, created in `line` of the caller's file.
#[track_caller]
fn assert_own(pending: &[SubscriberInfo], line: u32) {
    let lines = pending.iter().map(|info| info.created_at().line());
    assert_eq!(lines.collect::<Vec<_>>(), [line]);
    assert_eq!(pending[0].created_at().file(), Location::caller().file());
}

/// The message names that line, too.
#[track_caller]
fn assert_names(error: &dyn std::error::Error, line: u32) {
    let place = format!("{}:{line}:", Location::caller().file());
    assert!(error.to_string().contains(&place), "{error}");
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
    assert_eq!(orders.follow_up("packed"), Ok(1));
    orders.ack();
    assert!(
        hangs(manager.sync_notify("shipped")).await,
        "it still has to read that"
    );
    assert!(!hangs(manager.notify("billed")).await);
}

#[tokio::test(start_paused = true)]
async fn flushing_a_sync_sink_from_the_reading_loop_deadlocks() {
    let manager = EventManager::new(8);
    let mut orders = manager.subscribe();
    manager.try_notify("order").unwrap();
    assert_eq!(orders.next().await, Some("order"));
    let mut sink = manager.sync_sink();
    assert!(hangs(sink.send("shipped")).await);
    // The way out.
    assert_eq!(orders.next().await, Some("shipped"));
    orders.ack();
    assert!(!hangs(sink.flush()).await);
}

#[tokio::test(start_paused = true)]
async fn sync_notify_from_the_only_work_deadlocks() {
    for limit in [1, 2] {
        let manager = EventManager::new(8);
        let (subscription, line) = (manager.subscribe(), line!());
        manager.try_notify(1).unwrap();
        let publisher = manager.clone();
        let work = subscription.deliveries().for_each_acked(limit, |job| {
            let manager = publisher.clone();
            async move {
                if job == 2 {
                    return;
                }
                let receipt = manager.sync_notify(2).within(SECOND).await;
                if limit == 1 {
                    assert_own(receipt.unwrap_err().waiting_for(), line);
                } else {
                    assert!(receipt.unwrap().all_acked());
                }
                manager.close();
            }
        });
        assert!(!hangs(work).await);
    }
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
async fn flush_quiet_and_stop_from_the_reading_loop_deadlock() {
    let manager = EventManager::new(8);
    let (mut orders, line) = (manager.subscribe(), line!());
    manager.try_notify("order").unwrap();
    assert_eq!(orders.next().await, Some("order"));
    assert!(hangs(manager.flush()).await);
    let error = manager.flush().within(SECOND).await.unwrap_err();
    assert_own(error.waiting_for(), line);
    assert!(hangs(manager.quiet()).await);
    let error = manager.quiet().within(SECOND).await.unwrap_err();
    assert_own(error.waiting_for(), line);
    let error = manager.stop().within(SECOND).await.unwrap_err();
    assert_own(error.waiting_for(), line);
    assert_names(&error, line);
    // The way out for these: finish with the event first.
    orders.ack();
    assert!(!hangs(manager.quiet()).await);
    assert!(!hangs(manager.stop()).await);
}

// ---- Deliveries ---------------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn flush_and_quiet_while_holding_a_delivery_deadlock() {
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
    assert!(hangs(manager.quiet()).await);
    let error = manager.quiet().within(SECOND).await.unwrap_err();
    assert_own(error.waiting_for(), line);
    job.ack();
    assert!(!hangs(manager.flush()).await);
    assert!(!hangs(manager.quiet()).await);

    // A batch is several deliveries.
    let mut batches = jobs.ready_batches(2);
    manager.try_notify("job").unwrap();
    let batch = batches.next().await.unwrap();
    assert!(hangs(manager.flush()).await);
    batch.ack();
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
