//! The registry may be called while an event is handled and while an update runs.

use futures::{FutureExt, StreamExt};
use genevent::kv::{CreateError, ExitReason, Registry, RegistryEvent};
use genevent::{EventManager, handler_fn};

use super::{in_short, new_registry};

/// The registry of the Elixir guide deadlocks here: the registry cannot reply before its subscribers.
#[tokio::test]
async fn a_subscriber_may_call_the_registry() {
    let registry = new_registry::<u8>();
    let inner = registry.clone();
    let pipeline = registry.events().take(6).then(move |event| {
        let registry = inner.clone();
        async move {
            if let RegistryEvent::Created { name, bucket } = &event {
                assert_eq!(registry.lookup(name).as_ref(), Some(bucket));
                bucket.put("seen", 1).await;
                if name.len() < 3 {
                    registry.create(&format!("{name}{name}")).await.unwrap();
                }
                bucket.stop();
                assert_eq!(registry.lookup(name), None);
            }
            in_short(&event)
        }
    });
    let pipeline = tokio::spawn(pipeline.collect::<Vec<_>>());
    registry.create("a").await.unwrap();
    let changes = pipeline.await.unwrap();
    assert_eq!(changes, ["+a", "+aa", "-a", "+aaaa", "-aa", "-aaaa"]);
}

/// The same from a handler, at a line without room: that is an error, and never a wait.
#[tokio::test]
async fn a_handler_may_call_the_registry() {
    let manager = EventManager::new(1);
    let registry = Registry::<u8>::builder()
        .queue_capacity(2)
        .build(manager.clone());
    let inner = registry.clone();
    let (log, mut changes) = tokio::sync::mpsc::unbounded_channel();
    let handler = handler_fn(move |event: &RegistryEvent<u8>| {
        let standing = inner.lookup("a");
        if let RegistryEvent::Created { name, bucket } = event {
            assert_eq!(inner.lookup(name).as_ref(), Some(bucket));
            if name == "a" {
                assert_eq!(inner.create("a").now_or_never(), Some(Ok(bucket.clone())));
                for name in ["b", "c"] {
                    inner.create(name).now_or_never().unwrap().unwrap();
                }
                let full = inner.create("d").now_or_never();
                assert_eq!(full, Some(Err(CreateError::QueueFull)));
                bucket.stop();
                assert_eq!(inner.lookup("a"), None);
            }
        } else {
            assert_eq!(standing, None);
        }
        log.send(in_short(event)).unwrap();
    });
    let handler = manager.add_handler("log", handler).unwrap();
    registry.create("a").await.unwrap();
    for expected in ["+a", "+b", "+c", "-a"] {
        assert_eq!(changes.recv().await.as_deref(), Some(expected));
    }
    // The handler holds the registry, which holds the manager: the test has to end the cycle.
    drop(registry);
    handler.remove().await.unwrap();
    assert_eq!(changes.recv().await.as_deref(), None);
}

/// No lock is held: other buckets and other names are available, and the bucket may end itself.
#[tokio::test]
async fn an_update_may_call_registry_and_buckets() {
    let registry = new_registry();
    let events = registry.events().map(|event| in_short(&event));
    let a = registry.create("a").await.unwrap();
    let b = registry.create("b").await.unwrap();
    let changed = a.update("k", |_| {
        assert_eq!(registry.create("a").now_or_never(), Some(Ok(a.clone())));
        let nested = b.update("k", |_| {
            registry.lookup("b").unwrap().stop();
            registry.create("c").now_or_never().unwrap().unwrap();
            Some(1)
        });
        assert_eq!(nested.now_or_never(), Some(Err(ExitReason::Stopped)));
        assert_eq!(registry.names(), ["a", "c"]);
        assert!(registry.watch().next().now_or_never().flatten().is_some());
        Some(2)
    });
    assert_eq!(changed.await, Ok(Some(2)));
    drop(registry);
    let seen: Vec<_> = events.collect().await;
    assert_eq!(seen, ["+a", "+b", "-b", "+c", "-a", "-c"]);
}

#[tokio::test]
async fn an_update_may_drop_the_last_registry() {
    let registry = new_registry();
    let events = registry.events().map(|event| in_short(&event));
    let bucket = registry.create("a").await.unwrap();
    let changed = bucket.update("k", |_| {
        drop(registry);
        Some(1)
    });
    assert_eq!(changed.await, Err(ExitReason::RegistryGone));
    assert_eq!(events.collect::<Vec<_>>().await, ["+a", "-a"]);
}
