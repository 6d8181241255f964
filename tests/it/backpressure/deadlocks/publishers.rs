//! Deadlocks in which a publisher waits for another publisher, or for a permit, of its own task.
//! The readers here are separate tasks that always make room.

use std::future::ready;

use futures::{SinkExt, StreamExt, join};
use genevent::error::{DeadlineError, NotifyError};
use genevent::{EventManager, StopReason, SubscribeOptions};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::handlers::doing;
use super::{SECOND, hangs};

fn reader(manager: &EventManager<u32>) -> JoinHandle<Vec<u32>> {
    tokio::spawn(manager.subscribe().collect())
}

/// A limit breaks it. The event was not stored, and no subscriber has anything unread.
async fn assert_no_subscriber_is_blamed(manager: &EventManager<u32>, event: u32) {
    let error = manager.sync_notify(event).within(SECOND).await.unwrap_err();
    assert!(matches!(error, DeadlineError::NotStored(_)), "{error}");
    assert!(error.waiting_for().iter().all(|info| info.unread() == 0));
    assert_eq!(error.into_event(), Some(event));
}

#[tokio::test(start_paused = true)]
async fn notify_waits_behind_a_notify_parked_by_select() {
    let manager = EventManager::new(1);
    let reading = reader(&manager);
    manager.try_notify(1).unwrap();
    let mut first = Box::pin(manager.notify(2));
    tokio::select! {
        biased;
        _ = &mut first => panic!("there is no room yet"),
        () = ready(()) => {}
    }
    assert!(hangs(manager.notify(3)).await);
    assert!(hangs(manager.reserve()).await);
    assert_no_subscriber_is_blamed(&manager, 3).await;

    // The way out: both are polled.
    let both = async { join!(&mut first, manager.notify(3)) };
    assert_eq!(timeout(SECOND, both).await, Ok((Ok(1), Ok(1))));

    // Alternatively, the first publisher is dropped.
    drop(first);
    let mut first = Box::pin(manager.notify(4));
    tokio::select! {
        biased;
        _ = &mut first => panic!("there is no room yet"),
        () = ready(()) => {}
    }
    drop(first);
    assert!(!hangs(manager.notify(5)).await);
    drop(manager);
    assert_eq!(reading.await.unwrap(), [1, 2, 3, 5]);
}

#[tokio::test(start_paused = true)]
async fn notify_waits_behind_a_timed_out_send() {
    for way_out in ["close", "drop", "send"] {
        let manager = EventManager::new(1);
        let full = manager.subscribe();
        manager.try_notify(1).unwrap();
        let mut sink = manager.sink();
        assert!(timeout(SECOND, sink.send(2)).await.is_err());
        let mut sink = Some(sink);
        let reading = tokio::spawn(full.collect::<Vec<_>>());
        assert!(hangs(manager.notify(3)).await);
        assert_no_subscriber_is_blamed(&manager, 3).await;

        match way_out {
            "close" => sink.as_mut().unwrap().close().await.unwrap(),
            "drop" => sink = None,
            _ => sink.as_mut().unwrap().send(2).await.unwrap(),
        }
        assert!(!hangs(manager.notify(3)).await, "{way_out}");
        drop((sink, manager));
        let read = reading.await.unwrap();
        assert_eq!(read.len(), 2 + usize::from(way_out == "send"), "{read:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn notify_while_holding_a_permit_deadlocks() {
    let manager = EventManager::new(1);
    let reading = reader(&manager);
    let permit = manager.reserve().await.unwrap();
    assert!(hangs(manager.notify(2)).await);
    assert_no_subscriber_is_blamed(&manager, 2).await;
    assert_eq!(permit.notify(1), 1);
    assert!(!hangs(manager.notify(2)).await);

    // A sink that is ready holds a permit.
    let mut sink = manager.sink();
    assert!(!hangs(sink.feed(3)).await);
    std::future::poll_fn(|cx| sink.poll_ready_unpin(cx))
        .await
        .unwrap();
    assert!(hangs(manager.notify(5)).await);
    sink.start_send_unpin(4).unwrap();
    assert!(!hangs(manager.notify(5)).await);
    drop((sink, manager));
    assert_eq!(reading.await.unwrap(), [1, 2, 3, 4, 5]);
}

#[tokio::test(start_paused = true)]
async fn stop_waits_for_a_permit_of_its_task() {
    let manager = EventManager::<u32>::new(1);
    let mut reader = manager.subscribe();
    let permit = manager.reserve().await.unwrap();
    assert!(hangs(manager.stop()).await);
    let error = manager.stop().within(SECOND).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "not over in time: permits are out, or publishers are queued"
    );
    assert!(error.waiting_for().is_empty());
    assert!(hangs(reader.next()).await);
    drop(permit);
    assert!(!hangs(manager.stop()).await);
    assert_eq!(reader.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_handler_holding_a_permit_waits_until_aborted() {
    for reported in [true, false] {
        let manager = EventManager::new(if reported { 1 } else { 2 });
        let narrow = (!reported).then(|| {
            let options = SubscribeOptions::new().window(1);
            tokio::spawn(manager.subscribe_with(options).collect::<Vec<_>>())
        });
        let inside = manager.clone();
        let handler = doing(&manager, move |_| async move {
            let permit = inside.reserve().await.unwrap();
            let answer = inside.notify(2).await;
            assert_eq!(answer, Err(NotifyError::WouldDeadlock(2)));
            drop(permit);
        });
        assert_eq!(hangs(manager.sync_notify(1)).await, !reported);
        handler.abort();
        assert_eq!(handler.stopped().await, StopReason::Aborted);
        assert!(!hangs(manager.stop()).await);
        drop(narrow);
    }
}
