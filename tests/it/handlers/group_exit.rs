//! The outcome of an event when a member of a group fails, and adding a handler to an ended group.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use genevent::handler::{AddHandlerError, HandlerFn};
use genevent::{EventManager, HandlerGroup, HandlerOptions, Restart, handler_fn};
use tokio::task::yield_now;

type Quiet = HandlerFn<fn(&u32)>;

fn quiet() -> Quiet {
    handler_fn(|_: &u32| ())
}

#[tokio::test]
async fn a_failing_handler_of_a_group_fails_for_itself() {
    let manager = EventManager::new(8);
    let group = manager.handler_group("group").unwrap();
    group.add_handler("fine", quiet()).unwrap();
    let bad = handler_fn(|n: &u32| assert_eq!(*n, 0, "at once"));
    group.add_handler("bad", bad).unwrap();
    let receipt = manager.sync_notify(1).await.unwrap();
    assert_eq!((receipt.acked(), receipt.dropped()), (1, 1));
    assert_eq!(group.which_handlers(), ["fine"]);
}

/// Asserts that adding a handler fails and returns the handler; the factory is not called.
fn comes_too_late(group: &HandlerGroup<u32>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&calls);
    let make = move || {
        counting.fetch_add(1, Ordering::Relaxed);
        quiet()
    };
    let added = group.add_handler_with(HandlerOptions::new("late").restart(Restart::never()), make);
    assert!(matches!(added, Err(AddHandlerError::Closed(_))));
    assert_eq!(calls.load(Ordering::Relaxed), 0);
    assert!(group.which_handlers().is_empty());
}

#[tokio::test]
async fn an_ended_group_returns_the_handler() {
    let manager = EventManager::new(8);
    let group = manager.handler_group("group").unwrap();
    assert!(manager.remove_handler("group").await);
    yield_now().await;
    comes_too_late(&group);
}

#[tokio::test]
async fn a_group_of_a_closed_manager_returns_the_handler() {
    let manager = EventManager::new(8);
    let group = manager.handler_group("group").unwrap();
    yield_now().await;
    manager.close();
    comes_too_late(&group);
}
