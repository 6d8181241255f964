//! A view shows the state that its stream has yielded.

use futures::StreamExt;
use genevent::kv::{RegistryStreamExt, View};

use super::{in_short, new_registry, so_far};

#[tokio::test]
async fn a_view_over_a_watch_is_always_current() {
    let registry = new_registry();
    for name in ["b", "a"] {
        registry.create(name).await.unwrap();
    }
    let view = View::new();
    let mut watch = registry.watch().reflect(view.clone());
    assert_eq!(watch.view().len(), 0);
    for expected in ["=a", "=b"] {
        assert_eq!(in_short(&watch.next().await.unwrap()), expected);
        assert_eq!((view.is_ready(), view.len()), (false, 0), "not half");
    }
    assert_eq!(in_short(&watch.next().await.unwrap()), ".");
    assert_eq!(
        (view.is_ready(), view.names()),
        (true, vec!["a".into(), "b".into()])
    );

    let a = registry.lookup("a").unwrap();
    assert_eq!(view.get("a"), Some(a.clone()));
    a.stop();
    assert_eq!(view.get("a"), Some(a), "not told yet");
    let next = registry.create("a").await.unwrap();
    assert_eq!(in_short(&watch.next().await.unwrap()), "-a");
    assert_eq!(view.get("a"), None, "told, and only that");
    assert_eq!(in_short(&watch.next().await.unwrap()), "+a");
    assert_eq!(view.get("a"), Some(next));
}

#[tokio::test]
async fn a_view_over_events_shows_newer_buckets() {
    let registry = new_registry();
    let old = registry.create("old").await.unwrap();
    registry.flush().await;
    let view = View::new();
    let mut events = registry.events().reflect(view.clone());
    old.stop();
    let new = registry.create("old").await.unwrap();
    assert_eq!(events.next().await.unwrap().bucket(), &old);
    assert!(view.is_empty());
    assert_eq!(events.next().await.unwrap().bucket(), &new);
    assert_eq!(view.get("old"), Some(new));
    assert!(!view.is_ready());
}

#[tokio::test]
async fn an_exit_removes_only_its_bucket() {
    let registry = new_registry();
    let view = View::new();
    let exits_late = registry.events().collect::<Vec<_>>();
    let first = registry.create("a").await.unwrap();
    first.stop();
    let second = registry.create("a").await.unwrap();
    drop(registry);
    let [created, exited, again, _] = &exits_late.await[..] else {
        panic!("four events")
    };
    let order = [created, again, exited].map(Clone::clone);
    let changes = futures::stream::iter(order).reflect(view.clone());
    assert_eq!(changes.count().await, 3);
    assert_eq!(view.get("a"), Some(second));
}

#[tokio::test]
async fn dropping_the_stream_freezes_its_view() {
    let registry = new_registry();
    let bucket = registry.create("a").await.unwrap();
    let view = View::default();
    let mut watch = registry.watch().reflect(view.clone());
    assert_eq!(so_far(&mut watch).await, ["=a", "."]);
    drop(watch);
    bucket.stop();
    registry.flush().await;
    assert_eq!(view.clone().names(), ["a"]);
    assert_eq!(format!("{view:?}"), "View { len: 1, ready: true }");
}
