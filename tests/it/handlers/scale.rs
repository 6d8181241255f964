//! 100,000 handlers. Each test takes a second or two in a debug build; if an operation on a handler
//! took time in proportion to the number of handlers, each test would take minutes.

use std::ops::ControlFlow;

use genevent::{EventManager, HandlerRef, StopReason, handler_fn};

const MANY: usize = 100_000;

#[tokio::test]
async fn handler_changes_cost_the_same_among_many() {
    let manager = EventManager::<u32>::new(8);
    for n in 0..MANY {
        let quiet = handler_fn(|_: &u32| ());
        manager.add_handler(n.to_string(), quiet).unwrap();
    }
    assert_eq!(manager.sync_notify(1).await.unwrap().acked(), MANY);
    manager.stop().await.unwrap();
    assert!(manager.which_handlers().is_empty());
}

#[tokio::test]
async fn joining_a_group_costs_the_same_among_many() {
    let manager = EventManager::<u32>::new(8);
    let group = manager.handler_group("group").unwrap();
    for n in 0..MANY {
        let quiet = handler_fn(|_: &u32| ());
        group.add_handler(n.to_string(), quiet).unwrap();
    }
    assert_eq!(manager.sync_notify(1).await.unwrap().acked(), MANY);
    assert_eq!(group.which_handlers().len(), MANY);
    manager.stop().await.unwrap();
    assert!(group.which_handlers().is_empty());
}

#[tokio::test]
async fn ending_members_costs_the_same_among_many() {
    let manager = EventManager::<u32>::new(8);
    let group = manager.handler_group("group").unwrap();
    for n in 0..MANY {
        let once = handler_fn(|_: &u32| ControlFlow::Break(()));
        group.add_handler(n.to_string(), once).unwrap();
    }
    assert_eq!(manager.sync_notify(1).await.unwrap().acked(), MANY);
    assert!(group.which_handlers().is_empty());
}

#[tokio::test]
async fn aborting_members_costs_the_same_among_many() {
    let manager = EventManager::<u32>::new(8);
    let group = manager.handler_group("group").unwrap();
    let add = |n: usize| {
        let quiet = handler_fn(|_: &u32| ());
        group.add_handler(n.to_string(), quiet).unwrap()
    };
    let members: Vec<_> = (0..MANY).map(add).collect();
    members.iter().for_each(HandlerRef::abort);
    for member in members {
        assert_eq!(member.stopped().await, StopReason::Aborted);
    }
}
