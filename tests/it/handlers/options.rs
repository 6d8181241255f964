//! Handlers with options: filters, overflow policies, windows, replay, predecessors, and their
//! combinations with owners and restarts.

mod filter;
mod subscription;

use std::sync::Arc;

use genevent::handler_fn;
use genevent::test_util::Probe;
use genevent::{EventManager, Handler, HandlerOptions};
use tokio::sync::Semaphore;

/// A handler that spends a permit of `go` on each event and then records the event.
fn gated(go: &Arc<Semaphore>, seen: &Probe<u32>) -> impl Handler<u32> + use<> {
    let (go, seen) = (Arc::clone(go), seen.clone());
    move |event: &u32| {
        let (event, go, seen) = (*event, Arc::clone(&go), seen.clone());
        async move {
            go.acquire().await.expect("nobody closes it").forget();
            seen.record(event);
        }
    }
}

fn closed_gate() -> (Arc<Semaphore>, Probe<u32>) {
    (Arc::new(Semaphore::new(0)), Probe::new())
}

fn even(name: &str) -> HandlerOptions<u32> {
    HandlerOptions::new(name).filter(|n: &u32| n % 2 == 0)
}

#[tokio::test]
async fn options_show_their_values() {
    let options = even("log").owner(async {});
    let text = format!("{options:?}");
    let expected = r#"HandlerOptions { name: "log", subscribe: None, filter: true, owner: true, restart: () }"#;
    assert_eq!(text, expected);
}

#[tokio::test]
#[should_panic = "a handler of a group has the subscription of the group"]
async fn a_filter_in_a_group_panics() {
    let manager = EventManager::new(4);
    let group = manager.handler_group("group").unwrap();
    let _ = group.add_handler_with(even("even"), handler_fn(|_: &u32| ()));
}
