//! What is told of handlers that are made anew, and of those that never come to be.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use genevent::handler::HandlerFn;
use genevent::{EventManager, Restart, handler_fn};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::set_default;
use tracing::{Event, Level, Metadata, Subscriber};

use super::listener::{listen, news_at};
use super::orders;

#[tokio::test]
async fn a_handler_that_is_made_anew_is_told_of_each_time_and_why() {
    let (told, _listening) = listen();
    let manager = orders::<u8>(4);
    let picky = || handler_fn(|n: &u8| assert!(*n < 3, "{n} is too much"));
    let twice = Restart::on_failure(2, Duration::MAX);
    manager.add_handler_with("picky", picky, twice).unwrap();
    for n in [3, 1, 4, 5] {
        manager.sync_notify(n).await.unwrap();
    }
    let of = |n: u8| {
        format!("manager=\"orders\" handler=\"picky\" why=\"it panicked: {n} is too much\"")
    };
    let anew = |n| format!("WARN handler made anew: {}", of(n));
    let stopped = format!("WARN handler stopped: {}", of(5));
    assert_eq!(news_at(&told, Level::WARN), [anew(3), anew(4), stopped]);
}

/// Listens, and panics over the end of each span.
struct HatesEnds;

impl Subscriber for HatesEnds {
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
async fn a_listener_that_panics_over_the_end_of_a_span_ends_no_more_than_that() {
    let _listening = set_default(HatesEnds);
    let manager = EventManager::<u8>::new(4);
    let adding = || {
        // As it panics, what has been made for the handler is dropped, its span with it.
        let make = || -> HandlerFn<fn(&u8)> { resume_unwind(Box::new("no handler")) };
        drop(manager.add_handler_with("a", make, Restart::never()));
    };
    let panic = catch_unwind(AssertUnwindSafe(adding)).unwrap_err();
    assert_eq!(panic.downcast_ref(), Some(&"no handler"));
    assert!(manager.which_handlers().is_empty());
    assert_eq!(manager.subscriber_count(), 0);
}
