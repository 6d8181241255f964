//! A call that would wait for its own handler returns an error instead of hanging.
//!
//! `GenEvent` cases 138, 139, 141, 142, 160.

mod moved_inside;

use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{FutureExt, SinkExt, StreamExt};
use genevent::error::{
    DeadlineError, NotifyError, ReserveError, TryNotifyError, WaitError, WouldDeadlock,
};
use genevent::handler::{CallError, RemoveError, SwapError, TrySwapError};
use genevent::{
    EventManager, Handled, Handler, HandlerOptions, HandlerRef, StopReason, SubscribeOptions,
    WeakEventManager, handler_fn,
};
use tokio::sync::oneshot;
use tokio::task::yield_now;

type Work = Box<dyn FnOnce(EventManager<u32>) -> BoxFuture<'static, ()> + Send>;

/// Runs its closure with its own manager while handling its first event, and sends the events on.
struct Inside {
    manager: WeakEventManager<u32>,
    work: Option<Work>,
    tx: Sender<u32>,
}

impl Handler<u32> for Inside {
    async fn handle_event(&mut self, n: &u32) -> Handled {
        if let Some(work) = self.work.take() {
            work(self.manager.upgrade().expect("it is held")).await;
        }
        self.tx.send(*n).unwrap();
        Ok(ControlFlow::Continue(()))
    }
}

fn inside<F>(
    manager: &EventManager<u32>,
    work: impl FnOnce(EventManager<u32>) -> F + Send + 'static,
) -> (Inside, Receiver<u32>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let (tx, rx) = channel();
    let handler = Inside {
        manager: manager.downgrade(),
        work: Some(Box::new(|manager| work(manager).boxed())),
        tx,
    };
    (handler, rx)
}

/// Runs `work` in a handler over event 1, in a manager of this capacity.
async fn run<F>(
    capacity: usize,
    work: impl FnOnce(EventManager<u32>) -> F + Send + 'static,
) -> (EventManager<u32>, HandlerRef<u32, Inside>, Receiver<u32>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let manager = EventManager::new(capacity);
    let (handler, seen) = inside(&manager, work);
    let handler = manager.add_handler("inside", handler).unwrap();
    let receipt = manager.sync_notify(1).await.unwrap();
    assert!(receipt.all_acked(), "the work did not panic");
    (manager, handler, seen)
}

#[tokio::test]
async fn notify_inside_is_seen_after_the_current_event() {
    let (manager, _handler, seen) = run(8, async |manager| {
        assert_eq!(manager.notify(2).await, Ok(1));
        assert_eq!(manager.try_notify(3), Ok(1));
    })
    .await;
    manager.flush().await.unwrap();
    assert_eq!(seen.try_iter().collect::<Vec<_>>(), [1, 2, 3]);
}

#[tokio::test]
async fn sync_notify_inside_returns_the_event() {
    let (manager, _handler, seen) = run(8, async |manager| {
        let error = manager.sync_notify(2).await.unwrap_err();
        assert!(matches!(error, NotifyError::WouldDeadlock(2)));
        assert_eq!(error.to_string(), "the handler would wait for itself");
        let error = manager.ack_notify(3).await.unwrap_err();
        assert_eq!(error.into_event(), 3);
        let error = manager.sync_notify(4).within(Duration::from_secs(1)).await;
        assert!(matches!(error, Err(DeadlineError::WouldDeadlock(4))));
        // Calls to other managers are not refused.
        let other = EventManager::new(1);
        other
            .add_handler("other", handler_fn(|_: &u32| ()))
            .unwrap();
        assert_eq!(other.sync_notify(5).await.unwrap().acked(), 1);
    })
    .await;
    manager.flush().await.unwrap();
    assert_eq!(
        seen.try_iter().collect::<Vec<_>>(),
        [1],
        "nothing was stored"
    );
}

#[tokio::test]
async fn an_observer_may_wait_for_acknowledgements() {
    let manager = EventManager::new(8);
    let (observer, seen) = inside(&manager, async |manager| {
        assert_eq!(manager.sync_notify(2).await.unwrap().acked(), 0);
        assert_eq!(manager.ack_notify(3).await.unwrap().acked(), 0);
    });
    let options = SubscribeOptions::new().observer();
    let options = HandlerOptions::new("observer").subscribe(options);
    let handler = manager.add_handler_with(options, observer).unwrap();
    assert_eq!(manager.notify(1).await, Ok(1));
    // The call comes after event 1, and the removal after the events published meanwhile.
    handler.call(|_| ()).await.unwrap();
    assert!(handler.remove().await.is_ok());
    assert_eq!(seen.try_iter().collect::<Vec<_>>(), [1, 2, 3]);
}

#[tokio::test]
async fn flush_and_stop_inside_do_nothing() {
    let (manager, _handler, _seen) = run(8, async |manager| {
        let flushed = manager.flush().await;
        assert!(matches!(flushed, Err(WouldDeadlock { .. })));
        let stopped = manager.stop().await;
        assert!(matches!(stopped, Err(WouldDeadlock { .. })));
        let error = manager
            .flush()
            .within(Duration::from_secs(1))
            .await
            .unwrap_err();
        assert!(matches!(error, WaitError::WouldDeadlock));
        assert!(
            error.waiting_for().is_empty(),
            "no other subscriber is waited for"
        );
        let error = manager
            .stop()
            .within(Duration::from_secs(1))
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), "the handler would wait for itself");
        assert!(!manager.is_closed());
    })
    .await;
    manager.stop().await.unwrap();
}

#[tokio::test]
async fn a_handler_may_close_its_manager() {
    let (_manager, handler, _seen) = run(8, async |manager| {
        manager.close();
        assert_eq!(manager.sync_notify(2).await, Err(NotifyError::Closed(2)));
    })
    .await;
    assert_eq!(handler.stopped().await, StopReason::ManagerClosed);
}

#[tokio::test]
async fn calling_itself_changes_nothing() {
    let (manager, handler, _seen) = run(8, async |manager| {
        let itself = manager.handler::<Inside>("inside").unwrap();
        assert_eq!(itself.call(|_| ()).await, Err(CallError::WouldDeadlock));
        let removed = itself.clone().remove().await;
        assert_eq!(removed.err(), Some(RemoveError::WouldDeadlock));
        let swapped = itself.clone().swap(|old| old).await;
        assert_eq!(swapped.err(), Some(SwapError::WouldDeadlock));
        let error = itself.clone().try_swap(Ok::<Inside, _>).await.unwrap_err();
        assert!(matches!(error, TrySwapError::WouldDeadlock));
        assert_eq!(manager.which_handlers(), ["inside"]);
        let added = manager.add_handler("more", handler_fn(|_: &u32| ()));
        assert_eq!(added.unwrap().call(|_| 7).await, Ok(7), "not itself");
    })
    .await;
    assert_eq!(manager.which_handlers(), ["inside", "more"]);
    assert!(handler.call(|_| ()).await.is_ok());
}

#[tokio::test]
async fn a_member_cannot_call_its_group() {
    let manager = EventManager::new(8);
    let group = manager.handler_group("group").unwrap();
    let other = group
        .add_handler("other", handler_fn(|_: &u32| ()))
        .unwrap();
    let (handler, seen) = inside(&manager, async move |manager| {
        assert_eq!(other.call(|_| ()).await, Err(CallError::WouldDeadlock));
        assert_eq!(other.remove().await.err(), Some(RemoveError::WouldDeadlock));
        assert!(manager.sync_notify(2).await.is_err());
        assert_eq!(manager.notify(3).await, Ok(2));
    });
    group.add_handler("inside", handler).unwrap();
    manager.notify(1).await.unwrap();
    manager.flush().await.unwrap();
    manager.stop().await.unwrap();
    assert_eq!(seen.try_iter().collect::<Vec<_>>(), [1, 3]);
}

#[tokio::test]
async fn publishing_inside_goes_past_its_own_full_window() {
    let (manager, _handler, seen) = run(1, async |manager| {
        assert_eq!(manager.notify(2).await, Ok(1));
        assert_eq!(manager.notify(3).await, Ok(1));
        assert_eq!(manager.try_notify(4), Ok(1));
        assert_eq!(manager.reserve().await.unwrap().notify(5), 1);
        assert_eq!(manager.sink().send(6).await, Ok(()));
    })
    .await;
    manager.flush().await.unwrap();
    assert_eq!(seen.try_iter().collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn publishing_inside_leaves_no_filter_blocking() {
    let manager = EventManager::new(1);
    let (handler, _seen) = inside(&manager, async |manager| {
        assert_eq!(
            manager.notify(2).await,
            Ok(2),
            "it is full, and so is the filter's queue"
        );
        assert_eq!(manager.notify(4).await, Ok(2));
        drop(manager.reserve().await.unwrap());
    });
    let even = manager.subscribe_filter(|n| n % 2 == 0);
    let handler = manager.add_handler("inside", handler).unwrap();
    assert!(manager.sync_notify(1).await.unwrap().all_acked());
    handler.call(|_| ()).await.unwrap();
    assert_eq!(manager.try_notify(3), Ok(1), "the filter does not want it");
    assert_eq!(manager.try_notify(6), Err(TryNotifyError::Full(6)));
    assert_eq!(even.len(), 2);
}

#[tokio::test]
async fn a_sync_sink_is_not_flushed_inside() {
    let (manager, _handler, seen) = run(8, async |manager| {
        let mut sink = manager.sync_sink();
        sink.feed(2).await.unwrap();
        assert_eq!(sink.flush().await, Err(ReserveError::WouldDeadlock));
    })
    .await;
    manager.flush().await.unwrap();
    assert_eq!(seen.try_iter().collect::<Vec<_>>(), [1, 2], "it was sent");
}

#[tokio::test]
async fn notify_inside_goes_past_another_full_subscriber() {
    let manager = EventManager::new(2);
    let (handler, seen) = inside(&manager, async |manager| {
        assert_eq!(manager.notify(3).await, Ok(2));
    });
    manager.add_handler("inside", handler).unwrap();
    let mut slow = manager.subscribe();
    manager.notify(1).await.unwrap();
    manager.notify(2).await.unwrap();
    yield_now().await; // the handler has handled both events
    assert_eq!(slow.len(), 3);
    assert_eq!(manager.try_notify(4), Err(TryNotifyError::Full(4)));
    manager.close();
    assert_eq!(slow.by_ref().collect::<Vec<_>>().await, [1, 2, 3]);
    manager.stop().await.unwrap();
    assert_eq!(seen.try_iter().collect::<Vec<_>>(), [1, 2, 3]);
}

/// Other publishers are queued for room at another subscriber. What the handler publishes goes
/// before their events.
#[tokio::test]
async fn notify_inside_goes_ahead_of_queued_publishers() {
    let manager = EventManager::new(2);
    let (go, wait) = oneshot::channel::<()>();
    let (handler, seen) = inside(&manager, async move |manager| {
        wait.await.unwrap();
        assert_eq!(manager.notify(100).await, Ok(2));
    });
    manager.add_handler("inside", handler).unwrap();
    let slow = manager.subscribe();
    manager.notify(1).await.unwrap();
    yield_now().await; // the event is in flight
    manager.notify(2).await.unwrap();
    let waiting = [3, 4].map(|n| {
        let manager = manager.clone();
        tokio::spawn(async move { manager.notify(n).await })
    });
    yield_now().await;
    assert_eq!(manager.stats().waiting_publishers(), 2);
    go.send(()).unwrap();
    yield_now().await;
    assert_eq!(slow.len(), 3);
    let reading = tokio::spawn(slow.collect::<Vec<_>>());
    for publisher in waiting {
        assert_eq!(publisher.await.unwrap(), Ok(2));
    }
    manager.stop().await.unwrap();
    assert_eq!(seen.try_iter().collect::<Vec<_>>(), [1, 2, 100, 3, 4]);
    assert_eq!(reading.await.unwrap(), [1, 2, 100, 3, 4]);
}

#[tokio::test]
async fn terminate_does_not_wait_for_itself() {
    struct Last(WeakEventManager<u32>, Sender<bool>);
    impl Handler<u32> for Last {
        async fn handle_event(&mut self, _: &u32) -> Handled {
            Ok(ControlFlow::Continue(()))
        }
        async fn terminate(&mut self, _: &StopReason) {
            let manager = self.0.upgrade().unwrap();
            let stopped = manager.stop().await;
            let synced = manager.sync_notify(2).await;
            self.1.send(stopped.is_err() && synced.is_err()).unwrap();
        }
    }
    let manager = EventManager::new(8);
    let (tx, rx) = channel();
    let last = manager
        .add_handler("last", Last(manager.downgrade(), tx))
        .unwrap();
    assert!(last.remove().await.is_ok());
    assert_eq!(rx.try_recv(), Ok(true));
}

#[tokio::test(start_paused = true)]
async fn a_spawned_task_deadlocks_until_its_deadline() {
    run(8, async |manager| {
        let task = tokio::spawn(async move {
            let second = Duration::from_secs(1);
            let late = manager.sync_notify(2).within(second).await.unwrap_err();
            assert_eq!(late.waiting_for()[0].name(), Some("inside"));
        });
        task.await.unwrap();
    })
    .await;
}
