//! Waiting for the handlers of a group: who is named, and who may not wait.

use std::future::pending;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt, poll};
use genevent::error::DeadlineError;
use genevent::test_util::Probe;
use genevent::{
    Cause, DisconnectCause, EventManager, Handled, Handler, StopReason, SubscriberInfo, handler_fn,
};
use tokio::sync::Semaphore;
use tokio::task::yield_now;

use super::{gated, names};
use crate::receipts::UnfinishedIds;

#[tokio::test(start_paused = true)]
async fn a_deadline_names_the_stuck_handler_first() {
    let manager = EventManager::new(4);
    let (_group, go, stuck) = gated(&manager);
    let second = Duration::from_secs(1);
    let late = manager.sync_notify(1).within(second).await.unwrap_err();
    let DeadlineError::Unanswered(late) = late else {
        panic!("the event is stored");
    };
    assert_eq!(names(late.waiting_for()), ["gated", "last"]);
    let info = &late.waiting_for()[0];
    assert_eq!(
        (info.id(), info.group(), info.unacked(), info.unread()),
        (stuck.id(), Some("group"), 1, 0)
    );
    let behind = &late.waiting_for()[1];
    assert_eq!((behind.unacked(), behind.unread()), (0, 1));
    assert_eq!(late.receipt().acked(), 1, "the first handler has finished");
    assert!(
        info.to_string().contains(r#""gated" of "group" from "#),
        "{info}"
    );

    // An event behind it is unread for all.
    let late = manager.sync_notify(2).within(second).await.unwrap_err();
    assert_eq!(names(late.waiting_for()), ["first", "gated", "last"]);
    let late = manager.flush().within(second).await.unwrap_err();
    assert_eq!(names(late.waiting_for()), ["first", "gated", "last"]);
    go.add_permits(2);
    manager.flush().await.unwrap();
    let late = manager.sync_notify(3).within(second).await.unwrap_err();
    assert_eq!(names(late.waiting_for()), ["gated", "last"]);
    let late = manager.flush().within(second).await.unwrap_err();
    assert_eq!(names(late.waiting_for()), ["gated", "last"]);
    let late = manager.stop().within(second).await.unwrap_err();
    assert_eq!(names(late.waiting_for()), ["gated", "last"]);
}

#[tokio::test(start_paused = true)]
async fn a_receipt_so_far_counts_handlers_that_have_ended_with_the_event() {
    let manager = EventManager::<u32>::new(4);
    let group = manager.handler_group("group").unwrap();
    let breaks = handler_fn(|_: &u32| ControlFlow::Break(()));
    group.add_handler("breaks", breaks).unwrap();
    let panics = handler_fn(|_: &u32| -> () { panic!("broken") });
    group.add_handler("panics", panics).unwrap();
    let breaks = handler_fn(|_: &u32| ControlFlow::Break(()));
    group.add_handler("breaks too", breaks).unwrap();
    group
        .add_handler("stuck", |_: &u32| pending::<()>())
        .unwrap();
    let late = manager.sync_notify(1).within(Duration::from_secs(1)).await;
    let Err(DeadlineError::Unanswered(late)) = late else {
        panic!("a handler is stuck");
    };
    assert_eq!(names(late.waiting_for()), ["stuck"]);
    assert_eq!((late.receipt().acked(), late.receipt().dropped()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_full_window_is_that_of_the_stuck_handler() {
    let manager = EventManager::new(1);
    let (_group, _go, stuck) = gated(&manager);
    manager.notify(1).await.unwrap();
    yield_now().await;
    manager.notify(2).await.unwrap();
    let waiting = manager.notify(3).within(Duration::from_secs(1)).await;
    let waiting_for = waiting.unwrap_err().waiting_for().to_vec();
    assert_eq!(names(&waiting_for), ["gated"]);
    let mut queued = Box::pin(manager.notify(3));
    assert!(poll!(&mut queued).is_pending());
    let stats = manager.stats();
    let blocking: Vec<_> = stats.blocking().map(SubscriberInfo::id).collect();
    assert_eq!(blocking, [stuck.id()]);
    stuck.abort();
    assert_eq!(queued.await, Ok(2));
}

#[tokio::test(start_paused = true)]
async fn a_full_window_between_events_is_that_of_all_handlers() {
    let manager = EventManager::new(1);
    let (_group, go, gated) = gated(&manager);
    let call = gated.call_async(|_| Box::pin(pending::<()>()));
    let mut call = Box::pin(call);
    assert!(poll!(&mut call).is_pending());
    yield_now().await;
    manager.notify(1).await.unwrap();
    // The call is what holds up the group, and not its first handler.
    let waiting = manager.notify(2).within(Duration::from_secs(1)).await;
    let waiting_for = waiting.unwrap_err().waiting_for().to_vec();
    assert_eq!(names(&waiting_for), ["first", "gated", "last"]);
    gated.abort();
    go.add_permits(1);
    assert_eq!(manager.notify(2).await, Ok(2));
}

#[tokio::test]
async fn a_handler_of_a_group_cannot_wait_for_its_group() {
    let manager = EventManager::<u32>::new(4);
    let group = manager.handler_group("group").unwrap();
    let (said, go_on) = (Probe::new(), Arc::new(Semaphore::new(0)));
    let (record, gate, weak) = (said.clone(), Arc::clone(&go_on), manager.downgrade());
    let waits = move |_: &u32| {
        let (said, gate) = (record.clone(), Arc::clone(&gate));
        let manager = weak.upgrade().unwrap();
        async move {
            said.record(manager.flush().await.is_err());
            said.record(manager.quiet().await.is_err());
            said.record(manager.sync_notify(2).await.is_err());
            gate.acquire().await.unwrap().forget();
        }
    };
    group
        .add_handler("first", handler_fn(|_: &u32| ()))
        .unwrap();
    group.add_handler("waits", waits).unwrap();
    manager.notify(1).await.unwrap();
    said.clone().wait_for(3).await;
    assert_eq!(said.drain(), [true, true, true]);
    go_on.add_permits(1);
    manager.flush().await.unwrap();
}

#[tokio::test]
async fn stop_now_settles_the_unread_events_of_a_group_at_once() {
    let manager = EventManager::new(4);
    let (group, _go, _stuck) = gated(&manager);
    manager.notify(1).await.unwrap();
    yield_now().await;
    let mut unread = Box::pin(manager.sync_notify(2));
    assert!(poll!(&mut unread).is_pending());
    manager.stop_now();
    let receipt = unread
        .now_or_never()
        .expect("nobody is waited for")
        .unwrap();
    let requested = Cause::Disconnected(DisconnectCause::Requested);
    assert_eq!(receipt.causes(), vec![requested; 3]);
    assert_eq!(group.stopped().await, StopReason::Aborted);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_is_stuck_in_terminate_is_named() {
    struct Endless;
    impl Handler<u32> for Endless {
        async fn handle_event(&mut self, _: &u32) -> Handled {
            Ok(ControlFlow::Break(()))
        }
        async fn terminate(&mut self, _: &StopReason) {
            pending::<()>().await;
        }
    }
    let manager = EventManager::new(4);
    let group = manager.handler_group("group").unwrap();
    group
        .add_handler("first", handler_fn(|_: &u32| ()))
        .unwrap();
    group.add_handler("endless", Endless).unwrap();
    let late = manager.sync_notify(1).within(Duration::from_secs(1)).await;
    let Err(DeadlineError::Unanswered(late)) = late else {
        panic!("the handler has not ended");
    };
    assert_eq!(names(late.waiting_for()), ["endless"]);
    assert_eq!(late.receipt().acked(), 1);
}

#[tokio::test]
async fn handlers_are_named_for_their_own_events_only() {
    let manager = EventManager::new(4);
    let (group, go, _gated) = gated(&manager);
    let mut reader = manager.subscribe();
    let mut first = Box::pin(manager.sync_notify(1));
    assert!(poll!(&mut first).is_pending());
    let mut second = Box::pin(manager.sync_notify(2));
    assert!(poll!(&mut second).is_pending());
    group.add_handler("late", handler_fn(|_: &u32| ())).unwrap();
    assert_eq!(manager.notify(3).await, Ok(5));
    let is_unread = |info: &SubscriberInfo| info.unread();
    let unread = |stats: genevent::Stats| stats.subscribers().iter().map(is_unread).collect();
    let numbers: Vec<_> = unread(manager.stats());
    assert_eq!(numbers, [3, 3, 3, 1, 3], "the late one before the reader");
    assert_eq!(
        names(&second.waiting_for().unwrap()),
        ["first", "gated", "last"]
    );

    // The group handles event 2, and has finished event 1.
    go.add_permits(1);
    for _ in 0..10 {
        yield_now().await;
    }
    assert_eq!(first.waiting_for().unwrap()[0].id(), reader.id());
    assert_eq!(first.waiting_for().unwrap().len(), 1);
    assert!(manager.stats().leaving().is_empty());
    assert_eq!(reader.next().await, Some(1));
    go.add_permits(2);
    drop(reader);
    manager.flush().await.unwrap();
}

#[tokio::test]
async fn an_event_in_flight_is_not_for_a_later_handler() {
    let manager = EventManager::new(4);
    let (group, _go, _gated) = gated(&manager);
    manager.notify(1).await.unwrap();
    yield_now().await;
    let late = group.add_handler("late", handler_fn(|_: &u32| ())).unwrap();
    let stats = manager.stats();
    let late = stats
        .subscribers()
        .iter()
        .find(|info| info.id() == late.id());
    let late = late.unwrap();
    assert_eq!((late.unread(), late.unacked()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_group_without_events_is_named_itself() {
    let manager = EventManager::<u32>::new(4);
    let (_group, _go, stuck) = gated(&manager);
    let mut call = Box::pin(stuck.call_async(|_| Box::pin(pending::<()>())));
    assert!(poll!(&mut call).is_pending());
    yield_now().await; // the call has begun, and the group is attached
    let late = manager.stop().within(Duration::from_secs(1)).await;
    assert_eq!(names(late.unwrap_err().waiting_for()), ["group"]);
}
