//! A watch yields the existing buckets and then the changes, without gaps or duplicates, whenever
//! the watch begins.
#![allow(clippy::mutable_key_type)] // Buckets are hashed by identity, which does not change.

mod losses;
mod snapshot_and_changes;
mod subscription;
mod views;

use futures::{FutureExt, Stream, StreamExt};
use genevent::EventManager;
use genevent::kv::{Registry, View, Watch, WatchEvent};

fn new_registry() -> Registry<u8> {
    Registry::new(EventManager::default())
}

/// Runs the other tasks of this thread until they all wait.
async fn let_other_tasks_run() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

/// `=name` for `Existing`, `.` for `Ready`, `+name` for `Created`, `-name` for `Exited`.
fn in_short<V>(event: &WatchEvent<V>) -> String {
    let sign = match event {
        WatchEvent::Existing { .. } => '=',
        WatchEvent::Ready => '.',
        WatchEvent::Created { .. } => '+',
        WatchEvent::Exited { .. } => '-',
        other => panic!("unexpected: {other:?}"),
    };
    format!("{sign}{}", event.name().unwrap_or_default())
}

/// The changes that arrive while other tasks run. Polling finishes the last event, which may
/// release the next event.
async fn so_far<V>(watch: &mut (impl Stream<Item = WatchEvent<V>> + Unpin)) -> Vec<String> {
    let mut reported = Vec::new();
    let mut idle = 0;
    while idle < 3 {
        let_other_tasks_run().await;
        match watch.next().now_or_never().flatten() {
            Some(event) => reported.push(in_short(&event)),
            None => idle += 1,
        }
    }
    reported
}

#[tokio::test]
async fn watches_require_no_traits_of_values() {
    struct Opaque;

    fn shown<V>(watch: &Watch<V>) -> String {
        format!("{watch:?}")
    }
    let registry = Registry::<Opaque>::new(EventManager::default());
    registry.create("a").await.unwrap();
    let mut watch = registry.watch();
    assert!(shown(&watch).starts_with("Watch { existing: 1, changes: Subscription"));
    let existing = watch.next().await.unwrap().clone();
    assert_eq!(format!("{existing:?}"), r#"Existing { name: "a", .. }"#);
    let ready = watch.next().await.unwrap().clone();
    assert_eq!((ready.name(), ready.bucket()), (None, None));
    assert_eq!(format!("{ready:?}"), "Ready");
    let watch = watch.reflect(View::new());
    assert!(format!("{watch:?}").starts_with("Reflect { events: Watch"));
}
