//! A watch is an ordinary subscription.

use std::time::Duration;

use futures::stream::FusedStream;
use futures::{FutureExt, Stream, StreamExt};
use genevent::kv::{Registry, RegistryEvent, View, WatchEvent};
use genevent::{EndReason, EventManager, Overflow, SubscribeOptions};
use tokio_test::{assert_pending, assert_ready, task};

use super::{in_short, let_other_tasks_run, new_registry, so_far};

#[tokio::test]
async fn polling_again_or_ack_or_nack_finishes_a_change() {
    let registry = new_registry();
    let mut watch = registry.watch();
    assert_eq!(so_far(&mut watch).await, ["."]);
    for (name, is_acked) in [("acked", true), ("nacked", false)] {
        registry.create(name).await.unwrap();
        let mut flushed = task::spawn(registry.flush());
        assert_pending!(flushed.poll());
        assert_eq!(in_short(&watch.next().await.unwrap()), format!("+{name}"));
        let_other_tasks_run().await;
        assert_pending!(flushed.poll());
        if is_acked {
            watch.ack();
        } else {
            watch.nack("the view is full");
        }
        let_other_tasks_run().await;
        assert_ready!(flushed.poll());
    }

    registry.create("b").await.unwrap();
    let mut flushed = task::spawn(registry.flush());
    assert_pending!(flushed.poll());
    assert_eq!(so_far(&mut watch).await, ["+b"]);
    let_other_tasks_run().await;
    assert_ready!(flushed.poll());
}

#[tokio::test]
async fn events_covered_by_the_snapshot_finish_at_once() {
    let registry = new_registry();
    registry.create("a").await.unwrap();
    let mut watch = registry.watch();
    assert_eq!(so_far(&mut watch).await, ["=a", "."]);
    assert_eq!(registry.flush().now_or_never(), Some(()));
}

#[tokio::test]
async fn a_watch_is_one_subscription_with_options() {
    let events = EventManager::new(8);
    let registry = Registry::<u8>::new(events.clone());
    let options = SubscribeOptions::new()
        .name("screen")
        .window(3)
        .overflow(Overflow::Disconnect);
    let mut watch = registry.watch_with(options);
    let line = line!() - 1;
    let [info] = &events.subscribers()[..] else {
        panic!("one subscription")
    };
    assert_eq!((info.name(), info.window()), (Some("screen"), 3));
    assert_eq!(info.overflow(), Overflow::Disconnect);
    assert_eq!(info.created_at().line(), line);
    assert_eq!(info.id(), watch.subscription().id());

    assert!(events.disconnect(info.id()));
    assert_eq!(
        watch
            .by_ref()
            .map(|event| in_short(&event))
            .collect::<Vec<_>>()
            .await,
        ["."]
    );
    assert!(watch.is_terminated());
    let ended = watch.subscription().end_reason();
    assert!(matches!(ended, Some(EndReason::Disconnected { .. })));
    drop(watch);
    assert_eq!(events.subscriber_count(), 0);
}

#[tokio::test]
async fn a_watch_of_a_closed_manager_yields_the_snapshot() {
    let events = EventManager::default();
    let registry = Registry::<u8>::new(events.clone());
    registry.create("a").await.unwrap();
    events.close();
    registry.create("b").await.unwrap();
    registry.flush().await;
    registry.create("c").await.unwrap();
    let mut watch = registry.watch();
    assert_eq!(watch.size_hint(), (4, Some(4)));
    let changes: Vec<_> = watch.by_ref().map(|event| in_short(&event)).collect().await;
    assert_eq!(changes, ["=a", "=b", "=c", "."]);
    assert_eq!(watch.size_hint(), (0, Some(0)));
    assert!(watch.next().await.is_none());
}

#[tokio::test]
async fn a_watch_keeps_neither_registry_nor_manager_open() {
    let registry = new_registry();
    let bucket = registry.create("a").await.unwrap();
    let watch = registry.watch();
    drop(registry);
    assert!(bucket.stopped().now_or_never().is_some());
    let changes: Vec<_> = watch.map(|event| in_short(&event)).collect().await;
    assert_eq!(changes, ["=a", ".", "-a"]);
}

#[tokio::test]
async fn a_watch_sees_only_events_of_its_registry() {
    let events = EventManager::default();
    let (mine, other) = (Registry::<u8>::new(events.clone()), Registry::new(events));
    other.create("x").await.unwrap();
    mine.create("a").await.unwrap();
    let mut watch = mine.watch();
    assert_eq!(so_far(&mut watch).await, ["=a", "."]);
    other.create("y").await.unwrap();
    mine.create("b").await.unwrap();
    other.lookup("x").unwrap().stop();
    mine.lookup("a").unwrap().stop();
    assert_eq!(so_far(&mut watch).await, ["+b", "-a"]);
}

#[tokio::test]
async fn a_republished_event_is_not_repeated() {
    let events = EventManager::default();
    let registry = Registry::<u8>::new(events.clone());
    let mut spy = registry.events();
    let mut watch = registry.watch();
    assert_eq!(so_far(&mut watch).await, ["."]);
    let bucket = registry.create("a").await.unwrap();
    assert_eq!(so_far(&mut watch).await, ["+a"]);
    let repeated = spy.next().await.unwrap();
    events.try_notify(repeated).unwrap();
    let invented = RegistryEvent::Exited {
        name: "a".to_owned(),
        bucket: bucket.clone(),
        reason: genevent::kv::ExitReason::Stopped,
    };
    events.try_notify(invented).unwrap();
    assert_eq!(so_far(&mut watch).await, [""; 0], "it lives");
    drop(spy);
    bucket.stop();
    assert_eq!(so_far(&mut watch).await, ["-a"]);
}

/// A registry on a manager with another publisher, and an event of the other publisher.
async fn shared(
    capacity: usize,
) -> (
    EventManager<RegistryEvent<u8>>,
    Registry<u8>,
    RegistryEvent<u8>,
) {
    let events = EventManager::new(capacity);
    let registry = Registry::new(events.clone());
    let other = Registry::new(EventManager::default());
    let bucket = other.create("strange").await.unwrap();
    let name = "strange".to_owned();
    (events, registry, RegistryEvent::Created { name, bucket })
}

/// A watch can only lose events if the manager has another publisher.
#[tokio::test]
async fn a_lossy_watch_restarts_after_a_loss() {
    let (events, registry, strange) = shared(2).await;
    let view = View::new();
    let mut watch = registry
        .watch_with(Overflow::DropOldest)
        .reflect(view.clone());
    let keep = registry.create("keep").await.unwrap();
    let go = registry.create("go").await.unwrap();
    assert_eq!(so_far(&mut watch).await, [".", "+keep", "+go"]);

    go.stop();
    let_other_tasks_run().await;
    // Overwrites the `Exited`.
    events.try_notify(strange.clone()).unwrap();
    events.try_notify(strange.clone()).unwrap();
    registry.create("new").await.unwrap();
    assert_eq!(watch.get_ref().subscription().missed(), 1);
    let changes = so_far(&mut watch).await;
    assert_eq!(changes, ["=keep", "=new", "."]);
    assert_eq!(view.names(), ["keep", "new"]);
    keep.stop();
    assert_eq!(so_far(&mut watch).await, ["-keep"]);
    assert_eq!(view.names(), ["new"]);
}

/// The lost event may be the last event for a long time.
#[tokio::test]
async fn a_watch_restarts_without_later_events() {
    let (events, registry, strange) = shared(1).await;
    let view = View::new();
    let mut watch = registry
        .watch_with(Overflow::DropOldest)
        .reflect(view.clone());
    registry.create("keep").await.unwrap();
    let go = registry.create("go").await.unwrap();
    assert_eq!(so_far(&mut watch).await, [".", "+keep", "+go"]);

    go.stop();
    let_other_tasks_run().await;
    events.try_notify(strange.clone()).unwrap(); // Overwrites the `Exited`.
    assert_eq!(so_far(&mut watch).await, ["=keep", "."]);
    assert_eq!(view.names(), ["keep"]);

    // The watch does not restart when only foreign events are lost.
    events.try_notify(strange.clone()).unwrap();
    events.try_notify(strange).unwrap();
    assert_eq!(watch.get_ref().subscription().missed(), 2);
    assert_eq!(so_far(&mut watch).await, [""; 0]);
}

/// Two registries overwrite each other's events in a window of one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lossy_view_ends_equal_to_the_registry() {
    const ROUNDS: usize = 200;
    let mut lost = 0;
    for round in 0..ROUNDS {
        let events = EventManager::new(1);
        let registries = [(); 2].map(|()| Registry::<u8>::new(events.clone()));
        let view = View::new();
        let mut watch = registries[0]
            .watch_with(Overflow::DropOldest)
            .reflect(view.clone());
        let watching = tokio::spawn(async move {
            while watch.next().await.is_some() {
                for _ in 0..round % 20 {
                    tokio::task::yield_now().await;
                }
            }
            watch.get_ref().subscription().missed()
        });
        let changing = registries.clone().map(|registry| {
            tokio::spawn(async move {
                for n in 0..4 {
                    let bucket = registry.create(&format!("{n}")).await.unwrap();
                    if (n + round) % 3 == 0 {
                        bucket.stop();
                    }
                    tokio::task::yield_now().await;
                }
            })
        });
        for changing in changing {
            changing.await.unwrap();
        }
        for registry in &registries {
            registry.flush().await;
        }
        // Every event is delivered or lost; the watch may still be handling the last event.
        events.flush().await.unwrap();
        let settled = async {
            while view.names() != registries[0].names() {
                tokio::task::yield_now().await;
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(30), settled).await;
        assert!(in_time.is_ok(), "it stays at {:?}", view.names());
        drop((registries, events));
        lost += watching.await.unwrap();
        assert!(view.is_empty(), "{:?}", view.names());
    }
    assert!(lost > 0, "nothing was lost");
}

#[tokio::test]
async fn the_registry_can_be_watched_inside_an_event() {
    let registry = new_registry();
    let inner = registry.clone();
    let story = registry.watch().take(4).then(move |event| {
        let registry = inner.clone();
        async move {
            if let WatchEvent::Created { name, bucket } = &event {
                let mut nested = registry.watch();
                let exists = nested.next().now_or_never().flatten().unwrap();
                assert_eq!(exists.bucket(), Some(bucket));
                if name == "a" {
                    registry.create("b").await.unwrap();
                    bucket.stop();
                }
            }
            in_short(&event)
        }
    });
    let story = tokio::spawn(story.collect::<Vec<_>>());
    registry.create("a").await.unwrap();
    assert_eq!(story.await.unwrap(), [".", "+a", "+b", "-a"]);
}
