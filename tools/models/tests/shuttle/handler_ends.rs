//! Handlers and groups that end from outside, beside calls that replace or make them.

use genevent::handler::SwapError;
use genevent::{EventManager, StopReason, handler_fn};
use genevent_models::{model, spawn};
use shuttle::future::block_on;

#[test]
fn an_abort_by_name_beside_a_swap_ends_the_handler_with_the_name() {
    model(|| {
        block_on(async {
            let manager = EventManager::<u64>::new(2);
            let first = manager.add_handler("a", handler_fn(|_: &u64| ())).unwrap();
            let aborting = manager.clone();
            let aborting = spawn(async move { aborting.abort_handler("a") });
            let swapped = first.swap(|_| handler_fn(|_: &u64| ())).await;
            assert!(
                aborting.await.unwrap(),
                "a handler has the name all the time"
            );
            let reason = match swapped {
                Ok(second) => second.stopped().await,
                Err(SwapError::Stopped(reason)) => reason,
                Err(error) => panic!("{error}"),
            };
            assert_eq!(reason, StopReason::Aborted);
            assert!(manager.which_handlers().is_empty());
        });
    });
}

#[test]
fn a_handler_is_found_by_its_name_beside_a_swap() {
    model(|| {
        block_on(async {
            let manager = EventManager::<u64>::new(2);
            let first = manager.add_handler("a", handler_fn(|_: &u64| ())).unwrap();
            let asking = manager.clone();
            let asking = spawn(async move { asking.handler_by_name("a").is_some() });
            let second = first.swap(|_| handler_fn(|_: &u64| ())).await.unwrap();
            assert!(asking.await.unwrap(), "a handler has the name all the time");
            drop(second);
        });
    });
}

#[test]
fn a_group_made_beside_stop_now_is_refused_or_ends() {
    model(|| {
        block_on(async {
            let manager = EventManager::<u64>::new(2);
            let stopping = manager.clone();
            let stopping = spawn(async move { stopping.stop_now() });
            let group = manager.handler_group("group");
            stopping.await.unwrap();
            if let Ok(group) = group {
                group.stopped().await;
            }
            assert!(manager.which_handlers().is_empty());
        });
    });
}
