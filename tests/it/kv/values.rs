//! Buckets, views and registries as values: compared, hashed, counted and shown.

use std::hash::{DefaultHasher, Hash, Hasher};

use futures::StreamExt;
use genevent::EventManager;
use genevent::kv::{CreateError, Registry, RegistryStreamExt, View};

fn new_registry() -> Registry<u8> {
    Registry::new(EventManager::new(4))
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[tokio::test]
async fn buckets_are_hashed_by_identity() {
    let registry = new_registry();
    let first = registry.create("a").await.unwrap();
    let before = hash(&first);
    assert_eq!(first.put("k", 1).await, None);
    assert_eq!(hash(&registry.lookup("a").unwrap()), before);
    first.stop();
    let second = registry.create("a").await.unwrap();
    assert_ne!(hash(&second), before, "another of the same name");
}

#[tokio::test]
async fn a_view_without_buckets_is_empty() {
    let registry = new_registry();
    let view = View::new();
    let mut events = registry.events().reflect(view.clone());
    assert!(view.is_empty() && events.view().is_empty());
    let bucket = registry.create("a").await.unwrap();
    events.next().await.unwrap();
    assert!(!view.is_empty());
    assert_eq!(
        events.view().get("a"),
        Some(bucket.clone()),
        "the same view"
    );
    bucket.stop();
    events.next().await.unwrap();
    assert!(view.is_empty() && events.view().is_empty());
}

#[tokio::test]
async fn a_registry_displays_its_number_of_buckets() {
    let registry = new_registry();
    let first = registry.create("a").await.unwrap();
    registry.create("b").await.unwrap();
    let shows = |count: u32| {
        format!("{registry:?}").starts_with(&format!(
            "Registry {{ buckets: {count}, events: EventManager {{"
        ))
    };
    assert!(shows(2));
    first.stop();
    assert!(shows(1));
}

#[test]
fn registry_errors_display_their_cause() {
    let text = CreateError::QueueFull.to_string();
    assert_eq!(text, "the queue of registry events is full");
}
