//! A handler with a filter is neither woken nor waited for over other events.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use genevent::error::{NotifyError, TryNotifyError};
use genevent::test_util::Probe;
use genevent::{
    DisconnectCause, EventManager, Handled, Handler, HandlerOptions, Restart, StopReason,
    SubscriberKind, handler_fn,
};
use tokio::runtime::Handle;
use tokio::task::yield_now;
use tokio_test::{assert_pending, assert_ready, task};

use super::{closed_gate, even, gated};

#[tokio::test]
async fn nobody_waits_for_a_handler_over_other_events() {
    let manager = EventManager::new(2);
    let (go, seen) = closed_gate();
    manager
        .add_handler_with(even("even"), gated(&go, &seen))
        .unwrap();
    let mut second = task::spawn(manager.sync_notify(2));
    assert_pending!(second.poll());
    yield_now().await; // the handler is stuck at event 2
    for n in [1, 3, 5, 7, 9] {
        let receipt = manager.sync_notify(n).now_or_never();
        assert!(receipt.unwrap().unwrap().is_unheard());
    }
    // Events 4 and 6 fill the window; other events still have room.
    assert_eq!(manager.try_notify(4), Ok(1));
    assert_eq!(manager.try_notify(6), Ok(1));
    assert_eq!(manager.try_notify(8), Err(TryNotifyError::Full(8)));
    assert_eq!(manager.try_notify(11), Ok(0));
    go.add_permits(9);
    assert_eq!(second.await.unwrap().acked(), 1);
    manager.flush().await.unwrap();
    assert_eq!(seen.drain(), [2, 4, 6]);
    let info = manager.subscribers().remove(0);
    assert_eq!(
        (info.kind(), info.name()),
        (SubscriberKind::Handler, Some("even"))
    );
}

/// A wake-up from another thread is in the queue of the runtime, which is busy with this test.
#[tokio::test]
async fn a_handler_is_not_woken_by_other_events() {
    let manager = EventManager::new(8);
    let seen = Probe::new();
    manager
        .add_handler_with(even("even"), seen.clone())
        .unwrap();
    yield_now().await; // the handler is parked
    let publish = |n| {
        let manager = manager.clone();
        let publisher = std::thread::spawn(move || manager.try_notify(n));
        (
            publisher.join().unwrap(),
            Handle::current().metrics().global_queue_depth(),
        )
    };
    assert_eq!(publish(1), (Ok(0), 0));
    assert_eq!(publish(3), (Ok(0), 0));
    assert_eq!(publish(4), (Ok(1), 1));
    manager.flush().await.unwrap();
    assert_eq!(seen.drain(), [4]);
}

#[tokio::test]
async fn commands_keep_their_position_among_wanted_events() {
    let manager = EventManager::new(8);
    let (go, seen) = closed_gate();
    let handler = manager
        .add_handler_with(even("even"), gated(&go, &seen))
        .unwrap();
    manager.try_notify(2).unwrap();
    yield_now().await;
    let mut calls = Vec::new();
    for n in 3..=6 {
        let seen = seen.clone();
        let mut call = task::spawn(handler.call(move |_| seen.drain()));
        assert_pending!(call.poll());
        calls.push(call);
        manager.try_notify(n).unwrap();
    }
    go.add_permits(9);
    let mut answers = Vec::new();
    for call in calls {
        answers.push(call.await.unwrap());
    }
    assert_eq!(answers, [vec![2], vec![], vec![4], vec![]]);
    // Behind the last wanted event, although no event is left to wake the handler.
    manager.try_notify(7).unwrap();
    let last = seen.clone();
    assert_eq!(handler.call(move |_| last.drain()).await, Ok(vec![6]));
}

#[tokio::test]
async fn swaps_removals_and_ends_are_as_without_a_filter() {
    let manager = EventManager::new(8);
    let seen = Probe::new();
    let quiet = handler_fn(|_: &u32| ());
    let even_only = manager.add_handler_with(even("even"), quiet).unwrap();
    manager.notify(2).await.unwrap();
    let swapped = even_only.swap({
        let seen = seen.clone();
        |_| seen
    });
    let swapped = swapped.await.unwrap();
    for n in 3..=6 {
        manager.notify(n).await.unwrap();
    }
    assert!(swapped.remove().await.is_ok());
    assert_eq!(seen.drain(), [4, 6], "the filter stays");
    assert_eq!(manager.sync_notify(8).await.unwrap().acked(), 0);

    let closing = manager
        .add_handler_with(even("even"), seen.clone())
        .unwrap();
    manager.notify(10).await.unwrap();
    manager.stop().await.unwrap();
    assert_eq!(closing.stopped().await, StopReason::ManagerClosed);
    assert_eq!(seen.drain(), [10], "stored before");
    assert!(manager.add_handler_with(even("late"), seen).is_err());
}

#[tokio::test]
async fn an_abort_drops_the_wanted_events() {
    let manager = EventManager::new(8);
    let (go, seen) = closed_gate();
    let handler = manager
        .add_handler_with(even("even"), gated(&go, &seen))
        .unwrap();
    let mut receipts: Vec<_> = [2, 4].map(|n| task::spawn(manager.sync_notify(n))).into();
    for receipt in &mut receipts {
        assert_pending!(receipt.poll());
    }
    yield_now().await;
    assert!(manager.disconnect(handler.id()));
    assert_eq!(handler.stopped().await, StopReason::Aborted);
    for receipt in receipts {
        assert_eq!(receipt.await.unwrap().dropped(), 1);
    }
    manager.stop().await.unwrap();
}

/// Publishes the next even number, past the full window of one event.
struct Chain(genevent::WeakEventManager<u32>, Probe<u32>);

impl Handler<u32> for Chain {
    async fn handle_event(&mut self, n: &u32) -> Handled {
        self.1.record(*n);
        let manager = self.0.upgrade().unwrap();
        if *n < 6 {
            manager.try_notify(n + 1).unwrap();
            assert_eq!(manager.notify(n + 2).await, Ok(1));
            let sync = manager.sync_notify(0).await;
            assert_eq!(sync, Err(NotifyError::WouldDeadlock(0)));
            assert!(manager.flush().await.is_err());
        }
        Ok(ControlFlow::Continue(()))
    }
}

#[tokio::test]
async fn publishing_inside_never_waits() {
    let manager = EventManager::new(1);
    let seen = Probe::new();
    let chain = Chain(manager.downgrade(), seen.clone());
    manager.add_handler_with(even("chain"), chain).unwrap();
    manager.notify(2).await.unwrap();
    manager.quiet().await.unwrap();
    assert_eq!(seen.drain(), [2, 4, 6]);
}

#[tokio::test]
async fn a_restart_keeps_the_filter_and_the_owner() {
    let manager = EventManager::new(8);
    let seen = Probe::new();
    let make = {
        let seen = seen.clone();
        move || {
            let seen = seen.clone();
            handler_fn(move |n: &u32| {
                assert_ne!(*n, 4, "four");
                seen.record(*n);
            })
        }
    };
    let (owner, gone) = tokio::sync::oneshot::channel::<()>();
    let once = Restart::on_failure(1, Duration::from_secs(60));
    let options = even("even").restart(once).owner(gone);
    let handler = manager.add_handler_with(options, make).unwrap();
    for (n, settled) in [
        (1, (0, 0)),
        (2, (1, 0)),
        (4, (0, 1)),
        (5, (0, 0)),
        (6, (1, 0)),
    ] {
        let receipt = manager.sync_notify(n).await.unwrap();
        assert_eq!((receipt.acked(), receipt.dropped()), settled, "event {n}");
    }
    drop(owner);
    assert_eq!(handler.stopped().await, StopReason::OwnerGone);
    assert_eq!(seen.drain(), [2, 6]);
}

#[tokio::test]
async fn a_panicking_filter_disconnects_its_handler() {
    let manager = EventManager::new(8);
    let seen = Probe::new();
    let picky = HandlerOptions::new("picky").filter(|n: &u32| {
        assert_ne!(*n, 13, "thirteen");
        true
    });
    let handler = manager.add_handler_with(picky, seen.clone()).unwrap();
    manager.notify(1).await.unwrap();
    assert_eq!(manager.notify(13).await, Ok(0));
    let panicked = StopReason::Disconnected(DisconnectCause::Panicked);
    assert_eq!(handler.stopped().await, panicked);
    assert_eq!(seen.drain(), [1], "stored before");
    assert!(manager.which_handlers().is_empty());
}

#[tokio::test]
async fn a_refused_handler_drops_its_filter() {
    let manager = EventManager::new(8);
    manager
        .add_handler("log", handler_fn(|_: &u32| ()))
        .unwrap();
    let held = Arc::new(());
    let own = Arc::clone(&held);
    let options = HandlerOptions::new("log").filter(move |_: &u32| Arc::strong_count(&own) > 1);
    let refused = manager.add_handler_with(options, handler_fn(|_: &u32| ()));
    assert_eq!(refused.unwrap_err().name(), "log");
    assert_eq!(Arc::strong_count(&held), 1);
    assert_eq!(manager.subscriber_count(), 1);
}

#[tokio::test]
async fn an_event_is_let_go_before_it_counts_as_finished() {
    let manager = EventManager::new(8);
    let options = HandlerOptions::new("log").filter(|_: &Arc<u32>| true);
    let log = manager
        .add_handler_with(options, handler_fn(|_: &Arc<u32>| ()))
        .unwrap();
    let event = Arc::new(1);
    manager.sync_notify(Arc::clone(&event)).await.unwrap();
    log.call(|_| ()).await.unwrap();
    manager.flush().await.unwrap();
    assert_eq!(Arc::strong_count(&event), 1);
}

/// An event of which each clone panics when it is dropped.
struct Bomb {
    is_clone: bool,
}

impl Clone for Bomb {
    fn clone(&self) -> Self {
        Self { is_clone: true }
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        if self.is_clone {
            std::panic::resume_unwind(Box::new("dropped"));
        }
    }
}

#[tokio::test]
async fn a_panicking_drop_of_an_event_harms_nobody() {
    let manager = EventManager::new(8);
    let seen = Probe::new();
    let counting = handler_fn({
        let seen = seen.clone();
        move |_: &Bomb| seen.record(())
    });
    let options = HandlerOptions::new("log").filter(|_: &Bomb| true);
    let log = manager.add_handler_with(options, counting).unwrap();
    for _ in 0..3 {
        let receipt = manager.sync_notify(Bomb { is_clone: false }).await;
        assert_eq!(receipt.unwrap().acked(), 1);
    }
    assert_eq!(seen.drain().len(), 3);
    manager.try_notify(Bomb { is_clone: false }).unwrap();
    log.abort();
    assert_eq!(log.stopped().await, StopReason::Aborted);
    manager.stop().await.unwrap();
}

#[tokio::test]
async fn acknowledged_means_received() {
    let manager = EventManager::new(8);
    let (go, seen) = closed_gate();
    manager
        .add_handler_with(even("even"), gated(&go, &seen))
        .unwrap();
    assert_eq!(manager.ack_notify(2).await.unwrap().acked(), 1);
    let mut flush = task::spawn(manager.flush());
    assert_pending!(flush.poll());
    go.add_permits(1);
    yield_now().await;
    yield_now().await;
    assert!(assert_ready!(flush.poll()).is_ok());
}
