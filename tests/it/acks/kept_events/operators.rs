//! The operators over deliveries, while they wait for more events.

use std::convert::Infallible;
use std::future::ready;
use std::time::Duration;

use futures::{FutureExt, Stream, StreamExt};
use genevent::{Deliveries, EventManager, EventStreamExt};

use super::{Event, SIZES, alive, publish};
use crate::drive::now;

type Jobs = Deliveries<Event>;

/// Lets the operator take and acknowledge everything, and asserts that nothing is left.
#[track_caller]
fn assert_keeps_nothing<Op>(operate: impl Fn(Jobs) -> Op, mut work: impl FnMut(&mut Op)) {
    for size in SIZES {
        let manager = EventManager::new(1_024);
        let mut operator = operate(manager.subscribe().deliveries());
        for flush_first in [false, true] {
            let events = publish(&manager, size);
            let mut flush = manager.flush();
            if flush_first {
                assert!((&mut flush).now_or_never().is_none());
            }
            work(&mut operator);
            now(flush).unwrap();
            assert_eq!(alive(&events), 0, "of {size}");
        }
    }
}

/// Polls a future that never completes.
fn work(future: &mut (impl Future + Unpin)) {
    assert!(future.now_or_never().is_none());
}

/// Takes all that is ready, and `settle`s each.
fn drain<S: Stream + Unpin>(stream: &mut S, settle: impl Fn(S::Item)) {
    while let Some(Some(item)) = stream.next().now_or_never() {
        settle(item);
    }
}

#[test]
fn for_each_acked_keeps_no_event_it_has_acknowledged() {
    for limit in [1, 4, 1_000] {
        assert_keeps_nothing(
            |jobs| jobs.for_each_acked(limit, async |event| drop(event)),
            work,
        );
        assert_keeps_nothing(
            |jobs| {
                jobs.try_for_each_acked(limit, async |_| Ok::<_, Infallible>(()))
                    .boxed()
            },
            work,
        );
        assert_keeps_nothing(
            |jobs| {
                jobs.try_for_each_acked(limit, |event| ready(Err(*event)))
                    .continue_on_error(|n: u32| assert!(n > 0))
            },
            work,
        );
    }
}

#[test]
fn batches_keep_no_event_they_have_yielded() {
    assert_keeps_nothing(
        |jobs| jobs.ready_batches(50),
        |batches| drain(batches, |batch| drop(batch.ack())),
    );
    assert_keeps_nothing(
        |jobs| Box::pin(jobs.batches(1, Duration::from_secs(1))),
        |batches| drain(batches, |batch| drop(batch.into_deliveries())),
    );
}

#[test]
fn filter_acked_keeps_no_event_it_has_filtered_out() {
    assert_keeps_nothing(
        |jobs| jobs.filter_acked(|event| **event % 3 == 0),
        |jobs| drain(jobs, |job| drop(job.ack())),
    );
}
