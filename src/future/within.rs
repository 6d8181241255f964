//! Time limits: `within` on every future that waits for acknowledgements.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::error::{DeadlineError, NotifyError, WaitError, WouldDeadlock};
use crate::future::{AckNotify, Flush, Quiet, Stop, SyncNotify};
use crate::receipt::Receipt;
use crate::util::timer::Deadline;

/// Future of the `within` methods. Resolves to the output of the inner future, or to an error
/// naming the subscribers still waited for.
///
/// # Cancel safety
/// As the inner future.
#[must_use = "futures do nothing unless polled"]
pub struct Within<F> {
    inner: F,
    duration: Duration,
    /// Set at the first poll.
    deadline: Option<Deadline>,
}

impl<F> Within<F> {
    fn new(inner: F, duration: Duration) -> Self {
        Self {
            inner,
            duration,
            deadline: None,
        }
    }
}

/// A future that can name the subscribers it waits for.
trait Late: Future + Unpin {
    type Result;

    /// Converts the future's own output.
    fn in_time(output: Self::Output) -> Self::Result;

    /// Gives up, and returns the error.
    ///
    /// Returns `None` if no subscriber is waited for any more: the wake-up for room, or for the
    /// last acknowledgement, is about to arrive.
    fn late(&mut self) -> Option<Self::Result>;
}

fn poll_within<F: Late>(within: &mut Within<F>, cx: &mut Context<'_>) -> Poll<F::Result> {
    // Start the timer before polling the inner future: the limit includes the time of that poll.
    let duration = within.duration;
    let deadline = (within.deadline).get_or_insert_with(|| Deadline::after(duration));
    let inner = &mut within.inner;
    if let Poll::Ready(output) = Pin::new(&mut *inner).poll(cx) {
        return Poll::Ready(F::in_time(output));
    }
    ready!(deadline.poll(cx));
    // Poll again: an output that arrived while the clock was read is in time.
    if let Poll::Ready(output) = Pin::new(&mut *inner).poll(cx) {
        return Poll::Ready(F::in_time(output));
    }
    match inner.late() {
        Some(result) => Poll::Ready(result),
        // The inner future has registered its waker, which is about to be called.
        None => Poll::Pending,
    }
}

macro_rules! within {
    ($($name:ident -> $result:ty, $late:ident, $in_time:expr;)+) => {$(
        impl<'a, E> $name<'a, E> {
            /// Waits for at most `duration`, counted from the first poll.
            ///
            /// # Errors
            /// The error names the subscribers still waited for, each with the source line that
            /// subscribed it. The error type says whether the event is stored.
            ///
            /// # Panics
            /// If the future has to wait outside of a tokio runtime with time enabled.
            pub fn within(self, duration: Duration) -> Within<$name<'a, E>> {
                Within::new(self, duration)
            }
        }

        impl<E> Late for $name<'_, E> {
            type Result = $result;

            fn in_time(output: Self::Output) -> Self::Result {
                output.map_err($in_time)
            }

            fn late(&mut self) -> Option<Self::Result> {
                self.$late().map(Err)
            }
        }

        impl<E> Future for Within<$name<'_, E>> {
            type Output = $result;

            fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
                poll_within(self.get_mut(), cx)
            }
        }
    )+};
}

within! {
    SyncNotify -> Result<Receipt, DeadlineError<E>>, give_up, from_notify;
    AckNotify -> Result<Receipt, DeadlineError<E>>, give_up, from_notify;
    Flush -> Result<(), WaitError>, give_up, |WouldDeadlock| WaitError::WouldDeadlock;
    Quiet -> Result<(), WaitError>, give_up, |WouldDeadlock| WaitError::WouldDeadlock;
    Stop -> Result<(), WaitError>, give_up, |WouldDeadlock| WaitError::WouldDeadlock;
}

fn from_notify<E>(error: NotifyError<E>) -> DeadlineError<E> {
    match error {
        NotifyError::Closed(event) => DeadlineError::Closed(event),
        NotifyError::WouldDeadlock(event) => DeadlineError::WouldDeadlock(event),
    }
}

impl<F> fmt::Debug for Within<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Within").finish_non_exhaustive()
    }
}
