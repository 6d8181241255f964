//! Every waiting function, and how to call the function.

mod conditions;
mod operators;
mod owned;

use std::cell::RefCell;
use std::time::Duration;

use futures::future::LocalBoxFuture;
use futures::{FutureExt, Sink, SinkExt, TryFutureExt};
use genevent::error::{DeadlineError, NotifyError, ReserveDeadlineError, ReserveError};
use genevent::{Deliveries, EventManager, Filtered, Permit, Receipt, Subscription};

use super::streams::{InFlight, OneUnacked, Source};

/// A waiting function, and its call.
pub(crate) struct Row {
    /// The name, as `Type::function`.
    pub(crate) name: &'static str,
    pub(crate) call: Call,
}

pub(crate) enum Call {
    Manager(for<'a> fn(&'a EventManager<u32>) -> LocalBoxFuture<'a, Outcome>),
    /// `next` on a stream made of a subscription.
    Next(fn(Subscription<u32>) -> Box<dyn Source>),
    /// `next` on a stream made of a filtered subscription, which wants every event.
    Filtered(fn(Filtered<u32>) -> Box<dyn Source>),
    /// Reads deliveries itself, and records each event it takes.
    Work(for<'a> fn(&'a mut Deliveries<u32>, &'a Taken) -> LocalBoxFuture<'a, Outcome>),
}

impl Row {
    /// Whether the future stores its event in a poll, and is ready in a later poll.
    pub(crate) fn waits_on_once_stored(&self) -> bool {
        let publishes = [
            "ack_notify",
            "sync_notify",
            "ack_notify_owned",
            "sync_notify_owned",
            "AckNotify::within",
            "SyncNotify::within",
            "AckNotifyOwned::within",
            "SyncNotifyOwned::within",
            "::settled",
        ];
        self.name.contains("Sink::") || publishes.iter().any(|name| self.name.ends_with(name))
    }

    /// Whether time must pass before the future resolves.
    pub(crate) fn needs_the_clock(&self) -> bool {
        self.name.ends_with("::within")
            || self.name.starts_with("Batches")
            || self.name.starts_with("DebounceAcked")
            || self.name.ends_with("::retry")
            || self.name.ends_with("::settled")
    }
}

/// The events taken by the future.
pub(crate) type Taken = RefCell<Vec<u32>>;

/// The output of a future, unless the future was dropped before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Stored,
    Refused,
    Read,
    Done,
}

/// The event published by the functions to be cancelled.
pub(crate) const MINE: u32 = 100;

pub(crate) fn rows() -> impl Iterator<Item = &'static Row> {
    let rows = ROWS.iter().chain(conditions::ROWS);
    rows.chain(operators::ROWS).chain(owned::ROWS)
}

const ROWS: &[Row] = &[
    Row {
        name: "EventManager::notify",
        call: Call::Manager(|manager| manager.notify(MINE).map(stored).boxed_local()),
    },
    Row {
        name: "EventManager::ack_notify",
        call: Call::Manager(|manager| manager.ack_notify(MINE).map(answered).boxed_local()),
    },
    Row {
        name: "EventManager::sync_notify",
        call: Call::Manager(|manager| manager.sync_notify(MINE).map(answered).boxed_local()),
    },
    Row {
        name: "EventManager::flush",
        call: Call::Manager(|manager| manager.flush().map(done).boxed_local()),
    },
    Row {
        name: "EventManager::quiet",
        call: Call::Manager(|manager| manager.quiet().map(done).boxed_local()),
    },
    Row {
        name: "EventManager::stop",
        call: Call::Manager(|manager| manager.stop().map(done).boxed_local()),
    },
    Row {
        name: "EventManager::reserve",
        call: Call::Manager(|manager| manager.reserve().map_ok(used).map(sent).boxed_local()),
    },
    // The permit is not used.
    Row {
        name: "EventManager::reserve",
        call: Call::Manager(|manager| manager.reserve().map(done).boxed_local()),
    },
    Row {
        name: "EventSink::send",
        call: Call::Manager(|manager| {
            async move { sent(manager.sink().send(MINE).await) }.boxed_local()
        }),
    },
    Row {
        name: "EventSink::flush",
        call: Call::Manager(|manager| {
            let sink = manager.sink();
            flushed(sink).boxed_local()
        }),
    },
    Row {
        name: "EventSink::close",
        call: Call::Manager(|manager| {
            let sink = manager.sink();
            closed(sink).boxed_local()
        }),
    },
    Row {
        name: "SyncSink::send",
        call: Call::Manager(|manager| {
            async move { sent(manager.sync_sink().send(MINE).await) }.boxed_local()
        }),
    },
    Row {
        name: "SyncSink::flush",
        call: Call::Manager(|manager| {
            let sink = manager.sync_sink();
            flushed(sink).boxed_local()
        }),
    },
    Row {
        name: "SyncSink::close",
        call: Call::Manager(|manager| {
            let sink = manager.sync_sink();
            closed(sink).boxed_local()
        }),
    },
    Row {
        name: "Subscription::next",
        call: Call::Next(|subscription| Box::new(subscription)),
    },
    Row {
        name: "WithMissed::next",
        call: Call::Next(|subscription| Box::new(subscription.with_missed())),
    },
    Row {
        name: "Deliveries::next",
        call: Call::Next(|subscription| Box::new(InFlight::of(subscription.deliveries()))),
    },
    Row {
        name: "Filtered::next",
        call: Call::Filtered(|filtered| Box::new(filtered)),
    },
    Row {
        name: "WithMissed::next",
        call: Call::Filtered(|filtered| Box::new(filtered.with_missed())),
    },
    Row {
        name: "Deliveries::next",
        call: Call::Filtered(|filtered| {
            Box::new(OneUnacked {
                stream: filtered.deliveries(),
                out: None,
            })
        }),
    },
    Row {
        name: "SyncNotify::within",
        call: Call::Manager(|manager| {
            let waits = manager.sync_notify(MINE).within(5 * MILLISECOND);
            waits.map(in_time).boxed_local()
        }),
    },
    Row {
        name: "SyncNotify::within",
        call: Call::Manager(|manager| {
            let waits = manager.sync_notify(MINE).within(A_LONG_TIME);
            waits.map(in_time).boxed_local()
        }),
    },
    Row {
        name: "AckNotify::within",
        call: Call::Manager(|manager| {
            let waits = manager.ack_notify(MINE).within(5 * MILLISECOND);
            waits.map(in_time).boxed_local()
        }),
    },
    Row {
        name: "AckNotify::within",
        call: Call::Manager(|manager| {
            let waits = manager.ack_notify(MINE).within(A_LONG_TIME);
            waits.map(in_time).boxed_local()
        }),
    },
    Row {
        name: "Notify::within",
        call: Call::Manager(|manager| {
            let notify = manager.notify(MINE).within(5 * MILLISECOND);
            notify.map(in_time).boxed_local()
        }),
    },
    Row {
        name: "Notify::within",
        call: Call::Manager(|manager| {
            let notify = manager.notify(MINE).within(A_LONG_TIME);
            notify.map(in_time).boxed_local()
        }),
    },
    Row {
        name: "Reserve::within",
        call: Call::Manager(|manager| {
            let reserve = manager.reserve().within(5 * MILLISECOND);
            reserve.map(reserved).boxed_local()
        }),
    },
    Row {
        name: "Reserve::within",
        call: Call::Manager(|manager| {
            let reserve = manager.reserve().within(A_LONG_TIME);
            reserve.map(reserved).boxed_local()
        }),
    },
    Row {
        name: "Unanswered::settled",
        call: Call::Manager(|manager| {
            let publish = manager.sync_notify(MINE).within(5 * MILLISECOND);
            async move {
                let result = publish.await;
                if let Err(DeadlineError::Unanswered(late)) = &result {
                    late.settled().await;
                }
                in_time(result)
            }
            .boxed_local()
        }),
    },
    Row {
        name: "Flush::within",
        call: Call::Manager(|manager| {
            let waits = manager.flush().within(5 * MILLISECOND);
            waits.map(done).boxed_local()
        }),
    },
    Row {
        name: "Flush::within",
        call: Call::Manager(|manager| manager.flush().within(A_LONG_TIME).map(done).boxed_local()),
    },
    Row {
        name: "Quiet::within",
        call: Call::Manager(|manager| {
            manager
                .quiet()
                .within(5 * MILLISECOND)
                .map(done)
                .boxed_local()
        }),
    },
    Row {
        name: "Quiet::within",
        call: Call::Manager(|manager| manager.quiet().within(A_LONG_TIME).map(done).boxed_local()),
    },
    Row {
        name: "Stop::within",
        call: Call::Manager(|manager| {
            let waits = manager.stop().within(5 * MILLISECOND);
            waits.map(done).boxed_local()
        }),
    },
    Row {
        name: "Stop::within",
        call: Call::Manager(|manager| manager.stop().within(A_LONG_TIME).map(done).boxed_local()),
    },
];

pub(crate) const MILLISECOND: Duration = Duration::from_millis(1);
const A_LONG_TIME: Duration = Duration::from_secs(3_600);

fn used(permit: Permit<u32>) {
    permit.notify(MINE);
}

fn sent(result: Result<(), ReserveError>) -> Outcome {
    result.map_or(Outcome::Refused, |()| Outcome::Stored)
}

async fn flushed(mut sink: impl Sink<u32, Error = ReserveError> + Unpin) -> Outcome {
    if sink.feed(MINE).await.is_err() {
        return Outcome::Refused;
    }
    sent(sink.flush().await)
}

async fn closed(mut sink: impl Sink<u32, Error = ReserveError> + Unpin) -> Outcome {
    if sink.feed(MINE).await.is_err() {
        return Outcome::Refused;
    }
    sent(sink.close().await)
}

fn reserved(result: Result<Permit<u32>, ReserveDeadlineError>) -> Outcome {
    result
        .map(used)
        .map_or(Outcome::Refused, |()| Outcome::Stored)
}

fn in_time<T>(result: Result<T, DeadlineError<u32>>) -> Outcome {
    let back = result.err().and_then(DeadlineError::into_event);
    back.map_or(Outcome::Stored, |_| Outcome::Refused)
}

fn stored(result: Result<usize, NotifyError<u32>>) -> Outcome {
    result.map_or(Outcome::Refused, |_| Outcome::Stored)
}

pub(crate) fn answered(result: Result<Receipt, NotifyError<u32>>) -> Outcome {
    result.map_or(Outcome::Refused, |_| Outcome::Stored)
}

pub(crate) fn done<T>(_: T) -> Outcome {
    Outcome::Done
}
