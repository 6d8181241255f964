//! A bucket holds values, applies changes one after the other, and ends once.

use std::collections::HashSet;

use futures::FutureExt;
use genevent::kv::ExitReason;
use tokio_test::{assert_pending, assert_ready_eq, task};

use super::new_registry;

#[tokio::test]
async fn a_bucket_is_found_by_name() {
    let registry = new_registry();
    assert_eq!(registry.lookup("shopping"), None);

    let bucket = registry.create("shopping").await.unwrap();
    assert_eq!(registry.lookup("shopping"), Some(bucket.clone()));
    assert_eq!(bucket.name(), "shopping");
    assert_eq!(bucket.get("milk").await, None);
    assert_eq!(bucket.put("milk", 1).await, None);
    assert_eq!(bucket.put("milk", 2).await, Some(1));
    assert_eq!(bucket.get("milk").await, Some(2));
    assert_eq!(bucket.delete("milk").await, Some(2));
    assert_eq!(bucket.delete("milk").await, None);
}

#[tokio::test]
async fn buckets_are_equal_by_identity() {
    let registry = new_registry::<u8>();
    let first = registry.create("a").await.unwrap();
    first.stop();
    let second = registry.create("a").await.unwrap();
    assert_ne!(first, second);
    let set = HashSet::from([first.clone(), first, second.clone(), second]);
    assert_eq!(set.len(), 2);
}

#[tokio::test]
async fn update_sets_changes_and_removes() {
    let registry = new_registry();
    let bucket = registry.create("a").await.unwrap();
    assert_eq!(bucket.update("k", |_| None).await, Ok(None));
    assert_eq!(bucket.update("k", |old| old.or(Some(1))).await, Ok(Some(1)));
    assert_eq!(
        bucket.update("k", |old| old.map(|n| n + 1)).await,
        Ok(Some(2))
    );
    assert_eq!(bucket.get("k").await, Some(2));
    assert_eq!(bucket.update("k", |_| None).await, Ok(None));
    assert_eq!(bucket.get("k").await, None);
}

#[tokio::test]
async fn get_does_not_wait_for_a_running_update() {
    let registry = new_registry();
    let bucket = registry.create("a").await.unwrap();
    bucket.put("k", 1).await;
    let mut put = task::spawn(bucket.put("k", 10));
    let mut delete = task::spawn(bucket.delete("k"));
    let mut update = task::spawn(bucket.update("k", |old| old.map(|n| n * 2)));

    let changed = bucket.update("k", |old| {
        assert_eq!(bucket.get("k").now_or_never(), Some(Some(1)));
        assert_pending!(put.poll());
        assert_pending!(update.poll());
        assert_pending!(delete.poll());
        old.map(|n| n + 1)
    });
    assert_eq!(changed.await, Ok(Some(2)));
    assert_ready_eq!(put.poll(), Some(2));
    assert_ready_eq!(update.poll(), Ok(Some(20)));
    assert_ready_eq!(delete.poll(), Some(20));
}

#[tokio::test]
async fn a_dropped_waiting_change_changes_nothing() {
    let registry = new_registry();
    let bucket = registry.create("a").await.unwrap();
    let mut put = task::spawn(bucket.put("k", 10));
    let mut update = task::spawn(bucket.update("k", |_| panic!("it must not be called")));
    let changed = bucket.update("k", |_| {
        assert_pending!(put.poll());
        assert_pending!(update.poll());
        Some(1)
    });
    assert_eq!(changed.await, Ok(Some(1)));
    drop((put, update));
    assert_eq!(bucket.get("k").await, Some(1));
    assert_eq!(
        bucket.put("k", 2).now_or_never(),
        Some(Some(1)),
        "the turn is free"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_updates_are_never_lost() {
    let registry = new_registry();
    let bucket = registry.create("a").await.unwrap();
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let bucket = bucket.clone();
            tokio::spawn(async move {
                for _ in 0..250 {
                    let changed = bucket.update("n", |n| Some(n.unwrap_or(0) + 1)).await;
                    changed.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(bucket.get("n").await, Some(2_000));
}

#[tokio::test]
async fn an_ended_bucket_is_empty_and_shows_why() {
    let registry = new_registry();
    let bucket = registry.create("a").await.unwrap();
    bucket.put("k", 1).await;
    bucket.stop();
    assert_eq!(bucket.get("k").await, None);
    assert_eq!(bucket.put("k", 2).await, None);
    assert_eq!(bucket.get("k").await, None);
    assert_eq!(bucket.delete("k").await, None);
    let never = bucket.update("k", |_| panic!("it must not be called"));
    assert_eq!(never.await, Err(ExitReason::Stopped));
}

#[tokio::test]
async fn a_bucket_may_be_stopped_in_its_update() {
    let registry = new_registry();
    let bucket = registry.create("a").await.unwrap();
    let changed = bucket.update("k", |_| {
        bucket.stop();
        assert_eq!(registry.lookup("a"), None);
        Some(1)
    });
    assert_eq!(changed.await, Err(ExitReason::Stopped));

    let bucket = registry.create("a").await.unwrap();
    let changed = bucket.update("k", |_: Option<u8>| {
        bucket.stop();
        panic!("on purpose");
    });
    assert_eq!(changed.await, Err(ExitReason::Stopped), "that was first");
    assert_eq!(bucket.stopped().await, ExitReason::Stopped);
}

#[tokio::test]
async fn waiting_changes_find_the_bucket_ended() {
    let registry = new_registry();
    let bucket = registry.create("a").await.unwrap();
    let mut put = task::spawn(bucket.put("k", 1));
    let changed = bucket.update("k", |_| {
        assert_pending!(put.poll());
        panic!("on purpose");
    });
    assert_eq!(changed.await, Err(ExitReason::Panicked));
    assert_ready_eq!(put.poll(), None);
    assert_eq!(bucket.get("k").await, None);
}

#[tokio::test]
async fn early_and_late_waiters_see_the_end() {
    let registry = new_registry::<u8>();
    let bucket = registry.create("a").await.unwrap();
    let mut early: Vec<_> = (0..3).map(|_| task::spawn(bucket.stopped())).collect();
    for waiting in &mut early {
        assert_pending!(waiting.poll());
    }
    bucket.stop();
    for waiting in &mut early {
        assert!(waiting.is_woken());
        assert_ready_eq!(waiting.poll(), ExitReason::Stopped);
    }
    let late = bucket.stopped();
    drop((bucket, registry));
    assert_eq!(late.now_or_never(), Some(ExitReason::Stopped));
}
