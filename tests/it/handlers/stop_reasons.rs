//! What `terminate` and `stopped` are told at each end of a handler, and which ends cut `terminate`
//! short.

use std::future::pending;
use std::ops::ControlFlow;
use std::time::Duration;

use futures::{FutureExt, poll};
use genevent::handler::{RemoveError, SwapError, TrySwapError};
use genevent::test_util::Probe;
use genevent::{EventManager, Handler, HandlerRef, Restart, StopReason};
use tokio::task::yield_now;

type Diary = Probe<String>;

/// Records when `terminate` begins and when it ends, which a `stuck` one never does. 0 is the last
/// event; 13 is a panic.
struct Scribe {
    diary: Diary,
    stuck: bool,
}

impl Handler<u32> for Scribe {
    async fn handle_event(&mut self, n: &u32) -> ControlFlow<()> {
        assert_ne!(*n, 13, "unlucky");
        match n {
            0 => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
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
async fn terminate_is_told_of_each_panic_and_stopped_of_the_last_one_alone() {
    let (manager, diary) = (EventManager::new(8), Diary::default());
    let factory = {
        let diary = diary.clone();
        move || Scribe {
            diary: diary.clone(),
            stuck: false,
        }
    };
    let once = Restart::on_failure(1, Duration::from_secs(1));
    let handler = manager.add_handler_with("a", factory, once).unwrap();
    let life = [
        "begins: it panicked: assertion `left != right` failed: unlucky\n  left: 13\n right: 13",
        "ends",
    ];
    manager.sync_notify(13).await.unwrap();
    settle().await;
    assert_eq!(diary.drain(), life);
    assert!(handler.stopped().now_or_never().is_none(), "restarted");
    manager.sync_notify(13).await.unwrap();
    assert!(matches!(handler.stopped().await, StopReason::Panicked(_)));
    assert_eq!(diary.drain(), life);
}

#[tokio::test]
async fn an_abort_amid_terminate_leaves_the_reason_as_it_was() {
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

    // The second abort cuts short what the first one has brought about.
    let (_manager, diary, handler) = scribe(true);
    handler.abort();
    settle().await;
    assert!(handler.stopped().now_or_never().is_none());
    handler.abort();
    assert_eq!(handler.stopped().await, StopReason::Aborted);
    assert_eq!(diary.drain(), ["begins: it was aborted"]);
}

#[tokio::test]
async fn an_abort_amid_the_terminate_of_a_swap_is_the_reason() {
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
async fn terminate_runs_to_its_end_for_an_abort_and_not_at_all_for_a_try_swap() {
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
async fn a_closure_that_panics_in_a_swap_is_the_reason_and_takes_the_handler_along() {
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
async fn an_owner_that_panics_is_gone() {
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
fn a_runtime_that_goes_amid_another_end_is_the_reason() {
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
