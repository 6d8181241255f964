//! The reasons that `terminate` and `stopped` receive at each exit, and the exits that cut
//! `terminate` short.

use std::future::pending;
use std::ops::ControlFlow;
use std::time::Duration;

use futures::{FutureExt, poll};
use genevent::handler::{RemoveError, SwapError, TrySwapError};
use genevent::test_util::Probe;
use genevent::{EventManager, Handled, Handler, HandlerOptions, HandlerRef, Restart, StopReason};
use tokio::task::yield_now;

type Diary = Probe<String>;

/// Records when `terminate` begins and ends; a `stuck` handler's never ends. Event 0 ends the
/// handler; event 13 makes the handler panic.
struct Scribe {
    diary: Diary,
    stuck: bool,
}

impl Handler<u32> for Scribe {
    async fn handle_event(&mut self, n: &u32) -> Handled {
        assert_ne!(*n, 13, "unlucky");
        match n {
            0 => Ok(ControlFlow::Break(())),
            _ => Ok(ControlFlow::Continue(())),
        }
    }

    async fn terminate(&mut self, reason: &StopReason) {
        self.diary.record(format!("begins: {reason}"));
        if self.stuck {
            pending::<()>().await;
        }
        self.diary.record("ends".to_owned());
    }
}

fn scribe(stuck: bool) -> (EventManager<u32>, Diary, HandlerRef<u32, Scribe>) {
    let (manager, diary) = (EventManager::new(8), Diary::default());
    let handler = Scribe {
        diary: diary.clone(),
        stuck,
    };
    let handler = manager.add_handler("a", handler).unwrap();
    (manager, diary, handler)
}

async fn settle() {
    for _ in 0..8 {
        yield_now().await;
    }
}

#[tokio::test]
async fn terminate_tells_a_restart_from_an_end_and_stopped_is_told_the_end() {
    let (manager, diary) = (EventManager::new(8), Diary::default());
    let factory = {
        let diary = diary.clone();
        move || Scribe {
            diary: diary.clone(),
            stuck: false,
        }
    };
    let once = Restart::on_failure(1, Duration::from_secs(1));
    let handler = manager
        .add_handler_with(HandlerOptions::new("a").restart(once), factory)
        .unwrap();
    let restarted = [
        "begins: it panicked and is restarted: assertion `left != right` failed: unlucky\n  left: 13\n right: 13",
        "ends",
    ];
    let life = [
        "begins: it panicked: assertion `left != right` failed: unlucky\n  left: 13\n right: 13",
        "ends",
    ];
    manager.sync_notify(13).await.unwrap();
    settle().await;
    assert_eq!(diary.drain(), restarted, "and not the end");
    assert!(handler.stopped().now_or_never().is_none(), "restarted");
    manager.sync_notify(13).await.unwrap();
    assert!(matches!(handler.stopped().await, StopReason::Panicked(_)));
    assert_eq!(diary.drain(), life);
}

#[tokio::test]
async fn abort_during_terminate_keeps_the_reason() {
    let (manager, diary, handler) = scribe(true);
    manager.notify(0).await.unwrap();
    settle().await;
    handler.abort();
    assert_eq!(handler.stopped().await, StopReason::Finished);
    assert_eq!(diary.drain(), ["begins: it had finished"]);

    let (_manager, diary, handler) = scribe(true);
    let stopped = handler.stopped();
    let aborting = handler.clone();
    let mut removing = Box::pin(handler.remove());
    assert!(poll!(&mut removing).is_pending());
    settle().await;
    aborting.abort();
    let aborted = RemoveError::Stopped(StopReason::Aborted);
    assert_eq!(removing.await.err(), Some(aborted));
    assert_eq!(stopped.await, StopReason::Removed);
    assert_eq!(diary.drain(), ["begins: it was removed"]);

    // The second abort cuts short the `terminate` that the first abort began.
    let (_manager, diary, handler) = scribe(true);
    handler.abort();
    settle().await;
    assert!(handler.stopped().now_or_never().is_none());
    handler.abort();
    assert_eq!(handler.stopped().await, StopReason::Aborted);
    assert_eq!(diary.drain(), ["begins: it was aborted"]);
}

#[tokio::test]
async fn abort_during_the_terminate_of_swap_decides() {
    let (_manager, diary, handler) = scribe(true);
    let aborting = handler.clone();
    let mut swapping = Box::pin(handler.swap(|old| old));
    assert!(poll!(&mut swapping).is_pending());
    settle().await;
    aborting.abort();
    let aborted = SwapError::Stopped(StopReason::Aborted);
    assert_eq!(swapping.await.err(), Some(aborted));
    assert_eq!(aborting.stopped().await, StopReason::Aborted);
    let swapped = "begins: another handler has taken its place";
    assert_eq!(diary.drain(), [swapped], "and it is not called again");
}

#[tokio::test]
async fn abort_completes_terminate_and_try_swap_skips_terminate() {
    let (_manager, diary, handler) = scribe(false);
    handler.abort();
    assert_eq!(handler.stopped().await, StopReason::Aborted);
    assert_eq!(diary.drain(), ["begins: it was aborted", "ends"]);

    let (_manager, diary, handler) = scribe(false);
    let old = handler.stopped();
    let swapped = handler.try_swap(Ok::<_, Scribe>).await;
    assert!(swapped.is_ok());
    assert_eq!(old.await, StopReason::Swapped);
    assert_eq!(diary.drain(), [""; 0]);
}

#[tokio::test]
async fn a_panicking_swap_closure_decides_the_reason() {
    let (manager, diary, handler) = scribe(false);
    let stopped = handler.stopped();
    let swapped = handler.swap(|_| -> Scribe { panic!("no new one") }).await;
    let reason = StopReason::Panicked("no new one".into());
    assert_eq!(swapped.err(), Some(SwapError::Stopped(reason.clone())));
    assert_eq!(stopped.await, reason);
    let once = ["begins: another handler has taken its place", "ends"];
    assert_eq!(diary.drain(), once);
    assert!(manager.which_handlers().is_empty());

    let (_manager, diary, handler) = scribe(false);
    let refuse = |_| -> Result<Scribe, Scribe> { panic!("no new one") };
    let swapped = handler.try_swap(refuse).await;
    assert!(matches!(swapped, Err(TrySwapError::Stopped(stopped)) if stopped == reason));
    assert_eq!(diary.drain(), [""; 0], "the closure had the handler");
}

#[tokio::test]
async fn a_panicking_owner_counts_as_gone() {
    let (manager, diary) = (EventManager::<u32>::new(8), Diary::default());
    let handler = Scribe {
        diary: diary.clone(),
        stuck: false,
    };
    let owner = async {
        yield_now().await;
        panic!("the owner");
    };
    let handler = manager.add_mon_handler("a", handler, owner).unwrap();
    assert_eq!(handler.stopped().await, StopReason::OwnerGone);
    assert_eq!(diary.drain(), ["begins: its owner is gone", "ends"]);
}

#[test]
fn shutdown_during_another_exit_decides_the_reason() {
    let (diary, stopped) = {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.build().unwrap();
        runtime.block_on(async {
            let (manager, diary, handler) = scribe(true);
            manager.notify(0).await.unwrap();
            settle().await;
            (diary, handler.stopped())
        })
    };
    assert_eq!(stopped.now_or_never(), Some(StopReason::Aborted));
    assert_eq!(diary.drain(), ["begins: it had finished"]);
}
