//! B. Adding handlers.

use std::panic::{AssertUnwindSafe, catch_unwind};

use futures::StreamExt;
use genevent::handler::AddHandlerError;
use genevent::test_util::Probe;
use genevent::{EventManager, HandlerOptions, HandlerRef, Restart};
use tokio::task::yield_now;
use tokio::time::sleep;

use super::support::{Diary, Scribe, add, at_once, ms, settle, timed};

#[tokio::test]
async fn case_023_an_added_handler_is_listed() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let noting = diary.clone();
    let make = move || {
        noting.record("made".into());
        Scribe::new("a", &noting)
    };
    let added = manager.add_handler_with(HandlerOptions::new("a").restart(Restart::never()), make);
    assert!(added.is_ok());
    assert_eq!(diary.drain(), ["made"]);
    assert_eq!(manager.which_handlers(), ["a"]);
    assert!(manager.sync_notify(1).await.unwrap().all_acked());
    assert_eq!(diary.drain(), ["a 1"]);
}

/// A handler that connects somewhere before it is added.
async fn connected(
    manager: &EventManager<u32>,
    diary: &Diary,
    answer: Result<(), &'static str>,
) -> Result<HandlerRef<u32, Scribe>, &'static str> {
    yield_now().await;
    answer?;
    Ok(add(manager, "connected", diary))
}

#[tokio::test]
async fn case_024_a_failing_constructor_changes_nothing() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    add(&manager, "a", &diary);
    let refused = connected(&manager, &diary, Err("no route")).await;
    assert_eq!(refused.unwrap_err(), "no route");
    assert_eq!(manager.which_handlers(), ["a"]);
    assert_eq!(manager.sync_notify(1).await.unwrap().acked(), 1);
    assert_eq!(diary.drain(), ["a 1"]);

    assert!(connected(&manager, &diary, Ok(())).await.is_ok());
    assert_eq!(manager.sync_notify(2).await.unwrap().acked(), 2);
}

#[tokio::test]
async fn case_025_a_panicking_constructor_harms_only_its_caller() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    add(&manager, "a", &diary);
    let make = || -> Scribe { panic!("no disk") };
    let adding =
        || drop(manager.add_handler_with(HandlerOptions::new("b").restart(Restart::never()), make));
    let cause = catch_unwind(AssertUnwindSafe(adding)).unwrap_err();
    assert_eq!(cause.downcast_ref(), Some(&"no disk"));

    assert_eq!(manager.which_handlers(), ["a"]);
    assert_eq!(manager.subscriber_count(), 1);
    assert_eq!(manager.sync_notify(1).await.unwrap().acked(), 1);
    add(&manager, "b", &diary);
    assert_eq!(manager.sync_notify(2).await.unwrap().acked(), 2);
    assert_eq!(diary.drain()[..2], ["a 1", "a 2"]);
}

#[tokio::test]
async fn case_027_a_used_name_is_refused() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let first = add(&manager, "a", &diary);
    manager.notify(1).await.unwrap();
    let second = manager.add_handler("a", Scribe::new("second", &diary));
    let Err(AddHandlerError::AlreadyPresent(second)) = second else {
        panic!("it was added")
    };
    assert_eq!(second.into_handler().name, "second", "it comes back");
    manager.notify(2).await.unwrap();
    assert_eq!(first.call(|a| a.seen.clone()).await, Ok(vec![1, 2]));
    assert_eq!(manager.which_handlers(), ["a"]);
}

#[tokio::test]
async fn case_028_one_type_can_have_two_names() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let (one, two) = (add(&manager, "one", &diary), add(&manager, "two", &diary));
    for n in 1..=3 {
        assert_eq!(manager.sync_notify(n).await.unwrap().acked(), 2);
    }
    for handler in [one, two] {
        assert_eq!(handler.call(|h| h.seen.clone()).await, Ok(vec![1, 2, 3]));
    }
}

#[tokio::test]
async fn case_030_a_handler_sees_only_later_events() {
    let manager = EventManager::new(8);
    let stream = manager.subscribe();
    for n in 1..=3 {
        manager.notify(n).await.unwrap();
    }
    assert_eq!(stream.len(), 3, "they are waiting to be handled");
    let seen = Probe::new();
    manager.add_handler("late", seen.clone()).unwrap();
    for n in 4..=6 {
        manager.notify(n).await.unwrap();
    }
    let read: Vec<_> = stream.take(6).collect().await;
    manager.flush().await.unwrap();
    assert_eq!(read, [1, 2, 3, 4, 5, 6]);
    assert_eq!(seen.drain(), [4, 5, 6]);
}

#[tokio::test]
async fn case_032_handlers_are_listed_in_adding_order() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    for name in ["a", "b", "c"] {
        add(&manager, name, &diary);
    }
    assert_eq!(manager.which_handlers(), ["a", "b", "c"]);
    let stream = manager.subscribe();
    let read = tokio::spawn(stream.collect::<Vec<_>>());
    assert_eq!(manager.sync_notify(1).await.unwrap().acked(), 4);
    assert_eq!(manager.which_handlers(), ["a", "b", "c"]);
    manager.close();
    assert_eq!(read.await.unwrap(), [1]);
}

#[tokio::test(start_paused = true)]
async fn case_034_a_slow_constructor_delays_nothing() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    add(&manager, "a", &diary);
    let seen = Probe::new();
    let (to, slow) = (manager.clone(), seen.clone());
    let adding = tokio::spawn(async move {
        sleep(ms(500)).await; // connects
        to.add_handler("slow", slow).map(drop).is_ok()
    });
    settle().await;

    let (took, receipt) = timed(manager.sync_notify(1)).await;
    assert_eq!((took, receipt.unwrap().acked()), (0, 1));
    assert!(!at_once(manager.remove_handler("nobody")));
    assert_eq!(manager.which_handlers(), ["a"]);
    assert!(adding.await.unwrap());
    assert_eq!(manager.sync_notify(2).await.unwrap().acked(), 2);
    assert_eq!(seen.drain(), [2]);
}
