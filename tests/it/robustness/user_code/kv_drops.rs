//! Values of the registry and of handlers whose `Drop` panics, dropped together or while a panic
//! unwinds: a second panic that escaped would abort the process.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::FutureExt;
use genevent::kv::{Bucket, ExitReason, Registry};
use genevent::{EventManager, Handled, Handler, HandlerOptions, Restart};

use super::silent_panic;

/// Counts its drops, and panics in each. The `Clone` of an `is_fragile` bomb panics.
struct Bomb {
    drops: Arc<AtomicUsize>,
    is_fragile: bool,
}

impl Bomb {
    fn new(drops: &Arc<AtomicUsize>) -> Self {
        Self {
            drops: Arc::clone(drops),
            is_fragile: false,
        }
    }

    fn fragile(drops: &Arc<AtomicUsize>) -> Self {
        Self {
            drops: Arc::clone(drops),
            is_fragile: true,
        }
    }
}

impl Clone for Bomb {
    fn clone(&self) -> Self {
        if self.is_fragile {
            silent_panic();
        }
        Self::new(&self.drops)
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        self.drops.fetch_add(1, Ordering::Relaxed);
        silent_panic();
    }
}

impl Handler<u8> for Bomb {
    async fn handle_event(&mut self, _: &u8) -> Handled {
        Ok(ControlFlow::Continue(()))
    }
}

async fn bucket() -> (Registry<Bomb>, Bucket<Bomb>, Arc<AtomicUsize>) {
    let registry = Registry::new(EventManager::default());
    let bucket = registry.create("bombs").await.unwrap();
    (registry, bucket, Arc::default())
}

/// Drops `unneeded` while a panic unwinds.
#[track_caller]
fn drop_in_a_panic<T>(unneeded: T) {
    let outer = catch_unwind(AssertUnwindSafe(move || {
        let _unneeded = unneeded;
        silent_panic();
    }));
    assert!(outer.is_err());
}

#[tokio::test]
async fn a_change_that_stops_its_bucket_drops_each_value() {
    let (_registry, bucket, drops) = bucket().await;
    let stopping = bucket.clone();
    let change = |_| {
        stopping.stop();
        Some(Bomb::new(&drops))
    };
    let changed = bucket.update("k", change).await;
    assert_eq!(changed.err(), Some(ExitReason::Stopped));
    assert_eq!(drops.load(Ordering::Relaxed), 2, "the value and its clone");
}

#[tokio::test]
async fn a_new_value_whose_clone_panics_is_dropped() {
    let (_registry, bucket, drops) = bucket().await;
    let changed = bucket.update("k", |_| Some(Bomb::fragile(&drops))).await;
    assert_eq!(changed.err(), Some(ExitReason::Panicked));
    assert_eq!(drops.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_change_is_dropped_after_the_clone_of_the_old_value_panicked() {
    let (_registry, bucket, drops) = bucket().await;
    assert!(bucket.put("k", Bomb::fragile(&drops)).await.is_none());
    let own = Bomb::new(&drops);
    let change = move |old| {
        let _own = &own;
        old
    };
    let changed = bucket.update("k", change).await;
    assert_eq!(changed.err(), Some(ExitReason::Panicked));
    assert_eq!(drops.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn unpolled_changes_are_dropped_in_a_panic() {
    let (_registry, bucket, drops) = bucket().await;
    drop_in_a_panic(bucket.put("k", Bomb::new(&drops)));
    assert_eq!(drops.load(Ordering::Relaxed), 1);
    let own = Bomb::new(&drops);
    drop_in_a_panic(bucket.update("k", move |old| {
        let _own = &own;
        old
    }));
    assert_eq!(drops.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn put_into_a_stopped_bucket_catches_the_drop() {
    let (_registry, bucket, drops) = bucket().await;
    bucket.stop();
    assert!(bucket.put("k", Bomb::new(&drops)).await.is_none());
    assert_eq!(drops.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn an_unread_reply_is_dropped_in_a_panic() {
    let manager = EventManager::<u8>::new(8);
    let drops = Arc::default();
    let handler = manager.add_handler("bomb", Bomb::new(&drops)).unwrap();
    let its = Arc::clone(&drops);
    let mut call = Box::pin(handler.call(move |_| Bomb::new(&its)));
    assert!((&mut call).now_or_never().is_none());
    handler.call(|_| ()).await.unwrap();
    drop_in_a_panic(call);
    assert_eq!(drops.load(Ordering::Relaxed), 1);

    let stopped = handler.stopped();
    let mut remove = Box::pin(handler.remove());
    assert!((&mut remove).now_or_never().is_none());
    stopped.await;
    drop_in_a_panic(remove);
    assert_eq!(drops.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn unpolled_closures_are_dropped_in_a_panic() {
    let manager = EventManager::<u8>::new(8);
    let drops = Arc::default();
    let handler = manager.add_handler("bomb", Bomb::new(&drops)).unwrap();
    let own = Bomb::new(&drops);
    drop_in_a_panic(handler.call(move |_| _ = &own));
    assert_eq!(drops.load(Ordering::Relaxed), 1);
    let own = Bomb::new(&drops);
    drop_in_a_panic(handler.clone().swap(move |old: Bomb| {
        let _own = &own;
        old
    }));
    assert_eq!(drops.load(Ordering::Relaxed), 2);
    let own = Bomb::new(&drops);
    drop_in_a_panic(handler.try_swap(move |old| {
        let _own = &own;
        Err::<Bomb, _>(old)
    }));
    assert_eq!(drops.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn a_factory_that_panics_is_dropped() {
    let manager = EventManager::<u8>::new(8);
    let drops = Arc::default();
    let own = Bomb::new(&drops);
    let factory = move || -> Bomb {
        let _own = &own;
        silent_panic();
        unreachable!("the factory has panicked");
    };
    let added = catch_unwind(AssertUnwindSafe(|| {
        let restart = Restart::on_failure(1, Duration::from_secs(1));
        manager.add_handler_with(HandlerOptions::new("made").restart(restart), factory)
    }));
    assert!(added.is_err());
    assert_eq!(drops.load(Ordering::Relaxed), 1);
}

#[test]
fn adding_outside_of_a_runtime_drops_each_value() {
    let manager = EventManager::<u8>::new(8);
    let drops = Arc::<AtomicUsize>::default();
    let outside = |add: &dyn Fn()| {
        assert!(catch_unwind(AssertUnwindSafe(add)).is_err());
        drops.swap(0, Ordering::Relaxed)
    };
    let added = outside(&|| _ = manager.add_handler("bomb", Bomb::new(&drops)));
    assert_eq!(added, 1);
    let owned = outside(&|| {
        let its = Bomb::new(&drops);
        let owner = async move { drop(its) };
        _ = manager.add_mon_handler("bomb", Bomb::new(&drops), owner);
    });
    assert_eq!(owned, 2);
    let made = outside(&|| {
        let own = Bomb::new(&drops);
        let restart = Restart::on_failure(1, Duration::from_secs(1));
        _ = manager.add_handler_with(HandlerOptions::new("bomb").restart(restart), move || {
            own.clone()
        });
    });
    assert_eq!(made, 1);
}
