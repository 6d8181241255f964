//! Size hints and termination of the registry's streams and combinators.

use futures::stream::{self, FusedStream};
use futures::{Stream, StreamExt};
use genevent::EventManager;
use genevent::kv::{Registry, RegistryEvent, RegistryStreamExt, View, WatchEvent};

use crate::drive::{read, read_all};

/// Two buckets created, and one of them stopped.
async fn three_events() -> Vec<RegistryEvent<u8>> {
    let manager = EventManager::new(8);
    let events = manager.subscribe();
    let registry = Registry::<u8>::new(manager);
    let gone = registry.create("gone").await.unwrap();
    registry.create("here").await.unwrap();
    gone.stop();
    events.take(3).collect().await
}

#[tokio::test]
async fn filtering_adapters_may_yield_none_or_all() {
    let events = three_events().await;
    let all = || stream::iter(events.clone());
    assert_eq!(all().created().size_hint(), (0, Some(3)));
    assert_eq!(all().exited().size_hint(), (0, Some(3)));
    assert_eq!(all().named("here").size_hint(), (0, Some(3)));
    let endless = || stream::iter(events.iter().cloned().cycle());
    assert_eq!(endless().created().size_hint(), (0, None));
    assert_eq!(endless().exited().size_hint(), (0, None));
    assert_eq!(endless().named("here").size_hint(), (0, None));
}

#[tokio::test]
async fn reflect_keeps_the_size_hint_and_end() {
    let events = three_events().await;
    let view = View::new();
    let mut reflected = stream::iter(events).fuse().reflect(view.clone());
    assert_eq!(reflected.size_hint(), (3, Some(3)));
    assert!(!reflected.is_terminated());
    assert_eq!(read_all(&mut reflected).len(), 3);
    assert_eq!(reflected.size_hint(), (0, Some(0)));
    assert!(reflected.is_terminated());
    assert_eq!(view.names(), ["here"]);
}

#[tokio::test]
async fn a_watch_terminates_after_its_last_change() {
    let manager = EventManager::new(8);
    let registry = Registry::<u8>::new(manager.clone());
    registry.create("here").await.unwrap();
    registry.flush().await;
    let mut watch = registry.watch();
    assert!(!watch.is_terminated());
    assert_eq!(read(&mut watch).unwrap().name(), Some("here"));
    assert!(matches!(read(&mut watch), Some(WatchEvent::Ready)));
    assert!(!watch.is_terminated(), "there may be changes");

    manager.close();
    assert!(read(&mut watch).is_none());
    assert!(watch.is_terminated());
    let mut late = registry.watch();
    assert!(!late.is_terminated(), "what exists is yet to be told");
    assert_eq!(read_all(&mut late).len(), 2);
    assert!(late.is_terminated());
}
