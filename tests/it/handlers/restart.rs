//! Handlers that restart after a panic.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use futures::FutureExt;
use genevent::handler::{AddHandlerError, CallError};
use genevent::{EventManager, Handled, Handler, HandlerOptions, HandlerRef, Restart, StopReason};

/// Records its events with the number of its life. Panics at multiples of 10.
struct Fragile {
    life: u32,
    tx: Sender<(u32, u32)>,
}

impl Handler<u32> for Fragile {
    async fn handle_event(&mut self, n: &u32) -> Handled {
        tokio::task::yield_now().await;
        assert!(n % 10 != 0, "{n} is too round");
        self.tx.send((self.life, *n)).unwrap();
        if *n == 99 {
            Ok(ControlFlow::Break(()))
        } else {
            Ok(ControlFlow::Continue(()))
        }
    }

    async fn terminate(&mut self, _: &StopReason) {
        self.tx.send((self.life, 0)).unwrap();
    }
}

type Seen = Receiver<(u32, u32)>;

fn add(manager: &EventManager<u32>, restart: Restart) -> (HandlerRef<u32, Fragile>, Seen) {
    let (tx, rx) = channel();
    let mut life = 0;
    let make = move || {
        life += 1;
        Fragile {
            life,
            tx: tx.clone(),
        }
    };
    let handler = manager
        .add_handler_with(HandlerOptions::new("fragile").restart(restart), make)
        .unwrap();
    (handler, rx)
}

#[tokio::test]
async fn a_restart_loses_and_repeats_no_event() {
    let manager = EventManager::new(64);
    let second = Duration::from_secs(1);
    let (handler, seen) = add(&manager, Restart::on_failure(5, second));
    for n in [1, 2, 10, 11, 12, 20] {
        manager.notify(n).await.unwrap();
    }
    let receipt = manager.sync_notify(30).await.unwrap();
    assert_eq!(receipt.dropped(), 1, "it crashed over that one");
    assert!(manager.sync_notify(31).await.unwrap().all_acked());
    let seen: Vec<_> = seen.try_iter().collect();
    assert_eq!(
        seen,
        [
            (1, 1),
            (1, 2),
            (1, 0),
            (2, 11),
            (2, 12),
            (2, 0),
            (3, 0),
            (4, 31)
        ]
    );
    assert_eq!(
        handler.call(|h| h.life).await,
        Ok(4),
        "the reference stays good"
    );
    assert_eq!(manager.which_handlers(), ["fragile"]);
    assert!(handler.stopped().now_or_never().is_none());
}

#[tokio::test]
async fn too_many_panics_end_the_handler() {
    let manager = EventManager::new(64);
    let (handler, seen) = add(&manager, Restart::on_failure(2, Duration::from_secs(1)));
    for n in [10, 20, 1] {
        assert!(manager.sync_notify(n).await.is_ok());
    }
    assert!(handler.stopped().now_or_never().is_none());
    manager.sync_notify(30).await.unwrap();
    let reason = StopReason::Panicked("30 is too round".into());
    assert_eq!(handler.stopped().now_or_never(), Some(reason));
    assert!(manager.which_handlers().is_empty());
    assert!(manager.sync_notify(2).await.unwrap().is_unheard());
    assert_eq!(seen.try_iter().last(), Some((3, 0)));
}

#[tokio::test(start_paused = true)]
async fn panics_far_apart_are_forgiven() {
    let manager = EventManager::new(64);
    let (handler, _seen) = add(&manager, Restart::on_failure(2, Duration::from_secs(10)));
    for _ in 0..6 {
        manager.sync_notify(10).await.unwrap();
        tokio::time::advance(Duration::from_secs(6)).await;
    }
    assert_eq!(handler.call(|h| h.life).await, Ok(7));
}

#[tokio::test(start_paused = true)]
async fn the_restart_period_includes_both_ends() {
    const WITHIN: Duration = Duration::from_secs(10);
    for (later, forgiven) in [(WITHIN, false), (WITHIN + Duration::from_nanos(1), true)] {
        let manager = EventManager::new(64);
        let (handler, _seen) = add(&manager, Restart::on_failure(1, WITHIN));
        manager.sync_notify(10).await.unwrap();
        tokio::time::advance(later).await;
        manager.sync_notify(10).await.unwrap();
        let stopped = handler.stopped().now_or_never();
        assert_eq!(stopped.is_none(), forgiven, "after {later:?}");
    }
}

#[tokio::test]
async fn never_restarts_neither_panics_nor_finished_handlers() {
    let manager = EventManager::new(64);
    let (handler, _seen) = add(&manager, Restart::never());
    manager.sync_notify(10).await.unwrap();
    assert!(matches!(handler.stopped().await, StopReason::Panicked(_)));

    let (handler, _seen) = add(&manager, Restart::on_failure(9, Duration::from_secs(1)));
    manager.sync_notify(99).await.unwrap();
    assert_eq!(handler.stopped().await, StopReason::Finished);
}

#[tokio::test]
async fn a_panicking_call_restarts_and_returns_the_panic() {
    let manager = EventManager::new(64);
    let (handler, _seen) = add(&manager, Restart::on_failure(1, Duration::from_secs(1)));
    let failed = handler.call(|_| panic!("no")).await;
    assert_eq!(failed, Err::<(), _>(CallError::Panicked("no".into())));
    assert_eq!(handler.call(|h| h.life).await, Ok(2));
}

#[tokio::test]
async fn a_panicking_factory_ends_the_handler() {
    // GenEvent case 25: when it is added, nothing is left behind.
    let manager = EventManager::<u32>::new(64);
    let adding = || {
        let make = || -> Fragile { panic!("no") };
        let _ = manager.add_handler_with(HandlerOptions::new("a").restart(Restart::never()), make);
    };
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(adding)).is_err());
    assert!(manager.which_handlers().is_empty());
    assert_eq!(manager.subscriber_count(), 0);

    let (tx, _rx) = channel();
    let mut before = false;
    let make = move || {
        assert!(!std::mem::replace(&mut before, true), "only once");
        Fragile {
            life: 1,
            tx: tx.clone(),
        }
    };
    let often = Restart::on_failure(9, Duration::from_secs(1));
    let handler = manager
        .add_handler_with(HandlerOptions::new("a").restart(often), make)
        .unwrap();
    manager.sync_notify(10).await.unwrap();
    assert_eq!(
        handler.stopped().await,
        StopReason::Panicked("only once".into())
    );
    manager.stop().await.unwrap();
}

#[tokio::test]
async fn a_refused_factory_is_returned_uncalled() {
    let manager = EventManager::<u32>::new(64);
    let _first = add(&manager, Restart::never());
    let calls = Arc::new(AtomicU32::new(0));
    let (tx, _rx) = channel();
    let counting = Arc::clone(&calls);
    let make = move || {
        counting.fetch_add(1, Ordering::SeqCst);
        Fragile {
            life: 0,
            tx: tx.clone(),
        }
    };
    let refused = manager.add_handler_with(
        HandlerOptions::new("fragile").restart(Restart::never()),
        make,
    );
    let Err(AddHandlerError::AlreadyPresent(make)) = refused else {
        panic!("it was added")
    };
    assert_eq!(calls.load(Ordering::SeqCst), 0);
    assert!(
        manager
            .add_handler_with(
                HandlerOptions::new("other").restart(Restart::never()),
                make.into_handler()
            )
            .is_ok()
    );
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_group_restarts_only_the_panicking_member() {
    let manager = EventManager::new(64);
    let group = manager.handler_group("group").unwrap();
    let (tx, seen) = channel();
    let mut life = 0;
    let make = move || {
        life += 1;
        Fragile {
            life,
            tx: tx.clone(),
        }
    };
    let often = Restart::on_failure(9, Duration::from_secs(1));
    group
        .add_handler_with(HandlerOptions::new("fragile").restart(often), make)
        .unwrap();
    let (all, others) = channel();
    let other = genevent::handler_fn(move |n: &u32| all.send(*n).unwrap());
    group.add_handler("other", other).unwrap();
    for n in [1, 10, 2] {
        let dropped = manager.sync_notify(n).await.unwrap().dropped();
        assert_eq!(dropped, usize::from(n == 10));
    }
    assert_eq!(
        seen.try_iter().collect::<Vec<_>>(),
        [(1, 1), (1, 0), (2, 2)]
    );
    assert_eq!(others.try_iter().collect::<Vec<_>>(), [1, 10, 2]);
}

#[tokio::test(start_paused = true)]
async fn abort_during_a_restart_ends_the_handler() {
    // The hazard: the abort only cut `terminate` short, and a new life began.
    struct Endless;

    impl Handler<u8> for Endless {
        async fn handle_event(&mut self, _: &u8) -> Handled {
            panic!("every event is too much");
        }

        async fn terminate(&mut self, _: &StopReason) {
            std::future::pending::<()>().await;
        }
    }

    let manager = EventManager::new(8);
    let restart = Restart::on_failure(5, std::time::Duration::from_secs(1));
    let handler = manager
        .add_handler_with(HandlerOptions::new("endless").restart(restart), || Endless)
        .unwrap();
    manager.notify(1).await.unwrap();
    for _ in 0..8 {
        tokio::task::yield_now().await;
    }
    handler.abort();
    assert_eq!(handler.stopped().await, StopReason::Aborted);
}
