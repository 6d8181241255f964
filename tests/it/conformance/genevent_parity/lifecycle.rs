//! A. The life of a manager.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::executor::block_on;
use futures::{FutureExt, StreamExt};
use genevent::error::{NotifyError, TryNotifyError};
use genevent::handler::{AddHandlerError, CallError, RemoveError, SwapError};
use genevent::test_util::Probe;
use genevent::{EndReason, EventManager, HandlerOptions, Restart, StopReason, handler_fn};
use tokio::runtime::Builder;
use tokio::sync::oneshot;

use super::support::{Diary, Scribe, add, ms, settle, timed};

const CLOSED: &str = "a ends: the event manager is closed";

#[tokio::test]
async fn case_001_a_new_manager_has_no_handlers() {
    let manager = EventManager::new(8);
    assert!(manager.which_handlers().is_empty());
    assert!(manager.sync_notify(1).await.unwrap().is_unheard());

    let seen = Probe::new();
    manager.add_handler("first", seen.clone()).unwrap();
    manager.sync_notify(2).await.unwrap();
    assert_eq!(manager.which_handlers(), ["first"]);
    assert_eq!(seen.drain(), [2]);
}

#[tokio::test]
async fn case_002_stop_ends_the_manager() {
    let manager = EventManager::new(8);
    let seen = Probe::new();
    manager.add_handler("a", seen.clone()).unwrap();
    manager.notify(1).await.unwrap();
    assert_eq!(manager.stop().await, Ok(()));

    assert_eq!(seen.drain(), [1]);
    assert!(manager.is_closed());
    assert!(manager.which_handlers().is_empty());
    assert_eq!(manager.subscriber_count(), 0);
    assert!(manager.notify(2).await.is_err());
}

#[tokio::test]
async fn case_003_name_and_handle_reach_one_manager() {
    let manager = EventManager::builder().name("orders").build();
    let name = manager.name().unwrap().to_owned();
    let names = HashMap::from([(name, manager.clone())]);
    let seen = Probe::new();
    names["orders"].add_handler("a", seen.clone()).unwrap();
    names["orders"].notify(1).await.unwrap();
    manager.sync_notify(2).await.unwrap();
    assert_eq!(seen.drain(), [1, 2]);
    assert_eq!(manager.which_handlers(), ["a"]);
}

#[tokio::test]
async fn case_008_watchers_see_the_end_once() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let stopped = add(&manager, "a", &diary).stopped();
    let notices = Probe::new();
    tokio::spawn(notices.follow(stopped.into_stream()));
    let watched = manager.clone();
    let watching = tokio::spawn(async move { watched.closed().await });
    let mut stream = manager.subscribe();
    let reading = tokio::spawn(async move {
        let read: Vec<_> = stream.by_ref().collect().await;
        (read, stream.end_reason())
    });

    manager.notify(1).await.unwrap();
    settle().await;
    assert!(!watching.is_finished());
    assert!(notices.drain().is_empty());
    manager.stop().await.unwrap();
    watching.await.unwrap();
    settle().await;
    assert_eq!(notices.drain(), [StopReason::ManagerClosed]);
    let reported = (vec![1], Some(EndReason::Closed));
    assert_eq!(reading.await.unwrap(), reported);
    assert_eq!(diary.drain(), ["a 1", CLOSED]);
}

#[tokio::test]
async fn case_009_a_dying_parent_ends_its_manager() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let a = add(&manager, "a", &diary);
    let parent = tokio::spawn(async move {
        manager.notify(1).await.unwrap();
        panic!("the parent dies");
    });
    assert!(parent.await.unwrap_err().is_panic());
    assert_eq!(a.stopped().await, StopReason::ManagerClosed);
    assert_eq!(diary.drain(), ["a 1", CLOSED], "terminate is called");
}

#[tokio::test]
async fn case_010_dropping_the_last_handle_ends_the_manager() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let a = add(&manager, "a", &diary);
    let held = manager.clone();
    let parent = tokio::spawn(async move { held.notify(1).await.unwrap() });
    parent.await.unwrap();
    assert!(manager.sync_notify(2).await.unwrap().all_acked());
    assert_eq!(diary.drain(), ["a 1", "a 2"], "it lives on");

    drop(manager);
    assert_eq!(a.stopped().await, StopReason::ManagerClosed);
    assert_eq!(diary.drain(), [CLOSED]);
}

#[tokio::test]
async fn case_011_stop_terminates_each_handler() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    add(&manager, "a", &diary);
    manager
        .add_handler("b", Scribe::slow("b", &diary, 0))
        .unwrap();
    manager.notify(1).await.unwrap();
    let held = manager.clone();
    held.stop().await.unwrap();

    let mut diary = diary.drain();
    diary.sort();
    let ends = "b ends: the event manager is closed";
    assert_eq!(diary, ["a 1", CLOSED, "b 1", ends]);
    assert!(manager.is_closed(), "whoever else holds it");
}

#[test]
fn case_012_runtime_shutdown_calls_no_terminate() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let runtime = Builder::new_current_thread().build().unwrap();
    let a = runtime.block_on(async {
        let a = add(&manager, "a", &diary);
        assert!(manager.sync_notify(1).await.unwrap().all_acked());
        a
    });
    drop(runtime);
    assert_eq!(block_on(a.stopped()), StopReason::Aborted, "but it is told");
    assert_eq!(diary.drain(), ["a 1"]);
}

#[tokio::test]
async fn case_015_events_before_stop_are_handled_first() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let a = add(&manager, "a", &diary);
    for n in 1..=3 {
        manager.notify(n).await.unwrap();
    }
    assert!(diary.drain().is_empty(), "all of it waits");
    manager.stop().await.unwrap();
    assert_eq!(diary.drain(), ["a 1", "a 2", "a 3", CLOSED]);
    assert_eq!(a.stopped().await, StopReason::ManagerClosed);

    // Alternatively, at once.
    let manager = EventManager::new(8);
    let a = add(&manager, "a", &diary);
    manager.sync_notify(1).await.unwrap();
    for n in 2..=4 {
        manager.notify(n).await.unwrap();
    }
    a.abort();
    manager.stop().await.unwrap();
    assert_eq!(diary.drain(), ["a 1", "a ends: it was aborted"]);
}

#[tokio::test(start_paused = true)]
async fn case_016_a_timed_out_stop_still_stops() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let busy = Scribe::slow("a", &diary, 300);
    let busy = manager.add_handler("busy", busy).unwrap();
    manager.notify(1).await.unwrap();

    let (took, late) = timed(manager.stop().within(ms(100))).await;
    assert_eq!(took, 100);
    assert_eq!(late.unwrap_err().waiting_for()[0].name(), Some("busy"));
    assert!(diary.drain().is_empty());

    let (took, reason) = timed(busy.stopped()).await;
    assert_eq!((took, reason), (200, StopReason::ManagerClosed));
    assert_eq!(diary.drain(), ["a 1", CLOSED]);
}

#[tokio::test]
async fn case_017_requests_after_stop_return_errors() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let a = add(&manager, "a", &diary);
    assert!(manager.sync_notify(1).await.unwrap().all_acked());
    manager.stop().await.unwrap();
    assert_eq!(diary.drain(), ["a 1", CLOSED]);

    assert_eq!(manager.ack_notify(2).await, Err(NotifyError::Closed(2)));
    assert_eq!(manager.sync_notify(3).await, Err(NotifyError::Closed(3)));
    let late = manager.add_handler("b", Scribe::new("b", &diary));
    let Err(AddHandlerError::Closed(late)) = late else {
        panic!("it was added")
    };
    assert_eq!(late.into_handler().name, "b");
    let late = manager.add_mon_handler("b", handler_fn(|_: &u32| ()), async {});
    assert!(matches!(late, Err(AddHandlerError::Closed(_))));
    let late = manager.handler_group("c");
    assert!(matches!(late, Err(AddHandlerError::Closed(_))));
    assert!(manager.which_handlers().is_empty());
    assert!(!manager.remove_handler("a").await);
    let gone = StopReason::ManagerClosed;
    let call = a.call(|a| a.seen.len()).await;
    assert_eq!(call, Err(CallError::Stopped(gone.clone())));
    let swap = a.clone().swap(|old| old).await;
    assert_eq!(swap.err(), Some(SwapError::Stopped(gone.clone())));
    assert_eq!(a.remove().await.err(), Some(RemoveError::Stopped(gone)));
    assert_eq!(manager.stop().await, Ok(()), "that is so already");
    assert!(diary.drain().is_empty());
}

#[tokio::test]
async fn case_018_an_unheard_notify_returns_the_event() {
    let manager = EventManager::new(8);
    let seen = Probe::new();
    manager.add_handler("a", seen.clone()).unwrap();
    assert_eq!(manager.notify(1).await, Ok(1));
    manager.stop().await.unwrap();
    assert_eq!(manager.notify(2).await, Err(NotifyError::Closed(2)));
    assert_eq!(manager.try_notify(3), Err(TryNotifyError::Closed(3)));
    assert_eq!(seen.drain(), [1]);
}

#[tokio::test]
async fn case_022_a_failed_start_leaves_nothing_behind() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    add(&manager, "a", &diary);

    let group = manager.handler_group("a");
    assert!(matches!(group, Err(AddHandlerError::AlreadyPresent(_))));
    let made = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&made);
    let factory = move || {
        counting.fetch_add(1, Ordering::Relaxed);
        handler_fn(|_: &u32| ())
    };
    let never = Restart::never();
    assert!(
        manager
            .add_handler_with(HandlerOptions::new("a").restart(never), factory)
            .is_err()
    );
    let (owner, gone) = oneshot::channel::<()>();
    let refused = manager.add_mon_handler("a", handler_fn(|_: &u32| ()), gone);
    assert!(refused.is_err());

    assert_eq!(made.load(Ordering::Relaxed), 0, "none was made");
    assert!(owner.is_closed(), "nothing watches");
    assert_eq!(manager.which_handlers(), ["a"]);
    assert_eq!(manager.subscriber_count(), 1);
    assert_eq!(manager.sync_notify(1).await.unwrap().acked(), 1);
    assert_eq!(diary.drain(), ["a 1"]);
}
