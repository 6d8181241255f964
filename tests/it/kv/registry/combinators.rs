//! Combinators over the registry's events.

use futures::StreamExt;
use genevent::kv::{ExitReason, RegistryStreamExt};
use tokio_test::{assert_pending, assert_ready, task};

use super::{in_short, let_other_tasks_run, new_registry};

#[tokio::test]
async fn combinators_pick_events_and_end_with_them() {
    let registry = new_registry::<u8>();
    let created = registry.events().created();
    let exited = registry.events().exited();
    let named = registry.events().named("b");
    let a = registry.create("a").await.unwrap();
    let b = registry.create("b").await.unwrap();
    a.stop();
    drop(registry);

    let (created, exited, named) = tokio::join!(
        created.collect::<Vec<_>>(),
        exited.collect::<Vec<_>>(),
        named.map(|event| in_short(&event)).collect::<Vec<_>>(),
    );
    assert_eq!(created, [("a".into(), a.clone()), ("b".into(), b.clone())]);
    assert_eq!(
        exited,
        [
            ("a".into(), a, ExitReason::Stopped),
            ("b".into(), b, ExitReason::RegistryGone)
        ]
    );
    assert_eq!(named, ["+b", "-b"]);
}

#[tokio::test]
async fn combinators_finish_left_out_events_at_once() {
    let registry = new_registry::<u8>();
    let mut created = task::spawn(registry.events().created());
    let mut exited = task::spawn(registry.events().exited());
    let mut named = task::spawn(registry.events().named("b"));
    registry.create("a").await.unwrap();
    let mut flushed = task::spawn(registry.flush());
    let_other_tasks_run().await;

    assert_pending!(flushed.poll());
    assert_pending!(exited.poll_next());
    assert_pending!(named.poll_next());
    let_other_tasks_run().await;
    assert_pending!(flushed.poll());
    let (name, _) = assert_ready!(created.poll_next()).unwrap();
    assert_eq!(name, "a");
    let_other_tasks_run().await;
    assert_pending!(flushed.poll());
    // A picked event is finished when the next event is polled for.
    assert_pending!(created.poll_next());
    let_other_tasks_run().await;
    assert_ready!(flushed.poll());
}
