//! Waits for a publisher, or for a permit, of the task's own. All calls wait for permits, and only
//! `quiet` waits for publishers kept without being polled. The readers here are separate tasks, which
//! always make room.

use std::future::ready;

use futures::future::BoxFuture;
use futures::{FutureExt, SinkExt, StreamExt, join};
use genevent::error::DeadlineError;
use genevent::{EventManager, SubscribeOptions};
use tokio::task::{JoinHandle, yield_now};
use tokio::time::timeout;

use super::handlers::doing;
use super::{SECOND, hangs};

fn reader(manager: &EventManager<u32>) -> JoinHandle<Vec<u32>> {
    tokio::spawn(manager.subscribe().collect())
}

/// A limit ends the deadlock. The event was not stored, and no subscriber has unread events.
async fn assert_no_subscriber_is_blamed(manager: &EventManager<u32>, event: u32) {
    let error = manager.sync_notify(event).within(SECOND).await.unwrap_err();
    assert!(matches!(error, DeadlineError::NotStored(_)), "{error}");
    assert!(error.waiting_for().iter().all(|info| info.unread() == 0));
    assert_eq!(error.into_event(), Some(event));
}

/// A future that publishes, kept without being polled any more.
type Kept = BoxFuture<'static, ()>;
type Publish = fn(EventManager<u32>) -> Kept;

const WAYS: [(&str, Publish); 6] = [
    ("notify", |manager| {
        async move { _ = manager.notify(100).await }.boxed()
    }),
    ("ack_notify", |manager| {
        async move { drop(manager.ack_notify(100).await) }.boxed()
    }),
    ("sync_notify", |manager| {
        async move { drop(manager.sync_notify(100).await) }.boxed()
    }),
    ("reserve", |manager| {
        async move { drop(manager.reserve().await) }.boxed()
    }),
    ("a sink", |manager| {
        async move { _ = manager.sink().send(100).await }.boxed()
    }),
    ("a sync sink", |manager| {
        async move { _ = manager.sync_sink().send(100).await }.boxed()
    }),
];

/// `select!` keeps publishing futures, as many as the windows have places.
#[tokio::test(start_paused = true)]
async fn kept_publishers_do_not_hold_up_others() {
    for (way, publish) in WAYS {
        for capacity in [1, 2, 8, 1_000] {
            let manager = EventManager::new(capacity);
            let reading = reader(&manager);
            for _ in 0..capacity {
                manager.try_notify(0).unwrap();
            }
            let mut kept: Vec<_> = (0..capacity).map(|_| publish(manager.clone())).collect();
            for publishing in &mut kept {
                tokio::select! {
                    biased;
                    () = publishing => panic!("there is no room yet"),
                    () = ready(()) => {}
                }
            }
            for n in 1..=3 {
                assert!(!hangs(manager.notify(n)).await, "{way}, {capacity}");
                let permit = timeout(86_400 * SECOND, manager.reserve()).await.unwrap();
                assert_eq!(permit.unwrap().notify(n + 3), 1, "{way}, {capacity}");
            }
            assert!(!hangs(manager.sync_notify(7)).await, "{way}, {capacity}");
            // The first publisher keeps its position.
            assert!(!hangs(&mut kept[0]).await, "{way}, {capacity}");
            drop(kept);
            manager.close();
            let read = reading.await.unwrap();
            let others = read.iter().filter(|&&n| n > 0 && n < 100);
            assert!(others.eq(&[1, 4, 2, 5, 3, 6, 7]), "{way}, {capacity}");
            let stored = read.iter().filter(|&&n| n == 100).count();
            assert_eq!(stored, usize::from(way != "reserve"), "{way}, {capacity}");
        }
    }
}

/// The sink stays queued when the future of `send` is dropped.
#[tokio::test(start_paused = true)]
async fn a_timed_out_send_does_not_hold_up_others() {
    for way_on in ["close", "drop", "send"] {
        let manager = EventManager::new(1);
        let full = manager.subscribe();
        manager.try_notify(1).unwrap();
        let mut sink = manager.sink();
        assert!(timeout(SECOND, sink.send(2)).await.is_err());
        let mut sink = Some(sink);
        let reading = tokio::spawn(full.collect::<Vec<_>>());
        assert!(!hangs(manager.notify(3)).await);
        assert!(!hangs(manager.sync_notify(4)).await);

        match way_on {
            "close" => sink.as_mut().unwrap().close().await.unwrap(),
            "drop" => sink = None,
            _ => sink.as_mut().unwrap().send(2).await.unwrap(),
        }
        assert!(!hangs(manager.notify(5)).await, "{way_on}");
        drop((sink, manager));
        let read = reading.await.unwrap();
        assert_eq!(read.len(), 4 + usize::from(way_on == "send"), "{read:?}");
    }
}

/// `quiet` waits for each queued publisher, also for a publisher of its own task.
#[tokio::test(start_paused = true)]
async fn quiet_waits_for_a_kept_publisher_of_its_task() {
    for (way, publish) in WAYS {
        let manager = EventManager::new(1);
        let reading = reader(&manager);
        manager.try_notify(1).unwrap();
        let mut kept = publish(manager.clone());
        assert!((&mut kept).now_or_never().is_none());
        assert!(!hangs(manager.flush()).await, "{way}");
        assert!(hangs(manager.quiet()).await, "{way}");
        let error = manager.quiet().within(SECOND).await.unwrap_err();
        assert!(error.waiting_for().is_empty(), "{way}");
        // The way out: both are polled, or the publisher is dropped.
        let both = async { join!(&mut kept, manager.quiet()) };
        assert!(!hangs(both).await, "{way}");
        let mut kept = publish(manager.clone());
        if (&mut kept).now_or_never().is_none() {
            drop(kept);
        }
        assert!(!hangs(manager.quiet()).await, "{way}");
        drop(manager);
        reading.await.unwrap();
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

/// A task with a permit waits for quiet, while another publisher is queued for its room.
#[tokio::test(start_paused = true)]
async fn quiet_while_holding_a_permit_deadlocks_with_publishers() {
    let manager = EventManager::new(1);
    let reading = reader(&manager);
    let permit = manager.reserve().await.unwrap();
    assert!(!hangs(manager.quiet()).await);
    let own = manager.clone();
    let queued = tokio::spawn(async move { own.notify(2).await });
    yield_now().await;
    assert!(hangs(manager.quiet()).await);
    let error = manager.quiet().within(SECOND).await.unwrap_err();
    assert!(error.waiting_for().is_empty());
    drop(permit);
    assert!(!hangs(manager.quiet()).await);
    assert_eq!(queued.await.unwrap(), Ok(1));
    drop(manager);
    assert_eq!(reading.await.unwrap(), [2]);
}

#[tokio::test(start_paused = true)]
async fn a_handler_holding_a_permit_is_not_held_up() {
    for is_narrow in [false, true] {
        let manager = EventManager::new(if is_narrow { 2 } else { 1 });
        let narrow = is_narrow.then(|| {
            let options = SubscribeOptions::new().window(1);
            tokio::spawn(manager.subscribe_with(options).collect::<Vec<_>>())
        });
        let inside = manager.clone();
        doing(&manager, move |_| async move {
            let permit = inside.reserve().await.unwrap();
            assert!(inside.notify(2).await.is_ok());
            permit.notify(3);
        });
        assert!(!hangs(manager.sync_notify(1)).await);
        assert!(!hangs(manager.stop()).await);
        if let Some(narrow) = narrow {
            assert_eq!(narrow.await.unwrap(), [1, 2, 3]);
        }
    }
}
