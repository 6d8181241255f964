//! The runtime shuts down while its handlers are in any phase.

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use futures::{FutureExt, poll};
use genevent::handler::CallError;
use genevent::{EventManager, HandlerOptions, HandlerRef, Restart, StopReason, handler_fn};
use tokio::task::yield_now;

use super::{Diary, Scribe, settle};
use crate::drive::now;

fn runtime() -> tokio::runtime::Runtime {
    let builder = &mut tokio::runtime::Builder::new_current_thread();
    builder.build().unwrap()
}

#[test]
fn handled_events_finish_despite_shutdown_during_terminate() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let runtime = runtime();
    let mut done = Box::pin(manager.sync_notify(0));
    let a = runtime.block_on(async {
        let a = manager.add_handler("a", Scribe::slow("a", &diary)).unwrap();
        assert!(poll!(&mut done).is_pending());
        settle().await;
        a
    });
    assert_eq!(diary.drain(), ["a 0", "a ends: it had finished"]);
    drop(runtime);
    assert!(done.now_or_never().unwrap().unwrap().all_acked());
    assert_eq!(a.stopped().now_or_never(), Some(StopReason::Aborted));
}

#[test]
fn shutdown_counts_unhandled_events_as_dropped() {
    let manager = EventManager::new(8);
    let diary = Diary::default();
    let runtime = runtime();
    let mut done = Box::pin(manager.sync_notify(0));
    runtime.block_on(async {
        let group = manager.handler_group("group").unwrap();
        group.add_handler("a", Scribe::slow("a", &diary)).unwrap();
        group.add_handler("b", Scribe::new("b", &diary)).unwrap();
        assert!(poll!(&mut done).is_pending());
        settle().await;
    });
    assert_eq!(diary.drain(), ["a 0", "a ends: it had finished"]);
    drop(runtime);
    assert_eq!(done.now_or_never().unwrap().unwrap().dropped(), 1);
}

#[test]
fn shutdown_in_any_phase_reports_the_exit() {
    type Start = fn(&EventManager<u32>, &Diary) -> HandlerRef<u32, Scribe>;
    let add: Start = |manager, diary| manager.add_handler("a", Scribe::slow("a", diary)).unwrap();
    let phases: [(&str, u32, Start); 5] = [
        ("not begun", 0, add),
        ("idle", 8, add),
        ("terminating", 8, |manager, diary| {
            let a = manager.add_handler("a", Scribe::slow("a", diary)).unwrap();
            drop(a.clone().drop_guard());
            a
        }),
        ("reviving", 8, |manager, diary| {
            let diary = diary.clone();
            let twice = Restart::on_failure(2, std::time::Duration::MAX);
            let make = move || Scribe::slow("a", &diary);
            let a = manager
                .add_handler_with(HandlerOptions::new("a").restart(twice), make)
                .unwrap();
            let call = a.call(|_| -> () { panic!("it ends this life") });
            assert!(call.now_or_never().is_none());
            a
        }),
        ("swapping", 8, |manager, diary| {
            let a = manager.add_handler("a", Scribe::slow("a", diary)).unwrap();
            assert!(a.clone().swap(|old| old).now_or_never().is_none());
            a
        }),
    ];
    for (phase, turns, start) in phases {
        let (manager, diary, runtime) = (EventManager::new(8), Diary::default(), runtime());
        let (a, call, mut done) = runtime.block_on(async {
            let a = start(&manager, &diary);
            for _ in 0..turns {
                yield_now().await;
            }
            let call = a.clone();
            let mut call = Box::pin(async move { call.call(|a| a.name).await });
            assert!(poll!(&mut call).is_pending(), "{phase}");
            let mut done = Box::pin(manager.sync_notify(7));
            assert!(poll!(&mut done).is_pending(), "{phase}");
            (a, call, done)
        });
        drop(runtime);
        let aborted = StopReason::Aborted;
        assert_eq!(a.stopped().now_or_never(), Some(aborted.clone()), "{phase}");
        let answer = call.now_or_never();
        assert_eq!(answer, Some(Err(CallError::Stopped(aborted))), "{phase}");
        let receipt = (&mut done).now_or_never().unwrap().unwrap();
        assert_eq!(receipt.dropped(), 1, "{phase}");
        assert!(manager.which_handlers().is_empty(), "{phase}");
        assert!(manager.stop().now_or_never().is_some(), "{phase}");
    }
}

#[test]
fn shutdown_drops_an_event_its_last_member_handles() {
    let manager = EventManager::new(8);
    let runtime = runtime();
    let mut done = Box::pin(manager.sync_notify(1));
    runtime.block_on(async {
        let group = manager.handler_group("group").unwrap();
        for n in 0..64 {
            let quick = handler_fn(|_: &u32| ());
            group.add_handler(n.to_string(), quick).unwrap();
        }
        group
            .add_handler("slow", |_: &u32| pending::<()>())
            .unwrap();
        assert!(poll!(&mut done).is_pending());
        settle().await;
        assert!(poll!(&mut done).is_pending());
    });
    drop(runtime);
    assert_eq!(now(done).unwrap().dropped(), 1);
}

/// The factory panics, there is no runtime, or the runtime is gone: nothing of it runs then.
#[test]
fn stop_does_not_wait_for_an_unstarted_handler() {
    type Start = fn(&EventManager<u32>);
    let broken: Start = |manager| {
        let make = || -> Scribe { resume_unwind(Box::new("no handler")) };
        drop(manager.add_handler_with(HandlerOptions::new("a").restart(Restart::never()), make));
    };
    let plain: Start = |manager| drop(manager.add_handler("a", handler_fn(|_| ())));
    let group: Start = |manager| drop(manager.handler_group("a"));

    let runtime = runtime();
    let handle = runtime.handle().clone();
    for start in [plain, group] {
        let manager = EventManager::<u32>::new(1);
        assert!(catch_unwind(AssertUnwindSafe(|| start(&manager))).is_err());
        has_started_nothing(&manager, "without a runtime");
    }
    let _inside = handle.enter();
    let manager = EventManager::<u32>::new(1);
    assert!(catch_unwind(AssertUnwindSafe(|| broken(&manager))).is_err());
    has_started_nothing(&manager, "its factory panics");
    drop(runtime);
    for start in [plain, group] {
        let manager = EventManager::<u32>::new(1);
        start(&manager);
        has_started_nothing(&manager, "the runtime is gone");
    }
}

fn has_started_nothing(manager: &EventManager<u32>, why: &str) {
    assert!(manager.which_handlers().is_empty(), "{why}");
    assert_eq!(manager.subscriber_count(), 0, "{why}");
    assert_eq!(manager.stop().now_or_never(), Some(Ok(())), "{why}");
}
