//! Exits that coincide: an abort and another exit, the end of an owner and an event, the shutdown
//! of the runtime and any other exit.

mod runtime;

use std::future::{pending, poll_fn};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, OnceLock};
use std::task::Poll;

use futures::{FutureExt, poll};
use genevent::handler::{RemoveError, SwapError, TrySwapError};
use genevent::test_util::Probe;
use genevent::{
    EventManager, Handled, Handler, HandlerOptions, HandlerRef, Restart, StopReason, handler_fn,
};
use tokio::sync::oneshot;
use tokio::task::yield_now;

/// The records of handlers.
type Diary = Probe<String>;

/// Records its events and its end, which takes time if the scribe is `slow`. Event 0 ends the
/// handler.
struct Scribe {
    name: &'static str,
    diary: Diary,
    slow: bool,
    itself: Arc<OnceLock<HandlerRef<u32, Scribe>>>,
}

impl Scribe {
    fn new(name: &'static str, diary: &Diary) -> Self {
        Self {
            name,
            diary: diary.clone(),
            slow: false,
            itself: Arc::default(),
        }
    }

    fn slow(name: &'static str, diary: &Diary) -> Self {
        Self {
            slow: true,
            ..Self::new(name, diary)
        }
    }
}

impl Handler<u32> for Scribe {
    async fn handle_event(&mut self, n: &u32) -> Handled {
        self.diary.record(format!("{} {n}", self.name));
        if let Some(itself) = self.itself.get() {
            itself.abort();
        }
        match n {
            0 => Ok(ControlFlow::Break(())),
            _ => Ok(ControlFlow::Continue(())),
        }
    }

    async fn terminate(&mut self, reason: &StopReason) {
        self.diary.record(format!("{} ends: {reason}", self.name));
        if self.slow {
            pending::<()>().await;
        }
    }
}

async fn settle() {
    for _ in 0..8 {
        yield_now().await;
    }
}

// ---- Aborts -------------------------------------------------------------------------------------

#[tokio::test]
async fn an_earlier_abort_does_not_skip_terminate() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let scribe = Scribe::new("a", &diary);
    let itself = Arc::clone(&scribe.itself);
    let a = manager.add_handler("a", scribe).unwrap();
    itself.set(a.clone()).unwrap();
    manager.notify(0).await.unwrap();
    assert_eq!(a.stopped().await, StopReason::Finished);
    assert_eq!(diary.drain(), ["a 0", "a ends: it had finished"]);
}

#[tokio::test]
async fn abort_does_not_cut_its_terminate_short() {
    struct Thorough(Diary);
    impl Handler<u32> for Thorough {
        async fn handle_event(&mut self, _: &u32) -> Handled {
            pending().await
        }

        async fn terminate(&mut self, reason: &StopReason) {
            yield_now().await;
            self.0.record(reason.to_string());
        }
    }
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let handler = manager.add_handler("a", Thorough(diary.clone())).unwrap();
    manager.notify(1).await.unwrap();
    settle().await;
    handler.abort();
    assert_eq!(handler.stopped().await, StopReason::Aborted);
    assert_eq!(diary.drain(), ["it was aborted"]);
}

#[tokio::test]
async fn abort_during_a_swap_ends_the_handler() {
    // The hazard: the abort cut `terminate` short, and the successor took over.
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let a = manager.add_handler("a", Scribe::slow("a", &diary)).unwrap();
    let other = a.clone();
    let new = Scribe::new("b", &diary);
    let swap = tokio::spawn(a.swap(|_| new));
    settle().await;
    assert_eq!(
        diary.drain(),
        ["a ends: another handler has taken its place"]
    );
    other.abort();
    let aborted = SwapError::Stopped(StopReason::Aborted);
    assert_eq!(swap.await.unwrap().err(), Some(aborted));
    assert_eq!(other.stopped().await, StopReason::Aborted);
    assert!(manager.which_handlers().is_empty());
    assert!(diary.drain().is_empty(), "it is not told twice");
}

#[tokio::test]
async fn abort_before_a_swap_runs_terminate() {
    let manager = EventManager::<u32>::new(8);
    let diary = Diary::default();
    let a = manager.add_handler("a", Scribe::new("a", &diary)).unwrap();
    let other = a.clone();
    let mut swap = Box::pin(a.try_swap(Ok::<Scribe, Scribe>));
    assert!(poll!(&mut swap).is_pending());
    other.abort();
    let error = swap.await.unwrap_err();
    assert!(matches!(error, TrySwapError::Stopped(StopReason::Aborted)));
    assert_eq!(diary.drain(), ["a ends: it was aborted"]);
}

#[tokio::test]
async fn references_to_a_swapped_out_handler_abort_nothing() {
    let manager = EventManager::<u32>::new(8);
    let diary = Diary::default();
    let a = manager.add_handler("a", Scribe::new("a", &diary)).unwrap();
    let (old, new) = (a.clone(), Scribe::new("b", &diary));
    let b = a.swap(|_| new).await.unwrap();
    old.abort();
    assert_eq!(b.call(|b| b.name).await, Ok("b"));
}

#[tokio::test]
async fn a_restart_does_not_forget_a_pending_abort() {
    struct Fragile(Arc<OnceLock<HandlerRef<u32, Fragile>>>);
    impl Handler<u32> for Fragile {
        async fn handle_event(&mut self, _: &u32) -> Handled {
            self.0.get().unwrap().abort();
            std::panic::resume_unwind(Box::new("at the same moment"));
        }
    }
    let manager = EventManager::new(8);
    let itself = Arc::new(OnceLock::new());
    let make = {
        let itself = Arc::clone(&itself);
        move || Fragile(Arc::clone(&itself))
    };
    let always = Restart::on_failure(1_000, std::time::Duration::MAX);
    let handler = manager
        .add_handler_with(HandlerOptions::new("a").restart(always), make)
        .unwrap();
    assert!(itself.set(handler.clone()).is_ok());
    manager.notify(1).await.unwrap();
    assert_eq!(handler.stopped().await, StopReason::Aborted);
}

#[tokio::test]
async fn an_aborted_synchronous_member_receives_no_events() {
    let manager = EventManager::new(8);
    let group = manager.handler_group("group").unwrap();
    let (go, wait) = oneshot::channel::<()>();
    let mut wait = Some(wait);
    let slow = move |_: &u32| {
        let wait = wait.take();
        async move {
            if let Some(wait) = wait {
                wait.await.unwrap();
            }
        }
    };
    group.add_handler("slow", slow).unwrap();
    let (tx, seen) = channel();
    let quick = handler_fn(move |n: &u32| tx.send(*n).unwrap());
    let quick = group.add_handler("quick", quick).unwrap();
    manager.notify(1).await.unwrap();
    settle().await;
    quick.abort();
    go.send(()).unwrap();
    assert_eq!(quick.stopped().await, StopReason::Aborted);
    assert_eq!(seen.try_iter().count(), 0);
}

#[tokio::test]
async fn a_fully_handled_event_settles_before_an_abort() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let group = manager.handler_group("group").unwrap();
    let slow = group
        .add_handler("slow", Scribe::slow("slow", &diary))
        .unwrap();
    let (go, wait) = oneshot::channel::<()>();
    let mut wait = Some(wait);
    let last = move |_: &u32| {
        let wait = wait.take().unwrap();
        async move { wait.await.unwrap() }
    };
    group.add_handler("last", last).unwrap();
    let mut done = Box::pin(manager.sync_notify(1));
    assert!(poll!(&mut done).is_pending());
    settle().await;
    slow.abort();
    go.send(()).unwrap();
    settle().await;
    assert_eq!(diary.drain(), ["slow 1", "slow ends: it was aborted"]);
    let receipt = done.now_or_never().expect("not behind `terminate`");
    assert!(receipt.unwrap().all_acked());
}

#[tokio::test]
async fn flush_does_not_wait_for_terminate() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let a = manager.add_handler("a", Scribe::slow("a", &diary)).unwrap();
    manager.notify(1).await.unwrap();
    manager.notify(2).await.unwrap();
    let mut removal = Box::pin(a.clone().remove());
    assert!(poll!(&mut removal).is_pending());
    let mut flush = manager.flush();
    assert!(poll!(&mut flush).is_pending());
    manager.notify(3).await.unwrap(); // is read together with event 2
    settle().await;
    assert_eq!(diary.drain(), ["a 1", "a 2", "a ends: it was removed"]);
    assert_eq!(flush.now_or_never(), Some(Ok(())));
    a.abort();
    assert_eq!(
        removal.await.err(),
        Some(RemoveError::Stopped(StopReason::Aborted))
    );
}

#[tokio::test]
async fn removal_by_name_removes_the_swapped_in_handler() {
    let manager = EventManager::<u32>::new(8);
    let diary = Diary::default();
    let a = manager.add_handler("a", Scribe::new("a", &diary)).unwrap();
    let new = Scribe::new("b", &diary);
    let mut swap = Box::pin(a.swap(|_| new));
    assert!(poll!(&mut swap).is_pending());
    assert!(manager.remove_handler("a").await);
    let b = swap.await.unwrap();
    assert_eq!(b.stopped().now_or_never(), Some(StopReason::Removed));
    assert_eq!(
        diary.drain(),
        [
            "a ends: another handler has taken its place",
            "b ends: it was removed"
        ]
    );
}

// ---- Owners -------------------------------------------------------------------------------------

#[tokio::test]
async fn an_always_waking_owner_lets_other_tasks_run() {
    let manager = EventManager::new(8);
    let polls = Arc::new(AtomicUsize::new(0));
    let gone = Arc::new(AtomicBool::new(false));
    let owner = {
        let (polls, gone) = (Arc::clone(&polls), Arc::clone(&gone));
        poll_fn(move |cx| {
            polls.fetch_add(1, Ordering::Relaxed);
            cx.waker().wake_by_ref();
            cx.waker().wake_by_ref();
            if gone.load(Ordering::Relaxed) {
                return Poll::Ready(());
            }
            Poll::Pending
        })
    };
    let handler = manager
        .add_mon_handler("owned", handler_fn(|_: &u32| ()), owner)
        .unwrap();
    for _ in 0..3 {
        let before = polls.load(Ordering::Relaxed);
        settle().await;
        let polls = polls.load(Ordering::Relaxed) - before;
        assert!(0 < polls && polls < 100_000, "{polls}");
    }
    assert!(manager.sync_notify(1).await.unwrap().all_acked());
    gone.store(true, Ordering::Relaxed);
    assert_eq!(handler.stopped().await, StopReason::OwnerGone);
}

#[tokio::test]
async fn a_new_member_sees_events_before_its_owner_ends() {
    let manager = EventManager::new(8);
    let group = manager.handler_group("group").unwrap();
    let diary = Diary::default();
    let (owner, gone) = oneshot::channel::<()>();
    let handler = group
        .add_mon_handler("owned", Scribe::new("owned", &diary), gone)
        .unwrap();
    // The group's task has not run yet.
    manager.notify(1).await.unwrap();
    drop(owner);
    manager.notify(2).await.unwrap();
    assert_eq!(handler.stopped().await, StopReason::OwnerGone);
    assert_eq!(diary.drain(), ["owned 1", "owned ends: its owner is gone"]);
}
