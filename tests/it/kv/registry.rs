//! The registry publishes a single `Created` and a single `Exited` for each bucket, in order, with
//! any behaviour of its subscribers and values.
#![allow(clippy::mutable_key_type)] // Buckets are hashed by identity, which does not change.

mod buckets;
mod combinators;
mod ends;
mod events;
mod reentrancy;
mod user_values;

use genevent::EventManager;
use genevent::kv::{Bucket, Registry, RegistryEvent, RegistryStreamExt};

fn new_registry<V: Send + Sync + 'static>() -> Registry<V> {
    Registry::new(EventManager::default())
}

/// Runs the other tasks of this thread until they all wait.
async fn let_other_tasks_run() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

/// `+name` for `Created`, `-name` for `Exited`.
fn in_short<V>(event: &RegistryEvent<V>) -> String {
    match event {
        RegistryEvent::Created { name, .. } => format!("+{name}"),
        RegistryEvent::Exited { name, .. } => format!("-{name}"),
        other => panic!("unexpected: {other:?}"),
    }
}

#[test]
#[should_panic(expected = "there is no reactor running")]
fn a_registry_needs_a_runtime() {
    let _registry = new_registry::<u8>();
}

#[tokio::test]
#[should_panic(expected = "room for at least one event")]
async fn a_zero_queue_capacity_panics() {
    let _builder = Registry::<u8>::builder().queue_capacity(0);
}

#[tokio::test]
async fn values_need_not_be_debug() {
    struct Opaque;

    let registry = new_registry::<Opaque>();
    let mut events = registry.events();
    let bucket = registry.create("a").await.unwrap();
    bucket.stop();
    let created = events.next().await.unwrap();
    let exited = events.next().await.unwrap().clone();
    assert_eq!(format!("{created:?}"), r#"Created { name: "a", .. }"#);
    let exited = format!("{exited:?}");
    assert_eq!(exited, r#"Exited { name: "a", reason: Stopped, .. }"#);
    let bucket = format!("{bucket:?}");
    assert_eq!(
        bucket,
        r#"Bucket { name: "a", exit_reason: Some(Stopped), .. }"#
    );
    assert!(format!("{registry:?}").starts_with("Registry { buckets: 0"));
    let created = registry.events().created();
    assert!(format!("{created:?}").starts_with("Created { events: Subscription"));
}

#[tokio::test]
async fn registry_types_are_send_and_sync() {
    fn sent<T: Send>(value: T) -> T {
        value
    }
    fn shared<T: Send + Sync + Unpin + 'static>() {}

    shared::<Registry<Vec<u8>>>();
    shared::<Bucket<Vec<u8>>>();
    shared::<RegistryEvent<Vec<u8>>>();
    let registry = new_registry();
    let bucket = sent(registry.create("a")).await.unwrap();
    sent(bucket.put("k", 1)).await;
    sent(bucket.get("k")).await;
    sent(bucket.update("k", |_| None)).await.unwrap();
    sent(bucket.delete("k")).await;
    drop(sent(bucket.stopped()));
    sent(registry.flush()).await;
}
