//! User code around handlers: `Drop`s and wakers that panic, several at once, or call functions that
//! would wait for the dropping handler.

use std::future::{Future, pending, poll_fn};
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures::FutureExt;
use genevent::error::WouldDeadlock;
use genevent::handler::{CallError, RemoveError, SwapError};
use genevent::{
    EventManager, Handled, Handler, HandlerGroup, HandlerOptions, Restart, StopReason, handler_fn,
};
use tokio::task::yield_now;

/// A panic not printed by the hook.
fn silent_panic() {
    std::panic::resume_unwind(Box::new("foreign code panics"));
}

/// Runs its closure when dropped.
struct OnDrop(Arc<dyn Fn() + Send + Sync>);

impl OnDrop {
    fn new(hook: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(hook))
    }
}

impl Clone for OnDrop {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl Drop for OnDrop {
    fn drop(&mut self) {
        (self.0)();
    }
}

impl Handler<u32> for OnDrop {
    async fn handle_event(&mut self, n: &u32) -> Handled {
        match n {
            0 => Ok(ControlFlow::Break(())),
            13 => std::panic::resume_unwind(Box::new("thirteen")),
            99 => pending().await,
            _ => Ok(ControlFlow::Continue(())),
        }
    }
}

/// Never resolves, and drops `hook` when dropped.
async fn holding(hook: OnDrop) {
    pending::<()>().await;
    drop(hook);
}

/// A waker whose `wake` panics.
struct BadWaker;

impl Wake for BadWaker {
    fn wake(self: Arc<Self>) {
        silent_panic();
    }
}

fn poll_badly<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(&Waker::from(Arc::new(BadWaker))))
}

async fn settle() {
    for _ in 0..8 {
        yield_now().await;
    }
}

/// A group with every droppable part, each with `hook`: two handlers with their
/// owners, a handler made by a factory, and calls that are never made.
fn furnish(manager: &EventManager<u32>, hook: &OnDrop) -> HandlerGroup<u32> {
    let group = manager.handler_group("group").unwrap();
    for name in ["a", "b"] {
        let owner = holding(hook.clone());
        group.add_mon_handler(name, hook.clone(), owner).unwrap();
    }
    let made = hook.clone();
    let factory = move || made.clone();
    let twice = Restart::on_failure(2, Duration::from_secs(1));
    group
        .add_handler_with(HandlerOptions::new("made").restart(twice), factory)
        .unwrap();
    group
}

/// Makes `n` calls to the handler, with panicking wakers.
fn ask(group: &HandlerGroup<u32>, hook: &OnDrop, n: usize) {
    let a = group.handler::<OnDrop>("a").unwrap();
    for _ in 0..n {
        let (a, hook) = (a.clone(), hook.clone());
        let call = async move { a.call(move |_| drop(hook)).await };
        let mut call = Box::pin(call);
        assert!(poll_badly(call.as_mut()).is_pending());
        // Keep the future, so its waker is called.
        std::mem::forget(call);
    }
}

#[test]
fn any_number_of_drops_may_panic_at_shutdown() {
    for turns in [0, 8] {
        let manager = EventManager::new(8);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let hook = OnDrop::new(silent_panic);
        let group = runtime.block_on(async {
            let group = furnish(&manager, &hook);
            manager.notify(99).await.unwrap(); // in flight at the first handler
            for _ in 0..turns {
                yield_now().await;
            }
            ask(&group, &hook, 3);
            group
        });
        drop(runtime);
        assert_eq!(group.stopped().now_or_never(), Some(StopReason::Aborted));
        assert!(group.which_handlers().is_empty());
        assert!(manager.which_handlers().is_empty());
        assert!(manager.stop().now_or_never().is_some());
        std::mem::forget(hook);
    }
}

#[tokio::test]
async fn panicking_drops_of_an_ending_group_harm_nothing() {
    let manager = EventManager::new(8);
    let hook = OnDrop::new(silent_panic);
    let group = furnish(&manager, &hook);
    settle().await;
    manager.notify(13).await.unwrap();
    settle().await;
    assert_eq!(group.which_handlers(), ["made"]);
    assert!(manager.remove_handler("group").await);
    assert_eq!(group.stopped().await, StopReason::Removed);
    manager.stop().await.unwrap();
    std::mem::forget(hook);
}

#[tokio::test]
async fn a_call_and_its_waker_may_both_panic() {
    // The second panic came while the first panic unwound.
    let manager = EventManager::<u32>::new(8);
    let a = manager.add_handler("a", handler_fn(|_: &u32| ())).unwrap();
    let mut call = Box::pin(a.call(|_| silent_panic()));
    assert!(poll_badly(call.as_mut()).is_pending());
    assert!(matches!(a.stopped().await, StopReason::Panicked(_)));
    assert!(matches!(call.await, Err(CallError::Panicked(_))));
}

#[tokio::test]
async fn requests_to_an_ended_handler_are_dropped_safely() {
    let manager = EventManager::<u32>::new(8);
    let group = manager.handler_group("group").unwrap();
    let plain = OnDrop::new(|| ());
    let a = group.add_handler("a", plain.clone()).unwrap();
    let b = group.add_handler("b", plain).unwrap();
    assert!(a.clone().remove().await.is_ok());
    let hook = OnDrop::new(silent_panic);
    let (one, two) = (hook.clone(), hook.clone());
    let mut call = Box::pin(a.call(move |_| drop(one)));
    let mut swap = Box::pin(a.clone().swap(move |_| two));
    let mut removal = Box::pin(a.clone().remove());
    assert!(poll_badly(call.as_mut()).is_pending());
    assert!(poll_badly(swap.as_mut()).is_pending());
    assert!(poll_badly(removal.as_mut()).is_pending());
    assert!(b.call(|_| ()).await.is_ok(), "the others go on");
    let removed = StopReason::Removed;
    assert_eq!(call.await, Err(CallError::Stopped(removed.clone())));
    assert_eq!(swap.await.err(), Some(SwapError::Stopped(removed.clone())));
    assert_eq!(removal.await.err(), Some(RemoveError::Stopped(removed)));
    std::mem::forget(hook);
}

#[tokio::test]
async fn a_panicking_waker_does_not_hide_the_owner() {
    let manager = EventManager::<u32>::new(8);
    let (bad, reported) = (Arc::new(BadWaker), Arc::new(Mutex::new(None::<Waker>)));
    let kept = Arc::clone(&reported);
    let end = poll_fn(
        move |cx| match kept.lock().unwrap().replace(cx.waker().clone()) {
            None => Poll::Pending,
            Some(_) => Poll::Ready(()),
        },
    );
    let handler = manager
        .add_mon_handler("owned", handler_fn(|_: &u32| ()), end)
        .unwrap();
    let mut stopped = Box::pin(handler.stopped());
    let waker = Waker::from(bad);
    assert!(
        stopped
            .poll_unpin(&mut Context::from_waker(&waker))
            .is_pending()
    );
    reported.lock().unwrap().take().unwrap().wake();
    assert_eq!(handler.stopped().await, StopReason::OwnerGone);
    assert_eq!(stopped.await, StopReason::OwnerGone);
}

// ---- Drops inside of the handler ----------------------------------------------------------------

/// Records the results of calls that would wait for the handler.
fn asking(manager: &EventManager<u32>, tx: &Sender<bool>) -> OnDrop {
    let (manager, tx) = (manager.downgrade(), Mutex::new(tx.clone()));
    OnDrop::new(move || {
        if let Some(manager) = manager.upgrade() {
            let stopped = manager.stop().now_or_never();
            tx.lock()
                .unwrap()
                .send(matches!(stopped, Some(Err(WouldDeadlock { .. }))))
                .unwrap();
        }
    })
}

#[tokio::test]
async fn drops_in_the_handlers_task_cannot_deadlock() {
    let manager = EventManager::<u32>::new(8);
    let (tx, answers) = channel();
    let hook = asking(&manager, &tx);
    let group = furnish(&manager, &hook);
    group.add_handler("other", |_: &u32| yield_now()).unwrap();
    settle().await;

    // The drops of two handlers and their owners.
    manager.notify(13).await.unwrap();
    settle().await;
    assert_eq!(group.which_handlers(), ["made", "other"]);
    let reported: Vec<_> = answers.try_iter().collect();
    assert_eq!(
        reported, [true; 5],
        "and the first life of the one that is made anew"
    );

    // A factory with its handler.
    manager.notify(0).await.unwrap();
    settle().await;
    assert_eq!(group.which_handlers(), ["other"]);
    assert_eq!(answers.try_iter().collect::<Vec<_>>(), [true; 2]);

    // Requests to an ended handler.
    let gone = group.add_handler("gone", OnDrop::new(|| ())).unwrap();
    assert!(gone.clone().remove().await.is_ok());
    let captured = hook.clone();
    assert!(gone.call(move |_| drop(captured)).await.is_err());
    assert_eq!(answers.try_iter().collect::<Vec<_>>(), [true]);
    assert!(!manager.is_closed());
    drop(group);
    manager.close();
    drop(manager);
}

#[tokio::test]
async fn an_aborted_member_is_dropped_inside_its_task() {
    struct Awaiting(OnDrop);
    impl Handler<u32> for Awaiting {
        async fn handle_event(&mut self, _: &u32) -> Handled {
            holding(self.0.clone()).await;
            Ok(ControlFlow::Continue(()))
        }
    }
    let manager = EventManager::<u32>::new(8);
    let (tx, answers) = channel();
    let hook = asking(&manager, &tx);
    let group = manager.handler_group("group").unwrap();
    let stuck = group.add_handler("stuck", Awaiting(hook)).unwrap();
    manager.notify(1).await.unwrap();
    settle().await;
    stuck.abort();
    assert_eq!(stuck.stopped().await, StopReason::Aborted);
    settle().await;
    assert_eq!(answers.try_iter().collect::<Vec<_>>(), [true, true]);
}
