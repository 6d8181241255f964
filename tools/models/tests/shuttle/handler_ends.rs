//! Handlers and groups that end from outside, beside calls that replace or make them.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use genevent::handler::{CallError, SwapError, TrySwapError};
use genevent::{
    EventManager, Handled, Handler, HandlerOptions, HandlerRef, Restart, StopReason, SubscriberId,
    handler_fn,
};
use genevent_models::{model, spawn};
use shuttle::future::{block_on, yield_now};

#[test]
fn an_abort_by_name_beside_a_swap_ends_the_handler_with_the_name() {
    model(|| {
        block_on(async {
            let manager = EventManager::<u64>::new(2);
            let first = manager.add_handler("a", handler_fn(|_: &u64| ())).unwrap();
            let aborting = manager.clone();
            let aborting = spawn(async move { aborting.abort_handler("a") });
            let swapped = first.swap(|_| handler_fn(|_: &u64| ())).await;
            assert!(
                aborting.await.unwrap(),
                "a handler has the name all the time"
            );
            let reason = match swapped {
                Ok(second) => second.stopped().await,
                Err(SwapError::Stopped(reason)) => reason,
                Err(error) => panic!("{error}"),
            };
            assert_eq!(reason, StopReason::Aborted);
            assert!(manager.which_handlers().is_empty());
        });
    });
}

#[test]
fn a_handler_is_found_by_its_name_beside_a_swap() {
    model(|| {
        block_on(async {
            let manager = EventManager::<u64>::new(2);
            let first = manager.add_handler("a", handler_fn(|_: &u64| ())).unwrap();
            let asking = manager.clone();
            let asking = spawn(async move { asking.handler_by_name("a").is_some() });
            let second = first.swap(|_| handler_fn(|_: &u64| ())).await.unwrap();
            assert!(asking.await.unwrap(), "a handler has the name all the time");
            drop(second);
        });
    });
}

#[test]
fn a_group_made_beside_stop_now_is_refused_or_ends() {
    model(|| {
        block_on(async {
            let manager = EventManager::<u64>::new(2);
            let stopping = manager.clone();
            let stopping = spawn(async move { stopping.stop_now() });
            let group = manager.handler_group("group");
            stopping.await.unwrap();
            if let Ok(group) = group {
                group.stopped().await;
            }
            assert!(manager.which_handlers().is_empty());
        });
    });
}

/// How often handlers began and completed the `terminate` of an abort.
#[derive(Default)]
struct Terminated {
    began: AtomicU64,
    completed: AtomicU64,
}

impl Terminated {
    /// A second abort cuts `terminate` short.
    fn assert_complete(&self) {
        let [began, completed] = [&self.began, &self.completed];
        assert_eq!(
            began.load(Ordering::SeqCst),
            completed.load(Ordering::SeqCst)
        );
    }
}

/// A handler that takes several steps to end, and panics at event 1.
struct Slow(Arc<Terminated>);

impl Handler<u64> for Slow {
    async fn handle_event(&mut self, n: &u64) -> Handled {
        yield_now().await;
        if *n == 1 {
            std::panic::resume_unwind(Box::new("meant"));
        }
        Ok(ControlFlow::Continue(()))
    }

    async fn terminate(&mut self, reason: &StopReason) {
        if *reason == StopReason::Aborted {
            self.0.began.fetch_add(1, Ordering::SeqCst);
            for _ in 0..3 {
                yield_now().await;
            }
            self.0.completed.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// A handler alone, or in a group.
fn add_slow(
    manager: &EventManager<u64>,
    in_group: bool,
    told: &Arc<Terminated>,
) -> HandlerRef<u64, Slow> {
    let handler = Slow(Arc::clone(told));
    if in_group {
        let group = manager.handler_group("group").unwrap();
        group.add_handler("a", handler).unwrap()
    } else {
        manager.add_handler("a", handler).unwrap()
    }
}

/// Ends the handler from outside, beside a swap. The end is for the handler that has the name, and comes once.
fn a_swap_beside(end: impl Fn(&EventManager<u64>, SubscriberId) + Copy + Send + Sync + 'static) {
    for in_group in [false, true] {
        model(move || {
            block_on(async {
                let manager = EventManager::new(2);
                let told = Arc::new(Terminated::default());
                let first = add_slow(&manager, in_group, &told);
                let (ending, id) = (manager.clone(), first.id());
                let ending = spawn(async move { end(&ending, id) });
                let next = Slow(Arc::clone(&told));
                let reason = match first.swap(move |_| next).await {
                    Ok(second) => second.stopped().await,
                    Err(SwapError::Stopped(reason)) => reason,
                    Err(error) => panic!("{error}"),
                };
                assert_eq!(reason, StopReason::Aborted);
                ending.await.unwrap();
                manager.stop().await.unwrap();
                told.assert_complete();
            });
        });
    }
}

#[test]
fn stop_now_beside_a_swap_cuts_no_terminate_short() {
    a_swap_beside(|manager, _| manager.stop_now());
}

#[test]
fn a_disconnect_beside_a_swap_cuts_no_terminate_short() {
    a_swap_beside(|manager, id| assert!(manager.disconnect(id)));
}

#[test]
fn stop_now_beside_a_restart_cuts_no_terminate_short() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(2);
            let told = Arc::new(Terminated::default());
            let made = Arc::clone(&told);
            let options = HandlerOptions::new("a");
            let options = options.restart(Restart::on_failure(1, Duration::from_secs(9)));
            let handler = manager
                .add_handler_with(options, move || Slow(Arc::clone(&made)))
                .unwrap();
            let publisher = manager.clone();
            let publishing = spawn(async move { publisher.sync_notify(1).await });
            manager.stop_now();
            assert_eq!(handler.stopped().await, StopReason::Aborted);
            if let Ok(receipt) = publishing.await.unwrap() {
                assert_eq!(receipt.acked(), 0);
            }
            manager.stop().await.unwrap();
            told.assert_complete();
        });
    });
}

/// The handlers of a group that are added, removed and swapped beside the end of the group all end once.
#[test]
fn a_group_ends_beside_additions_swaps_and_removals() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(2);
            let told = Arc::new(Terminated::default());
            let group = manager.handler_group("group").unwrap();
            let [swapped, removed] =
                ["a", "b"].map(|name| group.add_handler(name, Slow(Arc::clone(&told))).unwrap());
            let swapping = spawn({
                let next = Slow(Arc::clone(&told));
                async move { swapped.swap(move |_| next).await.ok() }
            });
            let removing = spawn(async move { removed.remove().await.is_ok() });
            let adding = spawn({
                let (group, told) = (group.clone(), Arc::clone(&told));
                async move { group.add_handler("c", Slow(told)).ok() }
            });
            manager.handler_by_name("group").unwrap().abort();
            assert_eq!(group.stopped().await, StopReason::Aborted);
            assert!(group.which_handlers().is_empty());
            if let Some(handler) = swapping.await.unwrap() {
                assert_eq!(handler.stopped().await, StopReason::Aborted);
            }
            if let Some(handler) = adding.await.unwrap() {
                assert_eq!(handler.stopped().await, StopReason::Aborted);
            }
            removing.await.unwrap();
            manager.stop().await.unwrap();
            told.assert_complete();
        });
    });
}

#[test]
fn a_removal_by_name_beside_a_swap_ends_the_successor() {
    model(|| {
        block_on(async {
            let manager = EventManager::<u64>::new(2);
            let first = manager.add_handler("a", handler_fn(|_: &u64| ())).unwrap();
            let removing = manager.clone();
            let removing = spawn(async move { removing.remove_handler("a").await });
            let reason = match first.swap(|_| handler_fn(|_: &u64| ())).await {
                Ok(second) => second.stopped().await,
                Err(SwapError::Stopped(reason)) => reason,
                Err(error) => panic!("{error}"),
            };
            assert_eq!(reason, StopReason::Removed);
            assert!(removing.await.unwrap(), "a handler has the name");
            assert!(manager.which_handlers().is_empty());
        });
    });
}

#[test]
fn a_refused_swap_beside_an_abort_or_a_removal_keeps_or_ends_the_handler() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(2);
            let told = Arc::new(Terminated::default());
            let handler = add_slow(&manager, false, &told);
            let (aborted, removed) = (handler.clone(), handler.clone());
            let aborting = spawn(async move { aborted.abort() });
            let removing = spawn(async move { removed.remove().await.is_ok() });
            let refused = handler.clone().try_swap(|old| Err::<Slow, _>(old)).await;
            match refused {
                Err(TrySwapError::Refused(kept)) => assert_eq!(kept.id(), handler.id()),
                Err(TrySwapError::Stopped(reason)) => {
                    assert!([StopReason::Aborted, StopReason::Removed].contains(&reason));
                }
                other => panic!("{other:?}"),
            }
            aborting.await.unwrap();
            let was_removed = removing.await.unwrap();
            assert_eq!(
                handler.stopped().await == StopReason::Removed,
                was_removed,
                "a removed handler is given back"
            );
        });
    });
}

/// The owner stays in a swap, and its end is not lost in the meantime.
#[test]
fn an_owner_ends_the_successor_of_a_swap() {
    model(|| {
        block_on(async {
            let manager = EventManager::<u64>::new(2);
            let (owner, gone) = futures::channel::oneshot::channel::<()>();
            let first = manager
                .add_mon_handler("a", handler_fn(|_: &u64| ()), gone)
                .unwrap();
            let ending = spawn(async move { drop(owner) });
            let reason = match first.swap(|_| handler_fn(|_: &u64| ())).await {
                Ok(second) => second.stopped().await,
                Err(SwapError::Stopped(reason)) => reason,
                Err(error) => panic!("{error}"),
            };
            assert_eq!(reason, StopReason::OwnerGone);
            ending.await.unwrap();
        });
    });
}

#[test]
fn a_guard_a_call_and_a_weak_group_beside_the_last_handle() {
    model(|| {
        block_on(async {
            let manager = EventManager::<u64>::new(2);
            let group = manager.handler_group("group").unwrap();
            let weak = group.downgrade();
            let guard = group
                .add_handler("a", handler_fn(|_: &u64| ()))
                .unwrap()
                .drop_guard();
            let handler = (*guard).clone();
            let calling = spawn({
                let handler = handler.clone();
                async move { handler.call_async(|_| Box::pin(yield_now())).await }
            });
            let dropping = spawn(async move { drop(guard) });
            let upgrading = spawn(async move {
                weak.upgrade()
                    .map(|group| group.add_handler("b", handler_fn(|_: &u64| ())))
            });
            let ended = group.stopped();
            drop(group);
            assert_eq!(handler.stopped().await, StopReason::Removed);
            if let Err(error) = calling.await.unwrap() {
                assert_eq!(error, CallError::Stopped(StopReason::Removed));
            }
            dropping.await.unwrap();
            match upgrading.await.unwrap() {
                // The group lives on with its new handler.
                Some(Ok(other)) => drop(other.remove().await.unwrap()),
                Some(Err(error)) => panic!("{error}: the group had a handle"),
                None => {}
            }
            assert_eq!(ended.await, StopReason::Removed);
            manager.stop().await.unwrap();
        });
    });
}
