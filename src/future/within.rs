//! Waiting only so long: `within` on everything that waits for answers.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::channel::Channel;
use crate::error::{DeadlineError, NotifyError, Unanswered, WouldDeadlock};
use crate::future::{AckNotify, Flush, Stop, SyncNotify};
use crate::receipt::Receipt;
use crate::util::timer::Deadline;

/// Future of the `within` methods: the inner future, or an error that names who is waited for.
///
/// # Cancel safety
/// As the inner future.
#[must_use = "futures do nothing unless polled"]
pub struct Within<F> {
    inner: F,
    duration: Duration,
    /// From the first poll on.
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

/// A future that knows whom it waits for.
trait Late: Future + Unpin {
    type Result;

    /// Its own output, as a result.
    fn in_time(&self, output: Self::Output) -> Self::Result;

    /// Gives up; `None` if nobody is waited for any more: room, or the last answer, is on its way.
    fn late(&mut self) -> Option<Self::Result>;
}

fn poll_within<F: Late>(within: &mut Within<F>, cx: &mut Context<'_>) -> Poll<F::Result> {
    // Before the inner future is polled: the time of its first poll counts.
    let duration = within.duration;
    let deadline = (within.deadline).get_or_insert_with(|| Deadline::after(duration));
    let inner = &mut within.inner;
    if let Poll::Ready(output) = Pin::new(&mut *inner).poll(cx) {
        return Poll::Ready(inner.in_time(output));
    }
    ready!(deadline.poll(cx));
    // What has come while we looked at the clock is in time.
    if let Poll::Ready(output) = Pin::new(&mut *inner).poll(cx) {
        return Poll::Ready(inner.in_time(output));
    }
    match inner.late() {
        Some(result) => Poll::Ready(result),
        // It has left its waker, which is about to be called.
        None => Poll::Pending,
    }
}

macro_rules! within {
    ($($name:ident -> $result:ty, $late:ident, $in_time:expr;)+) => {$(
        impl<'a, E> $name<'a, E> {
            /// Waits for at most `duration`, counted from the first poll.
            ///
            /// # Errors
            /// Names those that it still waits for, with the line that subscribed each; see the
            /// error type for what has happened to the event then.
            ///
            /// # Panics
            /// When it has to wait outside of a tokio runtime with time enabled.
            pub fn within(self, duration: Duration) -> Within<$name<'a, E>> {
                Within::new(self, duration)
            }
        }

        impl<E> Late for $name<'_, E> {
            type Result = $result;

            fn in_time(&self, output: Self::Output) -> Self::Result {
                $in_time(self, output)
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
    Flush -> Result<(), Unanswered>, unanswered, |flush: &Self, output| from_wait(flush.channel(), output);
    Stop -> Result<(), Unanswered>, unanswered, |stop: &Self, output| from_wait(stop.channel(), output);
}

fn from_wait<E>(channel: &Channel<E>, output: Result<(), WouldDeadlock>) -> Result<(), Unanswered> {
    output.map_err(|WouldDeadlock| Unanswered {
        would_deadlock: true,
        ..Unanswered::of(channel.current_handler_info())
    })
}

fn from_notify<F, E>(
    _: &F,
    output: Result<Receipt, NotifyError<E>>,
) -> Result<Receipt, DeadlineError<E>> {
    output.map_err(|error| match error {
        NotifyError::Closed(event) => DeadlineError::Closed(event),
        NotifyError::WouldDeadlock(event) => DeadlineError::WouldDeadlock(event),
    })
}

impl<F> fmt::Debug for Within<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Within").finish_non_exhaustive()
    }
}
