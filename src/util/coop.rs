//! Tokio's coop budget: how publishing and reading pay for events.
//!
//! A task that publishes or reads without ever waiting must yield to its neighbours now and then.
//! A unit of the budget for each event would cost as much as the event, so a unit pays for several.
//! Outside of tokio, the budget is never used up.

use std::cell::Cell;
use std::task::{Context, Poll, ready};

/// The number of events that one unit of the budget pays for.
pub(crate) const EVENTS_PER_UNIT: u64 = 16;

thread_local! {
    /// The number of events published on this thread and not yet paid for. A thread and not a
    /// future counts, because each event has a future of its own.
    static UNPAID: Cell<u64> = const { Cell::new(0) };
}

/// Pays for an event to be published, unless the code `is_exempt`. Pending if the budget of the
/// task is used up.
#[inline]
pub(crate) fn poll_publish(cx: &mut Context<'_>, is_exempt: impl FnOnce() -> bool) -> Poll<()> {
    // During thread-local teardown there is no task to yield to.
    let unpaid = UNPAID.try_with(|unpaid| unpaid.replace(unpaid.get() + 1));
    if unpaid.is_ok_and(|unpaid| unpaid >= EVENTS_PER_UNIT - 1) && !is_exempt() {
        return poll_unit(cx);
    }
    Poll::Ready(())
}

#[cold]
#[inline(never)]
fn poll_unit(cx: &mut Context<'_>) -> Poll<()> {
    ready!(tokio::task::coop::poll_proceed(cx)).made_progress();
    UNPAID.set(0);
    Poll::Ready(())
}

/// Pending, with a wake-up to come, if the budget of the task is used up.
#[inline]
pub(crate) fn poll_budget(cx: &mut Context<'_>) -> Poll<()> {
    if tokio::task::coop::has_budget_remaining() {
        return Poll::Ready(());
    }
    tokio::task::coop::poll_proceed(cx).map(|progress| progress.made_progress())
}
