//! The snapshot comes first, and then the changes.

use std::collections::{BTreeMap, HashSet};

use futures::{FutureExt, StreamExt};
use genevent::kv::{Bucket, Registry, View, WatchEvent};
use genevent::{EventManager, SubscribeOptions};
use tokio_test::{assert_ready, task};

use super::{in_short, new_registry, so_far};

#[tokio::test]
async fn a_watch_ignores_replayed_events() {
    let registry = Registry::<u8>::new(EventManager::builder().retain(10).build());
    registry.create("gone").await.unwrap().stop();
    registry.create("here").await.unwrap();
    registry.flush().await;
    let mut watch = registry.watch_with(SubscribeOptions::new().replay(10));
    assert_eq!(so_far(&mut watch).await, ["=here", "."]);
    registry.create("new").await.unwrap();
    assert_eq!(so_far(&mut watch).await, ["+new"]);
}

#[tokio::test]
async fn an_empty_registry_is_ready_at_once() {
    let mut watch = task::spawn(new_registry().watch());
    assert_eq!(in_short(&assert_ready!(watch.poll_next()).unwrap()), ".");
}

#[tokio::test]
async fn existing_buckets_come_before_changes() {
    let registry = new_registry();
    for name in ["b", "c", "a"] {
        registry.create(name).await.unwrap();
    }
    registry.lookup("c").unwrap().stop();
    registry.flush().await;

    let mut watch = registry.watch();
    let a = registry.lookup("a").unwrap();
    a.stop();
    let d = registry.create("d").await.unwrap();
    assert_eq!(so_far(&mut watch).await, ["=a", "=b", ".", "-a", "+d"]);
    assert_ne!(a, d);
}

/// A watch may begin at any moment between a change and the delivery of its event.
#[tokio::test]
async fn queued_events_belong_to_the_snapshot() {
    for turns in 0..12 {
        let registry = new_registry();
        let first = registry.create("a").await.unwrap();
        first.stop();
        let second = registry.create("a").await.unwrap();
        registry.create("b").await.unwrap().stop();
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
        let mut watch = registry.watch();
        second.stop();
        let third = registry.create("a").await.unwrap();
        let changes: Vec<_> = watch.by_ref().take(4).collect().await;
        let told_of: Vec<_> = changes.iter().map(WatchEvent::bucket).collect();
        assert_eq!(told_of, [Some(&second), None, Some(&second), Some(&third)]);
        let changes: Vec<_> = changes.iter().map(in_short).collect();
        assert_eq!(changes, ["=a", ".", "-a", "+a"], "after {turns} turns");
        assert_eq!(so_far(&mut watch).await, [""; 0]);
    }
}

/// Like the test before, while another subscriber delays the registry's task at every event.
#[tokio::test]
async fn watching_between_deliveries_misses_and_repeats_nothing() {
    for delivered in 0..=4 {
        let registry = new_registry();
        let mut pacer = registry.events();
        for name in ["a", "b"] {
            registry.create(name).await.unwrap();
        }
        for name in ["a", "b"] {
            registry.lookup(name).unwrap().stop();
        }
        for _ in 0..delivered {
            pacer.next().await;
        }
        let mut watch = registry.watch();
        registry.create("c").await.unwrap();
        registry.create("b").await.unwrap();
        let mut changes = Vec::new();
        for _ in 0..20 {
            changes.extend(so_far(&mut watch).await);
            let _ = pacer.next().now_or_never();
        }
        assert_eq!(changes, [".", "+c", "+b"], "begun after {delivered}");
    }
}

#[tokio::test]
async fn a_watch_begins_at_the_call() {
    let registry = new_registry();
    let old = registry.create("old").await.unwrap();
    let watch = registry.watch();
    old.stop();
    registry.create("new").await.unwrap();
    drop(registry);
    let changes: Vec<_> = watch.map(|event| in_short(&event)).collect().await;
    assert_eq!(changes, ["=old", ".", "-old", "+new", "-new"]);
}

/// Asserts that `changes` is a consistent history, and returns the buckets that exist at its end.
fn replay(changes: &[WatchEvent<u8>]) -> BTreeMap<String, Bucket<u8>> {
    let mut standing = BTreeMap::new();
    let mut seen = HashSet::new();
    let mut ready = false;
    for event in changes {
        match event.clone() {
            WatchEvent::Existing { name, bucket } => {
                assert!(!ready, "what exists comes before `Ready`");
                assert!(seen.insert(bucket.clone()), "told twice: {name}");
                assert_eq!(standing.insert(name, bucket), None);
            }
            WatchEvent::Ready => assert!(!std::mem::replace(&mut ready, true), "ready once"),
            WatchEvent::Created { name, bucket } => {
                assert!(ready);
                assert!(seen.insert(bucket.clone()), "told twice: {name}");
                assert_eq!(standing.insert(name, bucket), None, "a gap: no `Exited`");
            }
            WatchEvent::Exited { name, bucket, .. } => {
                assert!(ready);
                assert_eq!(
                    standing.remove(&name),
                    Some(bucket),
                    "not told of, or twice"
                );
            }
            other => panic!("unexpected: {other:?}"),
        }
    }
    assert!(ready);
    standing
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_changes_cause_no_gap_or_duplicate() {
    const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];
    let registry = new_registry();
    let tasks: Vec<_> = (0..4)
        .map(|task| {
            let registry = registry.clone();
            tokio::spawn(async move {
                for n in 0..400 {
                    let bucket = registry.create(NAMES[(n + task) % 5]).await.unwrap();
                    if (n + task) % 3 != 0 {
                        bucket.stop();
                    }
                    if n % 16 == 0 {
                        tokio::task::yield_now().await;
                    }
                }
            })
        })
        .collect();
    let mut watches = Vec::new();
    for _ in 0..40 {
        let watch = registry.watch();
        watches.push(tokio::spawn(watch.collect::<Vec<_>>()));
        // Some watches begin between two events, some at the same event.
        tokio::task::yield_now().await;
    }
    for task in tasks {
        task.await.unwrap();
    }
    let view = View::new();
    let last = tokio::spawn(registry.watch().reflect(view.clone()).collect::<Vec<_>>());
    registry.flush().await;
    assert_eq!(view.names(), registry.names());
    drop(registry);

    watches.push(last);
    for changes in watches {
        let left = replay(&changes.await.unwrap());
        assert!(left.is_empty(), "all have ended: {left:?}");
    }
    assert!(view.is_empty());
}
