//! Values with user code: clones and drops that call the registry, or panic.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::{FutureExt, StreamExt};
use genevent::kv::{ExitReason, Registry};

use super::{in_short, new_registry};

thread_local! {
    static REGISTRY: RefCell<Option<Registry<Nosy>>> = const { RefCell::new(None) };
}

/// A value that calls the registry in its `Clone` and `Drop`.
struct Nosy(Arc<AtomicUsize>);

impl Nosy {
    fn look_around(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
        let registry = REGISTRY.with_borrow(Clone::clone);
        let Some(registry) = registry else { return };
        let bucket = registry.lookup("a");
        assert!(registry.names().len() <= 1);
        if let Some(bucket) = bucket {
            // Not through `get`, which would clone, and so recurse.
            let deleted = bucket.delete("none").now_or_never();
            assert!(deleted.expect("nobody has the turn").is_none());
            assert_eq!(registry.create("a").now_or_never(), Some(Ok(bucket)));
        }
    }
}

impl Clone for Nosy {
    fn clone(&self) -> Self {
        self.look_around();
        Self(self.0.clone())
    }
}

impl Drop for Nosy {
    fn drop(&mut self) {
        self.look_around();
    }
}

#[tokio::test]
async fn values_may_call_the_registry_from_clone_and_drop() {
    let calls = Arc::new(AtomicUsize::new(0));
    let registry = new_registry();
    REGISTRY.set(Some(registry.clone()));
    let bucket = registry.create("a").await.unwrap();

    assert!(bucket.put("k", Nosy(calls.clone())).await.is_none());
    assert!(bucket.get("k").await.is_some());
    assert!(bucket.put("k", Nosy(calls.clone())).await.is_some());
    assert!(bucket.delete("k").await.is_some());
    bucket.put("k", Nosy(calls.clone())).await;
    let before = calls.load(Ordering::Relaxed);
    bucket.stop();
    assert_eq!(
        calls.load(Ordering::Relaxed),
        before + 1,
        "dropped when it ends"
    );
    bucket.put("k", Nosy(calls.clone())).await;
    assert_eq!(
        calls.load(Ordering::Relaxed),
        before + 2,
        "dropped, not kept"
    );

    let bucket = registry.create("a").await.unwrap();
    bucket.put("k", Nosy(calls.clone())).await;
    drop(registry);
    drop(REGISTRY.take());
    assert_eq!(calls.load(Ordering::Relaxed), before + 3);
    assert_eq!(bucket.stopped().await, ExitReason::RegistryGone);
}

/// A value that panics in its `Clone` and `Drop`.
#[derive(Debug)]
struct Bomb;

impl Clone for Bomb {
    fn clone(&self) -> Self {
        panic!("on purpose: clone")
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "on purpose: drop");
    }
}

#[tokio::test]
async fn panicking_values_harm_neither_registry_nor_events() {
    let registry = new_registry();
    let events = registry.events();
    let a = registry.create("a").await.unwrap();
    let b = registry.create("b").await.unwrap();
    let c = registry.create("c").await.unwrap();
    for bucket in [&a, &b, &c] {
        bucket.put("1", Bomb).await;
        bucket.put("2", Bomb).await;
    }
    let waiting = a.stopped();
    a.stop();
    assert_eq!(waiting.now_or_never(), Some(ExitReason::Stopped));

    // The clone for the closure counts as a panic in `update`.
    let changed = b.update("1", |old| old).await;
    assert_eq!(changed.unwrap_err(), ExitReason::Panicked);

    drop(registry);
    assert_eq!(c.stopped().now_or_never(), Some(ExitReason::RegistryGone));
    let seen: Vec<_> = events.map(|event| in_short(&event)).collect().await;
    assert_eq!(seen, ["+a", "+b", "+c", "-a", "-b", "-c"]);
}
