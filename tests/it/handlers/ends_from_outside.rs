//! `disconnect`, `abort_handler` and `stop_now` end a handler, also while other calls start, end or
//! replace the handler.

use std::future::pending;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Wake, Waker};

use futures::FutureExt;
use genevent::future::{Closed, SyncNotify};
use genevent::{
    EventManager, Handled, Handler, HandlerOptions, Restart, StopReason, SubscribeOptions,
    SubscriberId,
};
use tokio::sync::oneshot;
use tokio::task::yield_now;

/// Hangs at event 0, and records all other events.
struct Stuck(Arc<Mutex<Vec<u32>>>);

impl Handler<u32> for Stuck {
    async fn handle_event(&mut self, n: &u32) -> Handled {
        self.0.lock().unwrap().push(*n);
        if *n == 0 {
            pending::<()>().await;
        }
        Ok(ControlFlow::Continue(()))
    }
}

fn stuck() -> Stuck {
    Stuck(Arc::default())
}

async fn yield_often() {
    for _ in 0..10 {
        yield_now().await;
    }
}

/// The options of an observer, without and with a filter.
fn observers() -> [HandlerOptions<u32>; 2] {
    let options = || HandlerOptions::new("a").subscribe(SubscribeOptions::new().observer());
    [options(), options().filter(|_| true)]
}

#[tokio::test]
async fn a_disconnect_aborts_a_stuck_observer() {
    for options in observers() {
        let manager = EventManager::new(4);
        let handler = manager.add_handler_with(options, stuck()).unwrap();
        manager.notify(0).await.unwrap();
        yield_often().await;
        assert!(manager.disconnect(handler.id()));
        assert_eq!(handler.stopped().await, StopReason::Aborted);
    }
}

#[tokio::test]
async fn stop_waits_for_no_observer() {
    for options in observers() {
        let manager = EventManager::new(4);
        let _handler = manager.add_handler_with(options, stuck()).unwrap();
        manager.notify(0).await.unwrap();
        yield_often().await;
        manager.stop().await.unwrap();
    }
}

#[tokio::test]
async fn an_abort_during_the_swap_reaches_the_successor() {
    let manager = EventManager::<u32>::new(4);
    let first = manager.add_handler("a", stuck()).unwrap();
    let other = manager.clone();
    let swapped = first.swap(move |_| {
        assert!(other.abort_handler("a"));
        stuck()
    });
    if let Ok(second) = swapped.await {
        assert_eq!(second.stopped().await, StopReason::Aborted);
    }
    assert!(manager.which_handlers().is_empty());
}

#[tokio::test]
async fn a_disconnect_as_the_swap_gets_ready_reaches_the_successor() {
    let manager = EventManager::<u32>::new(4);
    let first = manager.add_handler("a", stuck()).unwrap();
    let id = first.id();
    let (go, gone) = oneshot::channel::<()>();
    let swapped = first.swap_async(move |_| async move {
        gone.await.unwrap();
        stuck()
    });
    let swapped = tokio::spawn(swapped);
    yield_often().await;
    manager.notify(0).await.unwrap();
    go.send(()).unwrap();
    assert!(manager.disconnect(id));
    if let Ok(second) = swapped.await.unwrap() {
        assert_eq!(second.stopped().await, StopReason::Aborted);
    }
}

#[tokio::test]
async fn stop_now_in_a_factory_ends_what_it_makes() {
    let manager = EventManager::<u32>::new(8);
    let (other, log) = (manager.clone(), Arc::default());
    let seen = Arc::clone(&log);
    let factory = move || {
        other.try_notify(1).unwrap();
        other.try_notify(0).unwrap();
        other.stop_now();
        Stuck(Arc::clone(&log))
    };
    let options = HandlerOptions::new("a").restart(Restart::never());
    if let Ok(handler) = manager.add_handler_with(options, factory) {
        assert_eq!(handler.stopped().await, StopReason::Aborted);
    }
    assert!(seen.lock().unwrap().is_empty());
}

// ---- Ends that are seen before the abort --------------------------------------------------------

/// Waits for a signal over its first event, and for another in `terminate`.
struct Slow {
    first: Option<oneshot::Receiver<()>>,
    begun: mpsc::Sender<()>,
    rest: Option<oneshot::Receiver<()>>,
    terminated: Arc<Mutex<bool>>,
}

impl Handler<u32> for Slow {
    async fn handle_event(&mut self, _: &u32) -> Handled {
        if let Some(first) = self.first.take() {
            first.await.unwrap();
        }
        Ok(ControlFlow::Continue(()))
    }

    async fn terminate(&mut self, _: &StopReason) {
        self.begun.send(()).unwrap();
        self.rest.take().unwrap().await.unwrap();
        *self.terminated.lock().unwrap() = true;
    }
}

/// Is woken in the middle of the end from outside, and returns when the handler has begun to
/// terminate, or to exist.
struct Gate {
    open: Mutex<Option<oneshot::Sender<()>>>,
    begun: Mutex<mpsc::Receiver<()>>,
}

impl Wake for Gate {
    fn wake(self: Arc<Self>) {
        if let Some(open) = self.open.lock().unwrap().take() {
            open.send(()).unwrap();
            self.begun.lock().unwrap().recv().unwrap();
        }
    }
}

/// Ends a handler, and meanwhile calls the waker of a future waiting for an event unread by the
/// handler, or for the close.
async fn assert_terminates(
    end: fn(&EventManager<u32>, SubscriberId),
    wait: fn(&mut SyncNotify<'_, u32>, &mut Closed<'_, u32>, &mut Context<'_>),
) {
    let manager = EventManager::<u32>::new(8);
    let (open, first) = oneshot::channel();
    let (starts, has_started) = mpsc::channel();
    let (finish, rest) = oneshot::channel();
    let terminated = Arc::default();
    let slow = Slow {
        first: Some(first),
        begun: starts,
        rest: Some(rest),
        terminated: Arc::clone(&terminated),
    };
    let handler = manager.add_handler("a", slow).unwrap();
    manager.notify(1).await.unwrap();
    yield_often().await;
    let gate = Gate {
        open: Mutex::new(Some(open)),
        begun: Mutex::new(has_started),
    };
    let waker = Waker::from(Arc::new(gate));
    let (mut unread, mut closed) = (manager.sync_notify(2), manager.closed());
    wait(&mut unread, &mut closed, &mut Context::from_waker(&waker));
    let (other, id) = (manager.clone(), handler.id());
    let ended = tokio::task::spawn_blocking(move || end(&other, id));
    ended.await.unwrap();
    finish.send(()).unwrap();
    assert_eq!(handler.stopped().await, StopReason::Aborted);
    assert!(*terminated.lock().unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disconnect_does_not_cut_terminate_short() {
    assert_terminates(
        |manager, id| assert!(manager.disconnect(id)),
        |unread, _, cx| assert!(unread.poll_unpin(cx).is_pending()),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stop_now_does_not_cut_terminate_short() {
    assert_terminates(
        |manager, _| manager.stop_now(),
        |_, closed, cx| assert!(closed.poll_unpin(cx).is_pending()),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stop_now_aborts_a_handler_listed_during_the_close() {
    let manager = EventManager::<u32>::new(8);
    let first = manager.add_handler("first", stuck()).unwrap();
    let (subscribed, is_subscribed) = mpsc::channel();
    let (open, is_closed) = oneshot::channel();
    let mut is_closed = Some(is_closed);
    let (listed, is_listed) = mpsc::channel();
    let factory = move || {
        subscribed.send(()).unwrap();
        is_closed.take().unwrap().blocking_recv().unwrap();
        stuck()
    };
    let other = manager.clone();
    let adding = tokio::task::spawn_blocking(move || {
        let options = HandlerOptions::new("second").restart(Restart::never());
        let handler = other.add_handler_with(options, factory).unwrap();
        listed.send(()).unwrap();
        handler
    });
    is_subscribed.recv().unwrap();
    manager.notify(0).await.unwrap();
    let gate = Gate {
        open: Mutex::new(Some(open)),
        begun: Mutex::new(is_listed),
    };
    let waker = Waker::from(Arc::new(gate));
    let mut closed = manager.closed();
    let mut cx = Context::from_waker(&waker);
    assert!(closed.poll_unpin(&mut cx).is_pending());
    let other = manager.clone();
    let stopped = tokio::task::spawn_blocking(move || other.stop_now());
    stopped.await.unwrap();
    for handler in [first, adding.await.unwrap()] {
        assert_eq!(handler.stopped().await, StopReason::Aborted);
    }
}
