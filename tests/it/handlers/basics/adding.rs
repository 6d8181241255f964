//! Adding handlers: names, order, and the first event that a handler sees.

use std::future::pending;

use futures::poll;
use genevent::handler::AddHandlerError;
use genevent::test_util::Probe;
use genevent::{EventManager, SubscriberKind, handler_fn};
use tokio::sync::oneshot;
use tokio::task::yield_now;

use super::{Diary, Scribe, add};

#[tokio::test]
async fn a_manager_lists_its_handlers_oldest_first() {
    // GenEvent cases 1, 23, 32.
    let manager = EventManager::new(8);
    assert!(manager.which_handlers().is_empty());
    let diary = Diary::default();
    for name in ["a", "b", "c"] {
        add(&manager, name, &diary);
    }
    assert_eq!(manager.which_handlers(), ["a", "b", "c"]);
}

#[tokio::test]
async fn a_used_name_returns_the_handler() {
    // GenEvent cases 24, 27, 96.
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let first = add(&manager, "log", &diary);
    manager.notify(1).await.unwrap();
    let (tx, watch) = oneshot::channel::<()>();

    let again = manager.add_mon_handler("log", Scribe::new("again", &diary), watch);
    let Err(AddHandlerError::AlreadyPresent(back)) = again else {
        panic!("it was added")
    };
    assert_eq!(back.name(), "log", "the refused name");
    assert_eq!(back.into_handler().name, "again");
    assert!(tx.is_closed(), "no watch is left behind");
    assert_eq!(manager.which_handlers(), ["log"]);
    assert_eq!(manager.subscriber_count(), 1);
    assert_eq!(first.call(|h| h.seen.clone()).await, Ok(vec![1]));
}

#[tokio::test]
async fn a_type_can_be_added_under_two_names() {
    // GenEvent case 28.
    let manager = EventManager::new(8);
    let (ones, twos) = (Probe::new(), Probe::new());
    manager.add_handler("one", ones.clone()).unwrap();
    manager.add_handler("two", twos.clone()).unwrap();
    assert_eq!(manager.sync_notify(5).await.unwrap().acked(), 2);
    assert_eq!((ones.drain(), twos.drain()), (vec![5], vec![5]));
}

#[tokio::test]
async fn a_handler_sees_events_published_after_its_adding() {
    // GenEvent case 30.
    let manager = EventManager::new(8);
    let reader = manager.subscribe();
    manager.notify(1).await.unwrap();
    let seen = Probe::new();
    manager.add_handler("late", seen.clone()).unwrap();
    manager.notify(2).await.unwrap();
    drop(reader);
    manager.flush().await.unwrap();
    assert_eq!(seen.drain(), [2]);
}

#[tokio::test]
async fn adding_never_waits_behind_a_stuck_handler() {
    // GenEvent cases 34, 66, 130.
    let manager = EventManager::new(8);
    manager
        .add_handler("stuck", |_: &u32| pending::<()>())
        .unwrap();
    let diary = Diary::default();
    let other = add(&manager, "other", &diary);
    let mut answer = Box::pin(manager.sync_notify(1));
    assert!(poll!(&mut answer).is_pending());
    yield_now().await;

    assert_eq!(manager.which_handlers(), ["stuck", "other"]);
    add(&manager, "third", &diary);
    assert_eq!(other.remove().await.ok().unwrap().seen, [1]);
    assert_eq!(manager.which_handlers(), ["stuck", "third"]);
    manager.close();
    assert!(poll!(&mut answer).is_pending());
}

#[tokio::test]
async fn a_closed_manager_returns_the_handler() {
    // GenEvent case 17.
    let manager = EventManager::new(8);
    manager.close();
    let (dropped, owner) = oneshot::channel::<()>();
    let refused = manager.add_mon_handler("late", handler_fn(|_: &u32| ()), owner);
    assert!(matches!(refused, Err(AddHandlerError::Closed(_))));
    assert!(dropped.is_closed());
    assert!(manager.which_handlers().is_empty());
    assert!(!manager.remove_handler("late").await);
}

#[test]
#[should_panic(expected = "no reactor running")]
fn adding_outside_of_a_runtime_panics() {
    let manager = EventManager::new(8);
    let _ = manager.add_handler("log", handler_fn(|_: &u32| ()));
}

#[test]
fn a_failed_adding_leaves_nothing_behind() {
    let manager = EventManager::new(8);
    let adding = || manager.add_handler("log", handler_fn(|_: &u32| ())).is_ok();
    let added = std::panic::catch_unwind(std::panic::AssertUnwindSafe(adding));
    assert!(added.is_err());
    assert!(manager.which_handlers().is_empty());
    assert_eq!(manager.subscriber_count(), 0);
}

#[tokio::test]
async fn a_handler_is_listed_as_a_subscriber() {
    let manager = EventManager::<u32>::new(8);
    let log = handler_fn(|_: &u32| ());
    manager.add_handler("log", log).unwrap();
    let line = line!() - 1;
    let group = manager.handler_group("group").unwrap();
    assert_eq!(manager.subscribers().len(), 1, "an empty group is none");
    group
        .add_handler("member", handler_fn(|_: &u32| ()))
        .unwrap();
    let infos = manager.subscribers();
    assert_eq!(
        (infos[0].name(), infos[0].kind()),
        (Some("log"), SubscriberKind::Handler)
    );
    assert_eq!(
        (infos[0].created_at().line(), infos[0].created_at().file()),
        (line, file!())
    );
    assert_eq!(
        (infos[1].name(), infos[1].kind()),
        (Some("member"), SubscriberKind::Handler)
    );
    assert_eq!((infos[1].group(), infos[0].group()), (Some("group"), None));
    let debug = format!("{:?}", infos[1]);
    assert!(debug.contains("group: Some(#2 \"group\")"), "{debug}");
    assert_eq!(infos[1].created_at().file(), file!());
    drop(group);
}
