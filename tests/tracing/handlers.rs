//! Log entries of restarting handlers, and of handlers that never start.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use genevent::handler::HandlerFn;
use genevent::{EventManager, HandlerOptions, Restart, StopReason, handler_fn};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::set_default;
use tracing::{Event, Level, Metadata, Subscriber};

use super::listener::{listen, listen_and, new_entries_at};
use super::orders;

#[tokio::test]
async fn each_restart_is_logged_with_its_reason() {
    let (entries, _listening) = listen();
    let manager = orders::<u8>(4);
    let picky = || handler_fn(|n: &u8| assert!(*n < 3, "{n} is too much"));
    let twice = Restart::on_failure(2, Duration::MAX);
    manager
        .add_handler_with(HandlerOptions::new("picky").restart(twice), picky)
        .unwrap();
    for n in [3, 1, 4, 5] {
        manager.sync_notify(n).await.unwrap();
    }
    let of = |what: &str, n: u8| {
        format!("manager=\"orders\" handler=\"picky\" why=\"{what}: {n} is too much\"")
    };
    let restarted = "it panicked and is restarted";
    let anew = |n| format!("WARN handler restarted: {}", of(restarted, n));
    let stopped = format!("WARN handler stopped: {}", of("it panicked", 5));
    assert_eq!(
        new_entries_at(&entries, Level::WARN),
        [anew(3), anew(4), stopped]
    );
}

#[tokio::test]
async fn each_error_of_a_handler_is_logged_with_its_text() {
    for in_group in [false, true] {
        let (entries, _listening) = listen();
        let manager = orders::<u8>(4);
        let group = manager.handler_group("group").unwrap();
        let picky = handler_fn(|n: &u8| match n {
            0..3 => Ok(()),
            _ => Err(format!("{n} is too much")),
        });
        if in_group {
            group.add_handler("picky", picky).unwrap();
        } else {
            manager.add_handler("picky", picky).unwrap();
        }
        for n in [1, 3, 2] {
            manager.notify(n).await.unwrap();
        }
        manager.flush().await.unwrap();
        let failed =
            "WARN handler failed: manager=\"orders\" handler=\"picky\" why=\"3 is too much\"";
        assert_eq!(new_entries_at(&entries, Level::WARN), [failed]);
    }
}

/// A listener that panics at the end of each span.
struct PanicsAtSpanEnds;

impl Subscriber for PanicsAtSpanEnds {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}

    fn try_close(&self, _: Id) -> bool {
        resume_unwind(Box::new("not the end"));
    }
}

#[tokio::test]
async fn a_listener_panic_in_a_span_stays_there() {
    let _listening = set_default(PanicsAtSpanEnds);
    let manager = EventManager::<u8>::new(4);
    let adding = || {
        // The panic drops everything that was made for the handler, including its span.
        let make = || -> HandlerFn<fn(&u8)> { resume_unwind(Box::new("no handler")) };
        drop(manager.add_handler_with(HandlerOptions::new("a").restart(Restart::never()), make));
    };
    let panic = catch_unwind(AssertUnwindSafe(adding)).unwrap_err();
    assert_eq!(panic.downcast_ref(), Some(&"no handler"));
    assert!(manager.which_handlers().is_empty());
    assert_eq!(manager.subscriber_count(), 0);
}

/// The listener hears of the subscription while its handler is being added.
#[tokio::test]
async fn stop_waits_for_a_just_subscribed_handler() {
    for in_group in [false, true] {
        let manager = orders::<u8>(4);
        let weak = manager.downgrade();
        let stopped = Arc::new(Mutex::new(None));
        let answer = Arc::clone(&stopped);
        let (_told, _listening) = listen_and(move |line| {
            if line.starts_with("DEBUG subscribed") {
                let manager = weak.upgrade().unwrap();
                *answer.lock().unwrap() = Some(manager.stop().now_or_never());
            }
        });
        if in_group {
            let group = manager.handler_group("a").unwrap();
            assert_eq!(*stopped.lock().unwrap(), Some(None), "the group runs");
            assert_eq!(group.stopped().await, StopReason::ManagerClosed);
        } else {
            let handler = manager.add_handler("a", handler_fn(|_| ())).unwrap();
            assert_eq!(*stopped.lock().unwrap(), Some(None), "the handler runs");
            assert_eq!(handler.stopped().await, StopReason::ManagerClosed);
        }
        assert_eq!(manager.stop().await, Ok(()));
    }
}
