//! Operators over deliveries.

use std::future::poll_fn;
use std::task::Poll;

use futures::FutureExt;
use genevent::EventStreamExt;

use super::super::streams::{InFlight, Skipping};
use super::{Call, MILLISECOND, Row, done};

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "FilterAcked::next",
        call: Call::Next(|subscription| {
            let all = subscription
                .deliveries()
                .filter_acked((|_| true) as fn(&u32) -> bool);
            Box::new(InFlight::of(all))
        }),
    },
    Row {
        name: "ReadyBatches::next",
        call: Call::Next(|subscription| {
            Box::new(InFlight::of(subscription.deliveries().ready_batches(2)))
        }),
    },
    Row {
        name: "Batches::next",
        call: Call::Next(|subscription| {
            let batches = subscription.deliveries().batches(2, 3 * MILLISECOND);
            Box::new(InFlight::of(Box::pin(batches)))
        }),
    },
    Row {
        name: "EventStreamExt::for_each_acked",
        call: Call::Work(|deliveries, taken| {
            let work = |event| {
                taken.borrow_mut().push(event);
                one_poll_later()
            };
            deliveries.for_each_acked(2, work).map(done).boxed_local()
        }),
    },
    Row {
        name: "EventStreamExt::try_for_each_acked",
        call: Call::Work(|deliveries, taken| {
            let work = |event| {
                taken.borrow_mut().push(event);
                // Fails at the event of the queued publisher.
                one_poll_later().map(move |()| if event == 3 { Err("3") } else { Ok(()) })
            };
            let work = deliveries.try_for_each_acked(2, work);
            work.map(done).boxed_local()
        }),
    },
    Row {
        name: "TryForEachAcked::continue_on_error",
        call: Call::Work(|deliveries, taken| {
            let work = |event| {
                taken.borrow_mut().push(event);
                one_poll_later().map(move |()| if event == 3 { Err("3") } else { Ok(()) })
            };
            let work = deliveries
                .try_for_each_acked(2, work)
                .continue_on_error(drop);
            work.map(done).boxed_local()
        }),
    },
    // Over batches.
    Row {
        name: "EventStreamExt::for_each_acked",
        call: Call::Work(|deliveries, taken| {
            let work = |events: Vec<u32>| {
                taken.borrow_mut().extend(events);
                one_poll_later()
            };
            let batches = deliveries.ready_batches(2);
            batches.for_each_acked(2, work).map(done).boxed_local()
        }),
    },
    // Each event fails at its first try.
    Row {
        name: "TryForEachAcked::retry",
        call: Call::Work(|deliveries, taken| {
            let work = |event| {
                let mut taken = taken.borrow_mut();
                let is_first = !taken.contains(&event);
                if is_first {
                    taken.push(event);
                }
                one_poll_later().map(move |()| if is_first { Err("first") } else { Ok(()) })
            };
            let work = deliveries
                .try_for_each_acked(2, work)
                .retry([2 * MILLISECOND; 2]);
            work.map(done).boxed_local()
        }),
    },
    Row {
        name: "Latest::next",
        call: Call::Next(|subscription| Box::new(Skipping::of(subscription.deliveries()))),
    },
    Row {
        name: "DebounceAcked::next",
        call: Call::Next(|subscription| {
            let key: fn(&u32) -> u32 = |event| *event;
            let quiet = subscription.deliveries();
            let quiet = quiet.debounce_acked(2 * MILLISECOND, key);
            Box::new(InFlight::of(Box::pin(quiet)))
        }),
    },
];

/// Work that is done at its second poll.
async fn one_poll_later() {
    let mut has_waited = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut has_waited, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
