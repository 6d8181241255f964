//! The messages of failing assertions.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Waker};

use futures::executor::block_on;
use futures::{FutureExt, stream};
use genevent::test_util::{Probe, assert_ended, assert_next, assert_no_event};

use super::{A_LONG_TIME, Opaque, failure, message, with};

#[test]
fn a_failure_shows_location_stream_and_items() {
    let (manager, mut orders) = with(["coffee", "milk"]);
    let (text, line) = failure(|| assert_next!(orders, "tea").now());
    assert_eq!(line, line!() - 1);
    assert_eq!(
        text,
        "assert_next!(orders)\n expected: \"tea\"\n     came: \"coffee\"\n   within: 0ns"
    );
    let (text, line) = failure(|| {
        let milk = 5;
        block_on(assert_no_event!(orders, "after {} cups of {milk}", 2).within(A_LONG_TIME));
    });
    assert_eq!(line, line!() - 2);
    assert_eq!(
        text,
        "assert_no_event!(orders): after 2 cups of 5\n expected: nothing\n     came: \"milk\"\n   \
         within: 3600s"
    );
    let (text, line) = failure(|| assert_ended!(orders).now());
    assert_eq!(line, line!() - 1);
    assert_eq!(
        text,
        "assert_ended!(orders)\n expected: the end of the stream\n     came: nothing\n   \
         within: 0ns"
    );
    manager.try_notify("tea").unwrap();
    assert!(message(|| assert_ended!(orders).now()).contains("came: \"tea\""));
    assert!(message(|| assert_next!(orders).now()).contains("an item\n     came: nothing"));
}

#[test]
fn a_failed_pattern_is_shown_with_its_guard() {
    let (_manager, mut orders) = with([Some(1), Some(1)]);
    let text = message(|| assert_next!(orders, matches None).now());
    assert!(text.contains("expected: an item matching None\n     came: Some(1)"));
    let text = message(|| assert_next!(orders, matches Some(n) if n > 1 => n, "{}", "why").now());
    assert!(text.starts_with("assert_next!(orders): why\n"), "{text}");
    assert!(text.contains("expected: an item matching Some(n) if n > 1\n"));
}

#[test]
fn items_without_debug_show_their_type() {
    fn generic<T>(item: T) -> String {
        let mut items = stream::iter([item]);
        message(|| assert_ended!(items).now())
    }
    let mut items = stream::iter([Opaque]);
    let text = message(|| assert_no_event!(items).now());
    assert!(text.contains("came: an item, of type test_util::Opaque"));
    assert!(generic(1_u8).contains("came: an item, of type u8"));
}

#[test]
fn an_unused_assertion_fails() {
    let (_manager, mut reader) = with([1]);
    let (text, line) = failure(|| drop(assert_next!(reader, 2)));
    assert_eq!(line, line!() - 1);
    assert_eq!(
        text,
        "assert_next!(reader) asserts nothing: neither awaited nor checked with `now()`"
    );
    assert_next!(reader, 1).now();
    let probe = Probe::<u32>::new();
    let text = message(|| drop(probe.wait_for(2)));
    let location = format!("wait_for(2) at {}:{}:", file!(), line!() - 1);
    assert!(text.starts_with(&location), "{text}");
}

#[test]
fn a_dropped_waiting_assertion_takes_nothing() {
    let (manager, mut reader) = with([]);
    let (mut next, mut cx) = (assert_next!(reader, 2), Context::from_waker(Waker::noop()));
    assert!(next.poll_unpin(&mut cx).is_pending());
    drop(next);
    manager.try_notify(1).unwrap();
    assert_next!(reader, 1).now();
}

#[test]
fn polling_a_finished_assertion_panics() {
    let (_manager, mut reader) = with([1, 2]);
    let mut next = assert_next!(reader);
    assert_eq!((&mut next).now_or_never(), Some(1));
    let again = catch_unwind(AssertUnwindSafe(|| (&mut next).now_or_never()));
    assert!(again.is_err());
    drop(next);
    assert_next!(reader, 2).now();
}
