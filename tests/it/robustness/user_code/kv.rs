//! Values of the registry.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use futures::FutureExt;
use genevent::EventManager;
use genevent::kv::{Bucket, ExitReason, Registry};

use super::{Odd, silent_panic};

/// A value whose `Clone` and `Drop` use the bucket that holds it.
struct Curious(Bucket<Curious>);

impl Curious {
    fn look(&self) {
        let Self(bucket) = self;
        let _ = format!("{bucket:?}");
        let _ = bucket.get("nothing").now_or_never();
    }
}

impl Clone for Curious {
    fn clone(&self) -> Self {
        self.look();
        Self(self.0.clone())
    }
}

impl Drop for Curious {
    fn drop(&mut self) {
        self.look();
    }
}

/// Every call of the bucket, alive or ended.
async fn use_all(bucket: &Bucket<Curious>) {
    let value = || Curious(bucket.clone());
    for _ in 0..2 {
        bucket.put("key", value()).await;
        bucket.get("key").await;
        let _ = bucket.update("key", |_| Some(value())).await;
        let _ = bucket.update("key", |old| old).await;
        let _ = bucket.update("new", |_| Some(value())).await;
        let _ = bucket.update("new", |_| None).await;
    }
    bucket.delete("key").await;
    bucket.put("key", value()).await;
}

#[tokio::test]
async fn a_value_may_use_its_bucket_when_cloned_or_dropped() {
    let registry = Registry::new(EventManager::default());
    let bucket = registry.create("stopped").await.unwrap();
    use_all(&bucket).await;
    bucket.stop();
    use_all(&bucket).await;

    let bucket = registry.create("stopped inside").await.unwrap();
    let stops = |_| {
        bucket.stop();
        Some(Curious(bucket.clone()))
    };
    assert!(bucket.update("key", stops).await.is_err());

    let bucket = registry.create("panicked").await.unwrap();
    use_all(&bucket).await;
    let panics = |_| {
        silent_panic();
        None
    };
    assert!(bucket.update("key", panics).await.is_err());

    let bucket = registry.create("gone").await.unwrap();
    use_all(&bucket).await;
    drop(registry);
    use_all(&bucket).await;
    assert_eq!(bucket.stopped().await, ExitReason::RegistryGone);
}

#[tokio::test]
async fn a_panicking_value_drop_does_not_harm_the_bucket() {
    let registry = Registry::new(EventManager::default());
    let bucket = registry.create("main").await.unwrap();
    let fragile = |n| Odd {
        n,
        on_clone: None,
        on_drop: Some(Arc::new(silent_panic)),
    };
    bucket.put("a", fragile(1)).await;
    bucket.put("b", fragile(2)).await;
    bucket.stop();
    assert_eq!(bucket.stopped().await, ExitReason::Stopped);
    assert!(registry.create("main").await.is_ok());
}

#[tokio::test]
async fn a_panicking_value_clone_harms_only_its_caller() {
    let registry = Registry::new(EventManager::default());
    let bucket = registry.create("main").await.unwrap();
    let mut odd = Odd::plain(1);
    odd.on_clone = Some(Arc::new(silent_panic));
    bucket.put("key", odd).await;
    let get = catch_unwind(AssertUnwindSafe(|| bucket.get("key").now_or_never()));
    assert!(get.is_err());
    bucket.put("other", Odd::plain(2)).await;
    assert_eq!(bucket.get("other").await.map(|odd| odd.n), Some(2));
    assert!(registry.lookup("main").is_some());
}
