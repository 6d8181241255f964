//! Features that `GenEvent` has functions for, built from the functions of this crate: replacing or
//! removing itself, changing the owner, pausing, reporting a failure.

use std::ops::ControlFlow;

use futures::{FutureExt, StreamExt, poll};
use genevent::handler::SwapError;
use genevent::test_util::Probe;
use genevent::{EventManager, Handled, Handler, HandlerGuard, HandlerRef, StopReason, handler_fn};
use tokio::sync::{oneshot, watch};
use tokio::task::{JoinHandle, yield_now};

/// The records of handlers.
type Diary = Probe<String>;

/// Records its events and its end. Event 13 makes the handler panic.
struct Scribe {
    name: &'static str,
    diary: Diary,
    /// The guard of the handler itself, if the handler may end itself.
    guard: Option<HandlerGuard<u32, Scribe>>,
}

impl Scribe {
    fn new(name: &'static str, diary: &Diary) -> Self {
        Self {
            name,
            diary: diary.clone(),
            guard: None,
        }
    }
}

impl Handler<u32> for Scribe {
    async fn handle_event(&mut self, n: &u32) -> Handled {
        self.diary.record(format!("{} {n}", self.name));
        assert_ne!(*n, 13, "unlucky");
        Ok(ControlFlow::Continue(()))
    }

    async fn terminate(&mut self, reason: &StopReason) {
        self.diary.record(format!("{} ends: {reason}", self.name));
    }
}

// ---- Replacing itself ---------------------------------------------------------------------------

/// Swaps itself for a `Scribe` at its first event.
struct Herald {
    manager: EventManager<u32>,
    fails: bool,
    task: oneshot::Sender<JoinHandle<Result<HandlerRef<u32, Scribe>, SwapError>>>,
    diary: Diary,
}

/// Acts as a herald at its first event only.
struct Once(Option<Herald>);

impl Handler<u32> for Once {
    async fn handle_event(&mut self, _: &u32) -> Handled {
        if let Some(herald) = self.0.take() {
            let itself = herald.manager.handler::<Once>("role").unwrap();
            // A task may wait for the handler, which continues, and is swapped after this event.
            let swap = itself.swap(move |_| {
                assert!(!herald.fails, "no successor");
                Scribe::new("successor", &herald.diary)
            });
            let mut swap = Box::pin(swap);
            let task = tokio::spawn(async move { swap.as_mut().await });
            assert!(herald.task.send(task).is_ok());
            yield_now().await; // The swap is queued now.
        }
        Ok(ControlFlow::Continue(()))
    }
}

async fn heralded(fails: bool) -> (EventManager<u32>, Diary, Result<(), SwapError>) {
    let (manager, diary) = (EventManager::new(8), Diary::default());
    let (task, tasked) = oneshot::channel();
    let herald = Herald {
        manager: manager.clone(),
        fails,
        task,
        diary: diary.clone(),
    };
    let first = manager.add_handler("role", Once(Some(herald))).unwrap();
    let last = Scribe::new("last", &diary);
    manager.add_handler("last", last).unwrap();
    manager.sync_notify(1).await.unwrap();
    let swapped = tasked.await.unwrap().await.unwrap().map(drop);
    let reported = first.stopped().await;
    let reason = match &swapped {
        Err(SwapError::Stopped(reason)) => reason.clone(),
        Err(error) => panic!("{error}"),
        Ok(()) => StopReason::Swapped,
    };
    assert_eq!(reason, reported);
    manager.sync_notify(2).await.unwrap();
    (manager, diary, swapped)
}

// GenEvent case 81.
#[tokio::test]
async fn a_handler_may_swap_itself() {
    let (manager, diary, swapped) = heralded(false).await;
    assert_eq!(swapped, Ok(()));
    assert_eq!(
        manager.which_handlers(),
        ["role", "last"],
        "in the same place"
    );
    let mut seen = diary.drain();
    seen.sort_unstable();
    assert_eq!(seen, ["last 1", "last 2", "successor 2"]);
}

// GenEvent case 81.
#[tokio::test]
async fn a_panicking_swap_of_itself_reports_the_panic() {
    let (manager, diary, swapped) = heralded(true).await;
    let reason = StopReason::Panicked("no successor".into());
    assert_eq!(swapped, Err(SwapError::Stopped(reason)));
    assert_eq!(manager.which_handlers(), ["last"]);
    assert_eq!(diary.drain(), ["last 1", "last 2"]);
}

// ---- Removing itself ----------------------------------------------------------------------------

// GenEvent case 101.
#[tokio::test]
async fn a_call_may_remove_its_own_handler() {
    let (manager, diary) = (EventManager::new(8), Diary::default());
    let a = manager.add_handler("a", Scribe::new("a", &diary)).unwrap();
    let guard = a.clone().drop_guard();
    a.call(|a| a.guard = Some(guard)).await.unwrap();
    manager.notify(1).await.unwrap();
    let answer = a.call(|a| {
        a.guard = None;
        "goodbye"
    });
    assert_eq!(answer.await, Ok("goodbye"));
    assert_eq!(a.stopped().await, StopReason::Removed);
    assert_eq!(diary.drain(), ["a 1", "a ends: it was removed"]);
    assert!(manager.which_handlers().is_empty());
}

// ---- Another owner ------------------------------------------------------------------------------

// GenEvent case 90.
#[tokio::test]
async fn a_swap_may_change_the_owner() {
    let (manager, diary) = (EventManager::new(8), Diary::default());
    let old = manager
        .add_handler("a", Scribe::new("old", &diary))
        .unwrap();
    let old_owner = old.drop_guard();
    let reported = old_owner.stopped();

    // The old owner gives it up, and hears that it was swapped.
    let new = Scribe::new("new", &diary);
    let new_owner = old_owner.disarm().swap(|_| new).await.unwrap().drop_guard();
    assert_eq!(reported.await, StopReason::Swapped);
    manager.sync_notify(1).await.unwrap();

    // Later reports go to the new owner.
    let reported = new_owner.stopped();
    drop(new_owner);
    assert_eq!(reported.await, StopReason::Removed);
    assert_eq!(
        diary.drain(),
        [
            "old ends: another handler has taken its place",
            "new 1",
            "new ends: it was removed"
        ]
    );
}

// ---- A pause ------------------------------------------------------------------------------------

// GenEvent case 148.
#[tokio::test]
async fn events_queue_while_a_handler_is_paused() {
    let manager = EventManager::new(2);
    let diary = Diary::default();
    let (pause, paused) = watch::channel(true);
    let pausable = {
        let diary = diary.clone();
        move |n: &u32| {
            let (n, diary, mut paused) = (*n, diary.clone(), paused.clone());
            async move {
                paused.wait_for(|paused| !paused).await.unwrap();
                diary.record(n.to_string());
            }
        }
    };
    manager.add_handler("pausable", pausable).unwrap();
    manager.notify(1).await.unwrap();
    yield_now().await; // the event is in flight
    manager.notify(2).await.unwrap();
    manager.notify(3).await.unwrap();
    let mut more = Box::pin(manager.notify(4));
    assert!(poll!(&mut more).is_pending(), "the queue is bounded");
    assert!(diary.drain().is_empty());

    pause.send(false).unwrap();
    more.await.unwrap();
    manager.flush().await.unwrap();
    assert_eq!(diary.drain(), ["1", "2", "3", "4"]);
}

// ---- Reports ------------------------------------------------------------------------------------

/// Reports the failure of a handler, with its name and the cause.
fn report(diary: &Diary, handler: &HandlerRef<u32, Scribe>) -> JoinHandle<()> {
    let (diary, name, stopped) = (diary.clone(), handler.name().to_owned(), handler.stopped());
    tokio::spawn(async move {
        if let StopReason::Panicked(cause) = stopped.await {
            diary.record(format!("{name} failed: {cause}"));
        }
    })
}

// GenEvent case 65.
#[tokio::test]
async fn only_failures_are_reported_with_their_cause() {
    let (manager, diary, reports) = (EventManager::new(8), Diary::default(), Diary::default());
    let [a, b, c, d] = ["a", "b", "c", "d"].map(|name| {
        manager
            .add_handler(name, Scribe::new(name, &diary))
            .unwrap()
    });
    let reported: Vec<_> = [&a, &b, &c, &d].map(|h| report(&reports, h)).into();
    assert!(a.remove().await.is_ok());
    assert!(b.swap(|_| handler_fn(|_: &u32| ())).await.is_ok());
    assert!(c.call(|_| ()).await.is_ok());
    // The receipt also names the handlers that dropped the event.
    let dropped = manager.sync_notify(13).await.unwrap().dropped();
    assert_eq!(dropped, 2);
    manager.stop().await.unwrap();
    futures::stream::iter(reported)
        .for_each(|reported| reported.map(Result::unwrap))
        .await;
    let mut reports = reports.drain();
    reports.sort_unstable();
    let cause = "assertion `left != right` failed: unlucky\n  left: 13\n right: 13";
    assert_eq!(
        reports,
        [format!("c failed: {cause}"), format!("d failed: {cause}")]
    );
    assert!(
        diary
            .drain()
            .contains(&format!("c ends: it panicked: {cause}"))
    );
}
