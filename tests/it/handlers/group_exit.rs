//! The outcome of an event when a member of a group fails, and adding a handler to an ended group.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use genevent::handler::{AddHandlerError, HandlerFn};
use genevent::{EventManager, HandlerGroup, HandlerOptions, Restart, handler_fn};
use tokio::sync::oneshot;
use tokio::task::yield_now;
use tokio_test::task;

use crate::drive::now;

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

#[tokio::test]
async fn an_owner_ends_its_own_handler_of_a_group() {
    let manager = EventManager::new(8);
    let group = manager.handler_group("group").unwrap();
    let mut owners = Vec::new();
    for name in ["a", "b", "c"] {
        let (owner, gone) = oneshot::channel::<()>();
        let options = HandlerOptions::new(name).owner(gone);
        group.add_handler_with(options, quiet()).unwrap();
        owners.push(owner);
    }
    assert!(manager.sync_notify(1).await.unwrap().all_acked());
    drop(owners.remove(1));
    for _ in 0..10 {
        yield_now().await;
    }
    assert_eq!(group.which_handlers(), ["a", "c"]);
}

#[test]
fn a_group_that_is_dropped_between_events_answers_once() {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.unwrap();
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    let group = runtime.block_on(async {
        let group = manager.handler_group("group").unwrap();
        group.add_handler("a", quiet()).unwrap();
        group.add_handler("b", quiet()).unwrap();
        group
    });
    let mut done = task::spawn(manager.sync_notify(1));
    assert!(done.poll().is_pending());
    runtime.block_on(async {
        for _ in 0..10 {
            yield_now().await;
        }
    });
    drop(runtime);
    assert!(group.which_handlers().is_empty());
    assert!(done.poll().is_pending(), "the reader is waited for");
    assert_eq!(now(reader.next()), Some(1));
    reader.ack();
    assert_eq!(now(done.into_inner()).unwrap().acked(), 3);
}
