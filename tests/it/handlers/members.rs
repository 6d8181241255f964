//! The handlers of a group as subscribers: in receipts, in errors of deadlines, in statistics.

mod removing;
mod waiting;

use std::future::pending;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt, poll};
use genevent::test_util::Probe;
use genevent::{
    Cause, DisconnectCause, EventManager, Handled, Handler, HandlerGroup, HandlerOptions,
    HandlerRef, Restart, StopReason, SubscribeOptions, SubscriberInfo, SubscriberKind, handler_fn,
};
use tokio::sync::Semaphore;
use tokio::task::yield_now;

use crate::receipts::UnfinishedIds;

/// Waits for a permit at each event.
struct Gated(Arc<Semaphore>);

impl Handler<u32> for Gated {
    async fn handle_event(&mut self, _: &u32) -> Handled {
        self.0.acquire().await?.forget();
        Ok(ControlFlow::Continue(()))
    }
}

/// A group of `first`, `gated` and `last`.
fn gated(
    manager: &EventManager<u32>,
) -> (HandlerGroup<u32>, Arc<Semaphore>, HandlerRef<u32, Gated>) {
    let group = manager.handler_group("group").unwrap();
    let go = Arc::new(Semaphore::new(0));
    group
        .add_handler("first", handler_fn(|_: &u32| ()))
        .unwrap();
    let stuck = group.add_handler("gated", Gated(Arc::clone(&go))).unwrap();
    group.add_handler("last", handler_fn(|_: &u32| ())).unwrap();
    (group, go, stuck)
}

fn names(infos: &[SubscriberInfo]) -> Vec<&str> {
    infos.iter().filter_map(SubscriberInfo::name).collect()
}

#[tokio::test]
async fn each_handler_counts_for_every_call_and_number() {
    let manager = EventManager::<u32>::new(4);
    let group = manager.handler_group("group").unwrap();
    let counts = |n| {
        let manager = &manager;
        async move {
            assert_eq!(manager.subscriber_count(), n);
            assert_eq!(manager.subscribers().len(), n);
            assert_eq!(manager.stats().subscribers().len(), n);
            assert_eq!(manager.notify(1).await, Ok(n));
            assert_eq!(manager.ack_notify(1).await.unwrap().acked(), n);
            assert_eq!(manager.sync_notify(1).await.unwrap().acked(), n);
            assert_eq!(manager.reserve().await.unwrap().notify(1), n);
            manager.flush().await.unwrap();
        }
    };
    counts(0).await;
    assert!(manager.sync_notify(1).await.unwrap().is_unheard());
    let three = manager.wait_for_subscribers(3);
    for name in ["a", "b"] {
        group.add_handler(name, handler_fn(|_: &u32| ())).unwrap();
    }
    counts(2).await;
    let beside = manager.subscribe_with(SubscribeOptions::new().observer());
    counts_with_observer(&manager).await;
    drop(beside);
    let filtered = manager.subscribe_filter(|n| *n > 1);
    assert_eq!(manager.notify(1).await, Ok(2));
    assert_eq!(manager.notify(2).await, Ok(3));
    assert_eq!(three.await, 3);
    drop(filtered);
    assert!(group.remove_handler("a").await);
    counts(1).await;
    assert!(group.remove_handler("b").await);
    counts(0).await;
}

async fn counts_with_observer(manager: &EventManager<u32>) {
    assert_eq!(manager.notify(1).await, Ok(3));
    assert_eq!(manager.sync_notify(1).await.unwrap().acked(), 2);
}

#[tokio::test]
async fn an_event_counts_the_handlers_of_the_time_when_it_is_stored() {
    let manager = EventManager::new(8);
    let (group, go, stuck) = gated(&manager);
    let mut first = Box::pin(manager.sync_notify(1));
    assert!(poll!(&mut first).is_pending());
    yield_now().await;
    let seen = Probe::new();
    let late = group.add_handler("late", seen.clone()).unwrap();
    let mut second = Box::pin(manager.sync_notify(2));
    assert!(poll!(&mut second).is_pending());
    stuck.abort();
    let (first, second) = (first.await.unwrap(), second.await.unwrap());
    assert_eq!(
        (first.acked(), first.unfinished_ids()),
        (2, vec![stuck.id()])
    );
    assert_eq!(
        (second.acked(), second.unfinished_ids()),
        (3, vec![stuck.id()])
    );
    assert_eq!(
        second.causes(),
        [Cause::Left],
        "unread when the handler ended"
    );
    assert_eq!(seen.drain(), [2]);
    assert!(late.remove().await.is_ok());
    assert_eq!(manager.sync_notify(3).await.unwrap().acked(), 2);
    drop(go);
}

#[tokio::test]
async fn a_handler_that_leaves_settles_what_it_has_not_read() {
    let manager = EventManager::new(8);
    let (group, go, _stuck) = gated(&manager);
    let mut events: Vec<_> = (1..=3).map(|n| Box::pin(manager.sync_notify(n))).collect();
    for event in &mut events {
        assert!(poll!(event).is_pending());
    }
    yield_now().await;
    // The runner is busy, so the removal waits behind event 3; an abort ends it after event 1.
    let last = group.handler_by_name("last").unwrap();
    last.abort();
    go.add_permits(9);
    let [first, second, third] = futures::future::join_all(events).await.try_into().unwrap();
    for receipt in [first, second, third] {
        let receipt = receipt.unwrap();
        assert_eq!((receipt.acked(), receipt.causes()), (2, vec![Cause::Left]));
        assert_eq!(receipt.unfinished_ids(), [last.id()]);
    }
}

#[tokio::test]
async fn a_disconnected_group_gives_up_for_each_handler() {
    let manager = EventManager::new(8);
    let (group, _go, _stuck) = gated(&manager);
    let mut events: Vec<_> = (1..=2).map(|n| Box::pin(manager.sync_notify(n))).collect();
    for event in &mut events {
        assert!(poll!(event).is_pending());
    }
    yield_now().await;
    assert!(manager.disconnect(group.id()));
    let [first, second] = futures::future::join_all(events).await.try_into().unwrap();
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(first.acked(), 1, "the first handler had finished");
    assert_eq!(first.causes(), [Cause::Left, Cause::Left]);
    let requested = Cause::Disconnected(DisconnectCause::Requested);
    assert_eq!(second.causes(), vec![requested; 3]);
    assert_eq!(group.stopped().await, StopReason::Aborted);
}

#[test]
fn the_handlers_of_a_dropped_runtime_have_left() {
    let manager = EventManager::new(4);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let mut events: Vec<_> = (1..=2).map(|n| Box::pin(manager.sync_notify(n))).collect();
    let group = runtime.block_on(async {
        let (group, ..) = gated(&manager);
        for event in &mut events {
            assert!(poll!(event).is_pending());
        }
        yield_now().await;
        group
    });
    drop(runtime);
    for (acked, event) in [1, 0].into_iter().zip(events) {
        let receipt = crate::drive::now(event).unwrap();
        assert_eq!((receipt.acked(), receipt.dropped()), (acked, 3 - acked));
        assert!(receipt.causes().iter().all(|cause| *cause == Cause::Left));
    }
    assert_eq!(manager.subscriber_count(), 0);
    drop(group);
}

/// A runtime that goes while a handler that has finished its event terminates.
#[test]
fn a_finished_event_stays_finished_when_the_runtime_goes() {
    struct Last;
    impl Handler<u32> for Last {
        async fn handle_event(&mut self, n: &u32) -> Handled {
            assert_ne!(*n, 13, "thirteen");
            Ok(ControlFlow::Break(()))
        }
        async fn terminate(&mut self, _: &StopReason) {
            pending::<()>().await;
        }
    }
    for (n, acked) in [(1, 2), (13, 1)] {
        let manager = EventManager::new(4);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let mut event = Box::pin(manager.sync_notify(n));
        runtime.block_on(async {
            let group = manager.handler_group("group").unwrap();
            group
                .add_handler("first", handler_fn(|_: &u32| ()))
                .unwrap();
            group.add_handler("ends", Last).unwrap();
            group
                .add_handler("behind", handler_fn(|_: &u32| ()))
                .unwrap();
            assert!(poll!(&mut event).is_pending());
            yield_now().await;
            assert!(poll!(&mut event).is_pending(), "a handler ends first");
        });
        drop(runtime);
        let receipt = crate::drive::now(event).unwrap();
        assert_eq!(
            (receipt.acked(), receipt.dropped()),
            (acked, 3 - acked),
            "{n}"
        );
    }
}

#[tokio::test]
async fn a_restarted_handler_of_a_group_keeps_its_id() {
    let manager = EventManager::new(4);
    let group = manager.handler_group("group").unwrap();
    let once = Restart::on_failure(1, Duration::from_secs(9));
    let options = HandlerOptions::new("fragile").restart(once);
    let make = || handler_fn(|n: &u32| assert!(*n != 13, "thirteen"));
    let fragile = group.add_handler_with(options, make).unwrap();
    group.add_handler("good", handler_fn(|_: &u32| ())).unwrap();
    for _ in 0..2 {
        let receipt = manager.sync_notify(13).await.unwrap();
        assert_eq!(
            (receipt.acked(), receipt.unfinished_ids()),
            (1, vec![fragile.id()])
        );
        assert_eq!(receipt.causes(), [Cause::Panicked("thirteen".into())]);
    }
    assert_eq!(manager.sync_notify(1).await.unwrap().acked(), 1);
    let again = group
        .add_handler("fragile", handler_fn(|_: &u32| ()))
        .unwrap();
    assert_ne!(again.id(), fragile.id());
    let swapped = again.clone().swap(|old| old).await.unwrap();
    assert_eq!(swapped.id(), again.id());
}

#[tokio::test]
async fn a_disconnected_handler_of_a_group_is_named_so() {
    let manager = EventManager::<u32>::new(4);
    let (group, go, stuck) = gated(&manager);
    let events: Vec<_> = (1..=2).map(|n| manager.sync_notify_owned(n)).collect();
    let mut events: Vec<_> = events.into_iter().map(Box::pin).collect();
    for event in &mut events {
        assert!(poll!(event).is_pending());
    }
    yield_now().await;
    let last = group.handler_by_name("last").unwrap();
    assert!(manager.disconnect(last.id()));
    assert!(!manager.disconnect(last.id()), "no second time");
    assert!(manager.disconnect(stuck.id()));
    let mut causes = Vec::new();
    for event in events {
        let receipt = event.await.unwrap();
        assert_eq!(receipt.acked(), 1, "by `first`");
        causes.push(receipt.causes());
    }
    let requested = Cause::Disconnected(DisconnectCause::Requested);
    assert_eq!(
        causes[0],
        [Cause::Left, Cause::Left],
        "in flight in the group"
    );
    assert_eq!(causes[1], [requested.clone(), requested], "unread");
    assert_eq!(last.stopped().await, StopReason::Aborted);
    drop(go);
}

#[tokio::test]
async fn a_handler_of_a_group_is_aborted_by_its_id_and_its_name() {
    let manager = EventManager::<u32>::new(4);
    let (group, _go, stuck) = gated(&manager);
    manager.notify(1).await.unwrap();
    yield_now().await;
    assert!(manager.disconnect(stuck.id()));
    assert_eq!(stuck.stopped().await, StopReason::Aborted);
    assert!(!manager.disconnect(stuck.id()));
    assert_eq!(group.which_handlers(), ["first", "last"]);
    let last = group.handler_by_name("last").unwrap();
    assert!(group.abort_handler("last"));
    assert_eq!(last.stopped().await, StopReason::Aborted);
    assert!(!group.abort_handler("last"));
    assert_eq!(manager.sync_notify(2).await.unwrap().acked(), 1);
}

#[tokio::test]
async fn a_stage_comes_after_the_handlers_of_a_group() {
    let manager = EventManager::new(4);
    let (group, go, _stuck) = gated(&manager);
    let mut stage = manager.subscribe_with(SubscribeOptions::new().after(group.id()));
    manager.notify(1).await.unwrap();
    yield_now().await;
    assert_eq!(stage.next().now_or_never(), None);
    go.add_permits(1);
    assert_eq!(stage.next().await, Some(1));
}

#[tokio::test]
async fn the_id_of_a_handler_of_a_group_puts_a_stage_behind_the_group() {
    let manager = EventManager::new(4);
    let (group, go, stuck) = gated(&manager);
    let last = group.handler_by_name("last").unwrap();
    let after = SubscribeOptions::new().after(stuck.id()).after(last.id());
    let mut stage = manager.subscribe_with(after);
    assert_eq!(manager.subscribers()[3].after(), [group.id()]);
    manager.notify(1).await.unwrap();
    yield_now().await;
    assert_eq!(stage.next().now_or_never(), None);
    go.add_permits(1);
    assert_eq!(stage.next().await, Some(1));

    // A handler that has left is not waited for.
    stuck.abort();
    stuck.stopped().await;
    let mut late = manager.subscribe_with(SubscribeOptions::new().after(stuck.id()));
    manager.notify(2).await.unwrap();
    assert_eq!(late.next().now_or_never(), Some(Some(2)));
}

#[tokio::test]
async fn infos_of_handlers_of_groups_name_the_group() {
    let manager = EventManager::builder().name("orders").capacity(4).build();
    let (group, _go, stuck) = gated(&manager);
    manager.notify(1).await.unwrap();
    yield_now().await;
    let stats = manager.stats();
    let infos = stats.subscribers();
    assert_eq!(names(infos), ["first", "gated", "last"]);
    assert_eq!(infos[1].id(), stuck.id());
    for info in infos {
        assert_eq!(
            (info.kind(), info.group()),
            (SubscriberKind::Handler, Some("group"))
        );
        assert_eq!(info.created_at().file(), file!());
    }
    manager.stop_now();
    assert_eq!(group.stopped().await, StopReason::Aborted);
    assert!(manager.stats().subscribers().is_empty());
}
