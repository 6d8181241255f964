//! Ends of handlers that meet: an abort and another end, an owner's end and an event, the end of
//! the runtime and any of these.

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
use genevent::{EventManager, Handler, HandlerRef, Restart, StopReason, handler_fn};
use tokio::sync::oneshot;
use tokio::task::yield_now;

/// What handlers note.
type Diary = Probe<String>;

/// Notes its events and its end, for which it takes its time if it is `slow`. 0 ends it.
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
    async fn handle_event(&mut self, n: &u32) -> ControlFlow<()> {
        self.diary.record(format!("{} {n}", self.name));
        if let Some(itself) = self.itself.get() {
            itself.abort();
        }
        match n {
            0 => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
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
async fn an_abort_that_is_pending_when_terminate_begins_does_not_skip_it() {
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
async fn an_abort_does_not_cut_short_the_terminate_that_it_brings_about() {
    struct Thorough(Diary);
    impl Handler<u32> for Thorough {
        async fn handle_event(&mut self, _: &u32) -> ControlFlow<()> {
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
async fn an_abort_amid_a_swap_ends_the_handler() {
    // Before: it cut `terminate` short, and the new one took over.
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
async fn an_abort_that_comes_before_a_swap_ends_the_handler_with_its_terminate() {
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
async fn a_reference_to_what_was_swapped_out_aborts_nobody() {
    let manager = EventManager::<u32>::new(8);
    let diary = Diary::default();
    let a = manager.add_handler("a", Scribe::new("a", &diary)).unwrap();
    let (old, new) = (a.clone(), Scribe::new("b", &diary));
    let b = a.swap(|_| new).await.unwrap();
    old.abort();
    assert_eq!(b.call(|b| b.name).await, Ok("b"));
}

#[tokio::test]
async fn an_abort_amid_an_event_that_it_panics_over_is_not_forgotten_by_a_new_life() {
    struct Fragile(Arc<OnceLock<HandlerRef<u32, Fragile>>>);
    impl Handler<u32> for Fragile {
        async fn handle_event(&mut self, _: &u32) -> ControlFlow<()> {
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
    let handler = manager.add_handler_with("a", make, always).unwrap();
    assert!(itself.set(handler.clone()).is_ok());
    manager.notify(1).await.unwrap();
    assert_eq!(handler.stopped().await, StopReason::Aborted);
}

#[tokio::test]
async fn an_aborted_member_gets_no_more_events_though_it_needs_no_future_for_them() {
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
async fn an_event_that_all_have_handled_is_settled_before_one_of_them_is_aborted() {
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
async fn a_flush_does_not_wait_for_the_end_of_a_handler_that_has_handled_it_all() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let a = manager.add_handler("a", Scribe::slow("a", &diary)).unwrap();
    manager.notify(1).await.unwrap();
    manager.notify(2).await.unwrap();
    let mut removal = Box::pin(a.clone().remove());
    assert!(poll!(&mut removal).is_pending());
    let mut flush = manager.flush();
    assert!(poll!(&mut flush).is_pending());
    manager.notify(3).await.unwrap(); // is read together with the second one
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
async fn a_removal_by_name_that_meets_a_swap_removes_who_has_the_name_then() {
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
async fn an_owner_that_wakes_itself_at_every_poll_leaves_others_their_turn() {
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
async fn a_member_on_its_way_in_sees_what_is_stored_before_its_owner_ends() {
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
