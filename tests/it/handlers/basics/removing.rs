//! Removing, swapping and aborting, each ordered with the events.

use std::future::pending;
use std::ops::ControlFlow;

use futures::{FutureExt, poll};
use genevent::handler::{CallError, SwapError, TrySwapError};
use genevent::test_util::Probe;
use genevent::{EventManager, Handled, Handler, StopReason, handler_fn};
use tokio::sync::oneshot;
use tokio::task::yield_now;

use super::{Diary, Scribe, add};

#[tokio::test]
async fn a_removal_is_ordered_with_events() {
    // GenEvent cases 69, 71, 73, 86.
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let a = add(&manager, "a", &diary);
    let stopped = a.stopped();
    for n in 1..=3 {
        manager.notify(n).await.unwrap();
    }
    let mut removal = Box::pin(a.remove());
    assert!(poll!(&mut removal).is_pending());
    for n in 4..=6 {
        manager.notify(n).await.unwrap();
    }
    assert_eq!(removal.await.ok().unwrap().seen, [1, 2, 3]);
    assert_eq!(stopped.now_or_never(), Some(StopReason::Removed));
    assert_eq!(diary.drain().last().unwrap(), "a ends: it was removed");
    assert!(manager.sync_notify(7).await.unwrap().is_unheard());
    assert!(diary.drain().is_empty());
}

#[tokio::test]
async fn removing_by_name_returns_whether_it_existed() {
    // GenEvent cases 70, 100.
    let manager = EventManager::new(8);
    let diary = Diary::default();
    add(&manager, "a", &diary);
    let again = manager.handler::<Scribe>("a").unwrap();
    assert!(!manager.remove_handler("b").await);
    assert!(manager.remove_handler("a").await);
    assert!(!manager.remove_handler("a").await);
    assert!(manager.handler::<Scribe>("a").is_none());
    let call = again.call(|a| a.seen.len()).await;
    assert_eq!(call, Err(CallError::Stopped(StopReason::Removed)));
    add(&manager, "a", &diary);
    assert_eq!(
        again.stopped().await,
        StopReason::Removed,
        "not the new one"
    );
}

#[tokio::test]
async fn a_removal_waits_for_the_event_in_flight() {
    // GenEvent case 72.
    let manager = EventManager::new(8);
    let (go, wait) = oneshot::channel::<()>();
    let mut wait = Some(wait);
    let work = move |_: &u32| wait.take().unwrap().map(drop);
    let work = manager.add_handler("work", work).unwrap();
    let mut done = Box::pin(manager.sync_notify(1));
    assert!(poll!(&mut done).is_pending());
    let mut removal = Box::pin(work.remove());
    for _ in 0..4 {
        assert!(poll!(&mut removal).is_pending());
        yield_now().await;
    }
    go.send(()).unwrap();
    assert!(removal.await.is_ok());
    assert!(done.await.unwrap().all_acked());
}

#[tokio::test]
async fn a_dropped_removal_or_swap_still_happens() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let (a, b) = (add(&manager, "a", &diary), add(&manager, "b", &diary));
    let stopped = a.stopped();
    assert!(a.remove().now_or_never().is_none());
    assert_eq!(stopped.await, StopReason::Removed);

    let stopped = b.stopped();
    let swapped = b.swap(|old| Scribe::new("c", &old.diary));
    assert!(swapped.now_or_never().is_none());
    assert_eq!(stopped.await, StopReason::Swapped);
    let c = manager.handler::<Scribe>("b").unwrap();
    assert_eq!(c.call(|c| c.name).await, Ok("c"));
}

#[tokio::test]
async fn a_swap_keeps_name_position_and_owner() {
    // GenEvent cases 74, 78, 82, 89.
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let (owner, gone) = oneshot::channel::<()>();
    let a = Scribe::new("a", &diary);
    let a = manager.add_mon_handler("a", a, gone).unwrap();
    let _b = add(&manager, "b", &diary);
    manager.notify(1).await.unwrap();
    let stopped = a.stopped();
    let swapped = a.swap(|old| Scribe { name: "new", ..old }).await.unwrap();
    assert_eq!(stopped.await, StopReason::Swapped);
    assert_eq!(manager.which_handlers(), ["a", "b"]);
    manager.sync_notify(2).await.unwrap();
    assert_eq!(swapped.call(|new| new.seen.clone()).await, Ok(vec![1, 2]));
    let log = diary.drain();
    assert_eq!(
        log.iter().filter(|l| l.contains("ends")).count(),
        1,
        "{log:?}"
    );
    drop(owner);
    assert_eq!(swapped.stopped().await, StopReason::OwnerGone);
}

#[tokio::test]
async fn a_swap_between_types_invalidates_old_references() {
    // GenEvent cases 75, 77: an absent handler cannot be swapped, and names do not change.
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let a = add(&manager, "a", &diary);
    let old = a.clone();
    let seen = Probe::new();
    let heir = seen.clone();
    a.swap(move |_| heir).await.unwrap();
    assert_eq!(
        old.call(|_| ()).await,
        Err(CallError::Stopped(StopReason::Swapped))
    );
    assert!(manager.handler::<Scribe>("a").is_none());
    old.abort();
    manager.sync_notify(4).await.unwrap();
    assert_eq!(seen.drain(), [4], "a stale reference reaches nobody");
    let gone = old.swap(|_| handler_fn(|_: &u32| ())).await;
    assert_eq!(gone.err(), Some(SwapError::Stopped(StopReason::Swapped)));
}

#[tokio::test]
async fn a_refused_swap_keeps_the_old_handler() {
    // GenEvent case 76.
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let a = add(&manager, "a", &diary);
    manager.notify(1).await.unwrap();
    let refused = a.try_swap(Err::<Scribe, Scribe>).await;
    let Err(TrySwapError::Refused(a)) = refused else {
        panic!("it was swapped")
    };
    manager.notify(2).await.unwrap();
    assert_eq!(a.call(|a| a.seen.clone()).await, Ok(vec![1, 2]));
    let b = a.try_swap(|a| Ok(Scribe { name: "b", ..a })).await.unwrap();
    assert_eq!(b.call(|b| b.name).await, Ok("b"));
    assert_eq!(
        diary.drain(),
        ["a 1", "a 2"],
        "the closure ends it, not `terminate`"
    );
}

#[tokio::test]
async fn a_panicking_swap_ends_the_handler() {
    // GenEvent case 80.
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let a = add(&manager, "a", &diary);
    let swapped = a.swap(|_| -> Scribe { panic!("no") }).await;
    let panicked = StopReason::Panicked("no".into());
    assert_eq!(swapped.err(), Some(SwapError::Stopped(panicked)));
    assert!(manager.which_handlers().is_empty());
    assert_eq!(manager.subscriber_count(), 0);
}

#[tokio::test]
async fn aborting_drops_the_future_and_the_event() {
    let manager = EventManager::new(8);
    let (alive, watch) = oneshot::channel::<()>();
    let mut watch = Some(watch);
    let stuck = move |_: &u32| {
        let watch = watch.take();
        async move {
            pending::<()>().await;
            drop(watch);
        }
    };
    let stuck = manager.add_handler("stuck", stuck).unwrap();
    let mut done = Box::pin(manager.sync_notify(1));
    assert!(poll!(&mut done).is_pending());
    manager.notify(2).await.unwrap();
    yield_now().await;
    stuck.abort();
    assert_eq!(stuck.stopped().await, StopReason::Aborted);
    assert_eq!(done.await.unwrap().dropped(), 1);
    assert!(alive.is_closed());
    stuck.abort();
}

#[tokio::test]
async fn abort_works_while_idle_and_while_terminating() {
    struct Lingering;
    impl Handler<u32> for Lingering {
        async fn handle_event(&mut self, _: &u32) -> Handled {
            Ok(ControlFlow::Continue(()))
        }
        async fn terminate(&mut self, reason: &StopReason) {
            if *reason == StopReason::Removed {
                pending::<()>().await;
            }
        }
    }
    let manager = EventManager::<u32>::new(8);
    let idle = manager.add_handler("idle", Lingering).unwrap();
    yield_now().await;
    idle.abort();
    assert_eq!(idle.stopped().await, StopReason::Aborted);

    let lingering = manager.add_handler("lingering", Lingering).unwrap();
    let other = lingering.clone();
    assert!(lingering.remove().now_or_never().is_none());
    yield_now().await;
    assert_eq!(manager.which_handlers(), ["lingering"], "it is not over");
    other.abort();
    assert_eq!(other.stopped().await, StopReason::Removed);
}
