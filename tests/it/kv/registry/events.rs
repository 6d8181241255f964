//! Events: a `Created` and an `Exited` for every bucket, in order.

use std::collections::{HashMap, HashSet};

use futures::{FutureExt, StreamExt};
use genevent::EventManager;
use genevent::kv::{Bucket, CreateError, ExitReason, Registry, RegistryEvent, RegistryStreamExt};
use tokio_test::{assert_pending, assert_ready, task};

use super::{in_short, let_other_tasks_run, new_registry};

#[tokio::test]
async fn a_bucket_publishes_one_created_and_one_exited() {
    let registry = new_registry::<u8>();
    let events = registry.events();
    let bucket = registry.create("a").await.unwrap();
    assert_eq!(
        registry.create("a").await.unwrap(),
        bucket,
        "and nothing is told"
    );
    bucket.stop();
    bucket.stop();
    drop(registry);

    let events: Vec<_> = events.collect().await;
    match &events[..] {
        [
            RegistryEvent::Created { name, bucket: one },
            RegistryEvent::Exited {
                name: same,
                bucket: two,
                reason: ExitReason::Stopped,
            },
        ] => {
            assert_eq!((&**name, &**same), ("a", "a"));
            assert_eq!((one, two), (&bucket, &bucket));
        }
        other => panic!("unexpected: {other:?}"),
    }
}

#[tokio::test]
async fn stopping_a_bucket_again_spares_its_successor() {
    let registry = new_registry::<u8>();
    let events = registry.events().map(|event| in_short(&event));
    let old = registry.create("a").await.unwrap();
    old.stop();
    let new = registry.create("a").await.unwrap();
    old.stop();
    assert_eq!(registry.lookup("a"), Some(new.clone()));
    assert!(new.stopped().now_or_never().is_none());
    drop(registry);
    assert_eq!(events.collect::<Vec<_>>().await, ["+a", "-a", "+a", "-a"]);
}

#[tokio::test]
async fn a_panic_in_update_ends_only_that_bucket() {
    let registry = new_registry();
    let exited = registry.events().exited();
    let bad = registry.create("bad").await.unwrap();
    let good = registry.create("good").await.unwrap();
    good.put("k", 1).await;

    let result = bad.update("k", |_| panic!("on purpose")).await;
    assert_eq!(result, Err(ExitReason::Panicked));
    assert_eq!(bad.stopped().await, ExitReason::Panicked);
    assert_eq!(registry.names(), ["good"]);
    assert_eq!(good.get("k").await, Some(1));
    assert_ne!(registry.create("bad").await.unwrap(), bad);

    good.stop();
    let exited: Vec<_> = exited.take(2).collect().await;
    assert_eq!(exited[0], ("bad".into(), bad, ExitReason::Panicked));
    assert_eq!(exited[1], ("good".into(), good, ExitReason::Stopped));
}

#[tokio::test]
async fn dropping_the_last_registry_ends_its_buckets() {
    let manager = EventManager::default();
    let registry = Registry::<u8>::new(manager.clone());
    let clone = registry.clone();
    let events = registry.events();
    let bucket = registry.create("b").await.unwrap();
    registry.create("a").await.unwrap();
    drop(registry);
    assert_eq!(clone.lookup("b"), Some(bucket.clone()), "there is one left");

    drop(clone);
    assert_eq!(
        bucket.stopped().now_or_never(),
        Some(ExitReason::RegistryGone)
    );
    let weak = manager.downgrade();
    drop(manager);
    let changes: Vec<_> = events.map(|event| in_short(&event)).collect().await;
    assert_eq!(changes, ["+b", "+a", "-a", "-b"]);
    assert!(weak.upgrade().is_none());
}

#[tokio::test]
async fn create_and_stop_never_wait_for_subscribers() {
    let registry = Registry::<u8>::new(EventManager::new(1));
    let stuck = registry.events();
    for n in 0..100 {
        let created = registry.create(&format!("b{n}")).now_or_never();
        let bucket = created.expect("create does not wait").unwrap();
        if n % 2 == 0 {
            bucket.stop();
        }
        let_other_tasks_run().await;
    }
    assert_eq!(registry.names().len(), 50);
    assert_eq!(stuck.len(), 1);
}

#[tokio::test]
async fn the_registry_publishes_only_after_earlier_events_settle() {
    let registry = new_registry::<u8>();
    let mut slow = registry.events();
    let mut fast = registry.events();
    for name in ["a", "b"] {
        registry.create(name).await.unwrap();
    }
    assert_eq!(slow.next().await.unwrap().name(), "a");
    assert_eq!(fast.next().await.unwrap().name(), "a");
    let mut next = task::spawn(fast.next());
    for _ in 0..10 {
        let_other_tasks_run().await;
        assert_pending!(next.poll());
    }
    slow.ack();
    let_other_tasks_run().await;
    assert_eq!(assert_ready!(next.poll()).unwrap().name(), "b");
}

#[tokio::test]
async fn only_create_is_refused_by_a_full_outbox() {
    let registry = Registry::<u8>::builder()
        .queue_capacity(2)
        .build(EventManager::default());
    let events = registry.events();
    let a = registry.create("a").await.unwrap();
    let b = registry.create("b").await.unwrap();
    let refused = registry.create("c").await.unwrap_err();
    assert_eq!(refused, CreateError::QueueFull);
    assert_eq!(registry.lookup("c"), None);
    assert_eq!(registry.create("a").await, Ok(a.clone()), "that is not new");

    a.stop();
    b.stop();
    assert!(registry.names().is_empty());
    assert!(registry.create("c").await.is_err());

    let log = tokio::spawn(events.map(|event| in_short(&event)).collect::<Vec<_>>());
    registry.flush().await;
    registry.create("c").await.unwrap();
    drop(registry);
    assert_eq!(log.await.unwrap(), ["+a", "+b", "-a", "-b", "+c", "-c"]);
}

#[tokio::test]
async fn lookup_changes_before_the_event_is_published() {
    let registry = new_registry::<u8>();
    let view = registry.clone();
    let seen = registry.events().take(2).map(move |event| {
        let standing = view.lookup("a");
        match event {
            RegistryEvent::Created { bucket, .. } => assert_eq!(standing, Some(bucket)),
            _ => assert_eq!(standing, None),
        }
    });
    let seen = tokio::spawn(seen.count());
    let bucket = registry.create("a").await.unwrap();
    registry.flush().await;
    bucket.stop();
    assert_eq!(seen.await.unwrap(), 2);
}

#[tokio::test]
async fn exited_precedes_created_of_the_successor() {
    let registry = new_registry::<u8>();
    let events = registry.events();
    let mut expected = Vec::new();
    for _ in 0..10 {
        let bucket = registry.create("a").await.unwrap();
        bucket.stop();
        expected.extend([("+a".to_owned(), bucket.clone()), ("-a".to_owned(), bucket)]);
    }
    drop(registry);
    let changes = events.map(|event| (in_short(&event), event.bucket().clone()));
    assert_eq!(changes.collect::<Vec<_>>().await, expected);
}

#[tokio::test]
async fn flush_waits_only_for_earlier_events() {
    let registry = new_registry::<u8>();
    let mut subscriber = registry.events();
    registry
        .flush()
        .now_or_never()
        .expect("nothing has happened");

    registry.create("a").await.unwrap();
    let mut flushed = task::spawn(registry.flush());
    assert_pending!(flushed.poll());
    registry.create("b").await.unwrap();
    assert_eq!(subscriber.next().await.unwrap().name(), "a");
    let_other_tasks_run().await;
    assert_pending!(flushed.poll());
    subscriber.ack();
    let_other_tasks_run().await;
    assert_ready!(flushed.poll());
    assert_eq!(subscriber.next().await.unwrap().name(), "b");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_changes_publish_complete_histories() {
    const NAMES: [&str; 3] = ["a", "b", "c"];
    let registry = new_registry::<usize>();
    let events = tokio::spawn(registry.events().collect::<Vec<_>>());
    let tasks: Vec<_> = (0..4)
        .map(|task| {
            let registry = registry.clone();
            tokio::spawn(async move {
                for n in 0..300 {
                    let bucket = registry.create(NAMES[(n + task) % 3]).await.unwrap();
                    if (n + task) % 7 == 0 {
                        let _ = bucket
                            .update("k", |_| std::panic::resume_unwind(Box::new(())))
                            .await;
                    } else if n % 2 == 0 {
                        bucket.stop();
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    drop(registry);

    let mut standing: HashMap<String, Bucket<usize>> = HashMap::new();
    let mut seen = HashSet::new();
    for event in events.await.unwrap() {
        match event {
            RegistryEvent::Created { name, bucket } => {
                assert!(seen.insert(bucket.clone()), "created twice");
                assert_eq!(standing.insert(name, bucket), None);
            }
            RegistryEvent::Exited {
                name,
                bucket,
                reason,
            } => {
                assert_eq!(bucket.stopped().await, reason);
                assert_eq!(standing.remove(&name), Some(bucket));
            }
            other => panic!("unexpected: {other:?}"),
        }
    }
    assert!(standing.is_empty());
}
