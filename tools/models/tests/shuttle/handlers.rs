//! Handlers: exits, swaps and groups.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use genevent::{
    Cause, EventManager, Handled, Handler, HandlerOptions, Restart, StopReason, WeakEventManager,
    handler_fn,
};
use genevent_models::{model, spawn};
use shuttle::future::block_on;

#[test]
fn calls_during_the_exit_are_answered() {
    model(|| {
        block_on(async {
            let manager = EventManager::<u64>::new(2);
            let handler = manager.add_handler("a", handler_fn(|_: &u64| ())).unwrap();
            let callers = [1, 2].map(|_| {
                let handler = handler.clone();
                spawn(async move { while handler.call(|_| ()).await.is_ok() {} })
            });
            manager.notify(1).await.unwrap();
            drop(manager);
            for caller in callers {
                caller.await.unwrap();
            }
            assert_eq!(handler.stopped().await, StopReason::ManagerClosed);
        });
    });
}

#[test]
fn concurrent_exits_report_one_reason() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(1);
            let (owner, gone) = futures::channel::oneshot::channel::<()>();
            let seen = Arc::new(AtomicU64::new(0));
            let sum = Arc::clone(&seen);
            let handler = handler_fn(move |n: &u64| _ = sum.fetch_add(*n, Ordering::SeqCst));
            let group = manager.handler_group("group").unwrap();
            let handler = group.add_mon_handler("a", handler, gone).unwrap();
            let (removed, aborted) = (handler.clone(), handler.clone());
            let publisher = manager.clone();
            let others = [
                spawn(async move { drop(removed.remove().await) }),
                spawn(async move { aborted.abort() }),
                spawn(async move { drop(owner) }),
                spawn(async move { drop(publisher.sync_notify(1).await.unwrap()) }),
            ];
            let reason = handler.stopped().await;
            assert!(matches!(
                reason,
                StopReason::Removed | StopReason::Aborted | StopReason::OwnerGone
            ));
            let then = seen.load(Ordering::SeqCst);
            for other in others {
                other.await.unwrap();
            }
            drop(group);
            manager.stop().await.unwrap();
            assert_eq!(seen.load(Ordering::SeqCst), then, "nothing after the end");
        });
    });
}

#[test]
fn a_swap_separates_two_events() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(2);
            let (old, new) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
            let counting = |count: &Arc<AtomicU64>| {
                let count = Arc::clone(count);
                handler_fn(move |_: &u64| _ = count.fetch_add(1, Ordering::SeqCst))
            };
            let handler = manager.add_handler("a", counting(&old)).unwrap();
            let publisher = manager.clone();
            let publishing = spawn(async move {
                for n in 1..=3 {
                    publisher.notify(n).await.unwrap();
                }
            });
            let next = counting(&new);
            handler.swap(|_| next).await.unwrap();
            let before = old.load(Ordering::SeqCst);
            publishing.await.unwrap();
            manager.stop().await.unwrap();
            assert_eq!(old.load(Ordering::SeqCst), before);
            assert_eq!(before + new.load(Ordering::SeqCst), 3);
        });
    });
}

/// A task finds a handler by its name, and calls the handler, also while the handler is being added.
#[test]
fn a_member_found_by_name_has_joined() {
    type Quiet = genevent::handler::HandlerFn<fn(&u64)>;
    model(|| {
        block_on(async {
            let manager = EventManager::<u64>::new(8);
            let group = Arc::new(manager.handler_group("group").unwrap());
            let asking = Arc::clone(&group);
            let asking = spawn(async move {
                match asking.handler::<Quiet>("a") {
                    Some(found) => found.call(|_| ()).await.is_ok(),
                    None => true,
                }
            });
            let quiet: Quiet = handler_fn(|_| ());
            let _a = group.add_handler("a", quiet).unwrap();
            assert!(asking.await.unwrap());
        });
    });
}

/// `stop` waits for every successfully added handler, in every interleaving of `stop` and
/// `add_handler`.
fn stopped_handlers_have_ended(
    add: impl Fn(&EventManager<u64>) -> Option<BoxFuture<'static, StopReason>> + Send + Sync + 'static,
) {
    model(move || {
        block_on(async {
            let manager = EventManager::<u64>::new(2);
            let closing = manager.clone();
            let stopping = spawn(async move { closing.stop().await.unwrap() });
            let added = add(&manager);
            stopping.await.unwrap();
            if let Some(stopped) = added {
                let reason = stopped.now_or_never();
                assert_eq!(reason, Some(StopReason::ManagerClosed), "`stop` returned");
            }
        });
    });
}

#[test]
fn stop_waits_for_a_just_added_handler() {
    stopped_handlers_have_ended(|manager| {
        let added = manager.add_handler("a", handler_fn(|_: &u64| ()));
        Some(added.ok()?.stopped().boxed())
    });
}

#[test]
fn stop_waits_for_a_just_added_restartable_handler() {
    stopped_handlers_have_ended(|manager| {
        let factory = || handler_fn(|_: &u64| ());
        let restart = Restart::on_failure(1, Duration::from_secs(1));
        let added = manager.add_handler_with(HandlerOptions::new("a").restart(restart), factory);
        Some(added.ok()?.stopped().boxed())
    });
}

#[test]
fn stop_waits_for_a_just_added_owned_handler() {
    stopped_handlers_have_ended(|manager| {
        let owner = std::future::pending::<()>();
        let added = manager.add_mon_handler("a", handler_fn(|_: &u64| ()), owner);
        Some(added.ok()?.stopped().boxed())
    });
}

#[test]
fn stop_waits_for_a_just_added_group() {
    stopped_handlers_have_ended(|manager| {
        let group = manager.handler_group("group").ok()?;
        let handler = group.add_handler("a", handler_fn(|_: &u64| ()));
        Some(
            async move {
                if let Ok(handler) = handler {
                    let reason = handler.stopped().now_or_never();
                    assert_eq!(reason, Some(StopReason::ManagerClosed), "`stop` returned");
                }
                group.stopped().await
            }
            .boxed(),
        )
    });
}

/// Publishes 9 inside of the handler at event 1, and counts the refusals.
struct Publishing {
    manager: WeakEventManager<u64>,
    refused: Arc<AtomicU64>,
}

impl Handler<u64> for Publishing {
    async fn handle_event(&mut self, n: &u64) -> Handled {
        if *n == 1 {
            let manager = self.manager.upgrade().unwrap();
            let stored = manager.notify(9).await;
            let refused = u64::from(stored.is_err());
            self.refused.fetch_add(refused, Ordering::SeqCst);
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// A permit holds the only room. The event of a used permit fills the handler's window; a dropped
/// permit leaves room.
#[test]
fn a_permit_used_or_dropped_resumes_a_handler() {
    for is_used in [false, true] {
        model(move || {
            block_on(async {
                let manager = EventManager::new(1);
                let refused = Arc::new(AtomicU64::new(0));
                let handler = Publishing {
                    manager: manager.downgrade(),
                    refused: Arc::clone(&refused),
                };
                let handler = manager.add_handler("a", handler).unwrap();
                manager.notify(1).await.unwrap();
                let permit = manager.reserve().await.unwrap();
                let ending = spawn(async move {
                    if is_used {
                        permit.notify(2);
                    }
                });
                handler.call(|_| ()).await.unwrap();
                ending.await.unwrap();
                manager.stop().await.unwrap();
                if !is_used {
                    assert_eq!(
                        refused.load(Ordering::SeqCst),
                        0,
                        "it never waits for itself"
                    );
                }
            });
        });
    }
}

/// A command keeps its position between the events wanted by a filter, and `stop` waits for all.
#[test]
fn a_filtered_handler_keeps_the_order_of_events_and_calls() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(1);
            let options = HandlerOptions::new("even").filter(|n: &u64| n % 2 == 0);
            let seen = Arc::new(AtomicU64::new(0));
            let sum = Arc::clone(&seen);
            let handler = handler_fn(move |n: &u64| _ = sum.fetch_add(*n, Ordering::SeqCst));
            let handler = manager.add_handler_with(options, handler).unwrap();
            let publisher = manager.clone();
            let publishing = spawn(async move {
                for n in [1, 2, 3] {
                    publisher.notify(n).await.unwrap();
                }
                publisher.sync_notify(4).await.unwrap().acked()
            });
            let calling = spawn({
                let (handler, seen) = (handler.clone(), Arc::clone(&seen));
                async move {
                    handler
                        .call(move |_| seen.load(Ordering::SeqCst))
                        .await
                        .unwrap()
                }
            });
            assert_eq!(publishing.await.unwrap(), 1);
            assert!([0, 2, 6].contains(&calling.await.unwrap()));
            let then = Arc::clone(&seen);
            let all = handler.call(move |_| then.load(Ordering::SeqCst)).await;
            assert_eq!(all, Ok(6));
            manager.notify(6).await.unwrap();
            manager.stop().await.unwrap();
            assert_eq!(handler.stopped().await, StopReason::ManagerClosed);
            assert_eq!(seen.load(Ordering::SeqCst), 12, "stored before the end");
        });
    });
}

#[test]
fn a_stuck_handler_is_aborted_while_others_publish() {
    model(|| {
        block_on(async {
            for filtered in [false, true] {
                let manager = EventManager::new(1);
                let options = HandlerOptions::new("stuck");
                let options = if filtered {
                    options.filter(|_: &u64| true)
                } else {
                    options
                };
                let stuck = |_: &u64| futures::future::pending::<()>();
                let stuck = manager.add_handler_with(options, stuck).unwrap();
                let publisher = manager.clone();
                let publishing = spawn(async move {
                    for n in 1..=2 {
                        let receipt = publisher.sync_notify(n).await.unwrap();
                        assert_eq!(receipt.acked(), 0);
                    }
                });
                assert!(manager.disconnect(stuck.id()));
                publishing.await.unwrap();
                assert_eq!(stuck.stopped().await, StopReason::Aborted);
                manager.stop().await.unwrap();
            }
        });
    });
}

/// The answers of a handler: the finished events, and the failed events.
#[derive(Default)]
struct Answers {
    finished: AtomicU64,
    failed: AtomicU64,
}

/// Counts events, fails at event 1, and panics at event 2 if `fragile`.
fn counting(answers: &Arc<Answers>, fragile: bool) -> impl Handler<u64> {
    let answers = Arc::clone(answers);
    handler_fn(move |n: &u64| {
        if *n == 1 || (fragile && *n == 2) {
            answers.failed.fetch_add(1, Ordering::SeqCst);
            assert_eq!(*n, 1, "fragile");
            return Err("one");
        }
        answers.finished.fetch_add(1, Ordering::SeqCst);
        Ok(())
    })
}

/// The receipts of a group count the answers of its handlers, while handlers come, go, fail and panic.
#[test]
fn the_handlers_of_a_group_answer_for_themselves() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(4);
            let answers = Arc::new(Answers::default());
            let group = manager.handler_group("group").unwrap();
            group.add_handler("a", counting(&answers, false)).unwrap();
            let publishers = [1, 3].map(|first| {
                let manager = manager.clone();
                spawn(async move {
                    let (mut counted, mut acked, mut failed) = (0, 0, 0);
                    for n in first..first + 2 {
                        let receipt = manager.sync_notify(n).await.unwrap();
                        counted += receipt.acked() + receipt.dropped();
                        acked += receipt.acked();
                        let causes = receipt.unfinished().iter().map(|entry| entry.cause());
                        failed += causes.filter(|cause| **cause != Cause::Left).count();
                    }
                    (counted, acked, failed)
                })
            });
            let adding = spawn({
                let (group, answers) = (group.clone(), Arc::clone(&answers));
                async move { drop(group.add_handler("b", counting(&answers, true))) }
            });
            let removing = spawn({
                let group = group.clone();
                async move { _ = group.remove_handler("a").await }
            });
            let (mut counted, mut acked, mut failed) = (0, 0, 0);
            for publisher in publishers {
                let sums = publisher.await.unwrap();
                counted += sums.0;
                acked += sums.1;
                failed += sums.2;
            }
            adding.await.unwrap();
            removing.await.unwrap();
            assert_eq!(acked as u64, answers.finished.load(Ordering::SeqCst));
            assert_eq!(failed as u64, answers.failed.load(Ordering::SeqCst));
            assert!(counted <= 8, "two handlers, four events");
            drop(group);
            manager.stop().await.unwrap();
        });
    });
}
