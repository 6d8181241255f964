//! Time limits: `within` on every future that waits for room or for acknowledgements.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::error::{
    DeadlineError, NotifyError, ReserveDeadlineError, ReserveError, WaitError, WouldDeadlock,
};
use crate::future::{
    AckNotify, AckNotifyOwned, Flush, Notify, NotifyOwned, Quiet, Reserve, ReserveOwned, Stop,
    SyncNotify, SyncNotifyOwned,
};
use crate::permit::Permit;
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
    ($($(#[$doc:meta])* $name:ident<$($life:lifetime,)? E> -> $result:ty, $in_time:expr, $late:expr;)+) => {$(
        impl<$($life,)? E> $name<$($life,)? E> {
            $(#[$doc])*
            pub fn within(self, duration: Duration) -> Within<$name<$($life,)? E>> {
                Within::new(self, duration)
            }
        }

        impl<$($life,)? E> Late for $name<$($life,)? E> {
            type Result = $result;

            fn in_time(output: Self::Output) -> Self::Result {
                output.map_err($in_time)
            }

            fn late(&mut self) -> Option<Self::Result> {
                self.give_up().map($late).map(Err)
            }
        }

        impl<$($life,)? E> Future for Within<$name<$($life,)? E>> {
            type Output = $result;

            fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
                poll_within(self.get_mut(), cx)
            }
        }
    )+};
}

within! {
    /// Waits for room for at most `duration`, counted from the first poll.
    ///
    /// Works on any executor: see [Time limits](crate#time-limits).
    ///
    /// # Errors
    /// [`DeadlineError`] with the event: `Closed` as without a limit; `NotStored`, if the time is
    /// up. `NotStored` names the subscribers without room, each with
    /// the source line that subscribed it. Never `Unanswered`.
    ///
    /// # Cancel safety
    /// As without a limit: dropped before the event is stored, no subscriber gets the event.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use futures::executor::block_on;
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(1);
    /// let stuck = manager.subscribe();
    /// let moment = Duration::from_millis(1);
    /// assert_eq!(block_on(manager.notify("first").within(moment)).unwrap(), 1);
    ///
    /// let late = block_on(manager.notify("second").within(moment)).unwrap_err();
    /// assert_eq!(late.waiting_for()[0].id(), stuck.id());
    /// assert_eq!(late.into_event(), Some("second"));
    /// ```
    Notify<'a, E> -> Result<usize, DeadlineError<E>>, from_notify, DeadlineError::NotStored;

    /// Waits for room for at most `duration`, as [`Notify::within`].
    ///
    /// # Errors
    /// [`DeadlineError`] with the event, as [`Notify::within`].
    ///
    /// # Cancel safety
    /// As without a limit: dropped before the event is stored, no subscriber gets the event.
    NotifyOwned<E> -> Result<usize, DeadlineError<E>>, from_notify, DeadlineError::NotStored;

    /// Waits for room for at most `duration`, counted from the first poll.
    ///
    /// Works on any executor: see [Time limits](crate#time-limits).
    ///
    /// # Errors
    /// [`ReserveDeadlineError`]: `Closed` as without a limit; `NotReserved`, if the time is up. `NotReserved` names the subscribers without room, each with the source line
    /// that subscribed it.
    ///
    /// # Cancel safety
    /// As without a limit: dropping the future reserves no room.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use futures::executor::block_on;
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(1);
    /// let moment = Duration::from_millis(1);
    /// let permit = block_on(manager.reserve().within(moment)).unwrap();
    ///
    /// let late = block_on(manager.reserve().within(moment)).unwrap_err();
    /// assert!(late.waiting_for().is_empty(), "the permit holds the room, no subscriber");
    /// assert_eq!(permit.notify("made only now"), 0);
    /// ```
    Reserve<'a, E> -> Result<Permit<E>, ReserveDeadlineError>,
        from_reserve, ReserveDeadlineError::NotReserved;

    /// Waits for room for at most `duration`, as [`Reserve::within`].
    ///
    /// # Errors
    /// [`ReserveDeadlineError`], as [`Reserve::within`].
    ///
    /// # Cancel safety
    /// As without a limit: dropping the future reserves no room.
    ReserveOwned<E> -> Result<Permit<E>, ReserveDeadlineError>,
        from_reserve, ReserveDeadlineError::NotReserved;

    /// Waits for room and for the answers for at most `duration`, counted from the first poll.
    ///
    /// Works on any executor: see [Time limits](crate#time-limits).
    ///
    /// # Errors
    /// [`DeadlineError`], whose variant says whether the event is stored. `NotStored` returns the
    /// event and names the subscribers without room. `Unanswered` names the subscribers that have
    /// not finished the event; [`Unanswered::settled`] goes on waiting for them.
    ///
    /// # Cancel safety
    /// As without a limit: dropped before the event is stored, no subscriber gets the event. Dropped
    /// later, all subscribers get the event, and only the receipt is lost.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use futures::executor::block_on;
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(1);
    /// let stuck = manager.subscribe();
    /// let late = block_on(manager.sync_notify("event").within(Duration::from_millis(1)));
    /// let late = late.unwrap_err();
    /// assert_eq!(late.waiting_for()[0].id(), stuck.id());
    /// assert_eq!(late.into_event(), None, "the event is stored, and stays stored");
    /// ```
    ///
    /// [`Unanswered::settled`]: crate::error::Unanswered::settled
    SyncNotify<'a, E> -> Result<Receipt, DeadlineError<E>>, from_notify, |late| late;

    /// Waits for room and for the answers for at most `duration`, as [`SyncNotify::within`].
    ///
    /// # Errors
    /// [`DeadlineError`], as [`SyncNotify::within`].
    ///
    /// # Cancel safety
    /// As without a limit: dropped before the event is stored, no subscriber gets the event. Dropped
    /// later, all subscribers get the event, and only the receipt is lost.
    SyncNotifyOwned<E> -> Result<Receipt, DeadlineError<E>>, from_notify, |late| late;

    /// Waits for room and for the answers for at most `duration`, counted from the first poll.
    ///
    /// Works on any executor: see [Time limits](crate#time-limits).
    ///
    /// # Errors
    /// [`DeadlineError`], whose variant says whether the event is stored. `NotStored` returns the
    /// event and names the subscribers without room. `Unanswered` names the subscribers that have
    /// not received the event; [`Unanswered::settled`] goes on waiting for them.
    ///
    /// # Cancel safety
    /// As without a limit: dropped before the event is stored, no subscriber gets the event. Dropped
    /// later, all subscribers get the event, and only the receipt is lost.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use futures::executor::block_on;
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(1);
    /// let unread = manager.subscribe();
    /// let late = block_on(manager.ack_notify("event").within(Duration::from_millis(1)));
    /// assert_eq!(late.unwrap_err().waiting_for()[0].id(), unread.id());
    /// ```
    ///
    /// [`Unanswered::settled`]: crate::error::Unanswered::settled
    AckNotify<'a, E> -> Result<Receipt, DeadlineError<E>>, from_notify, |late| late;

    /// Waits for room and for the answers for at most `duration`, as [`AckNotify::within`].
    ///
    /// # Errors
    /// [`DeadlineError`], as [`AckNotify::within`].
    ///
    /// # Cancel safety
    /// As without a limit: dropped before the event is stored, no subscriber gets the event. Dropped
    /// later, all subscribers get the event, and only the receipt is lost.
    AckNotifyOwned<E> -> Result<Receipt, DeadlineError<E>>, from_notify, |late| late;

    /// Waits for at most `duration`, counted from the first poll.
    ///
    /// Works on any executor: see [Time limits](crate#time-limits).
    ///
    /// # Errors
    /// [`WaitError`]: `WouldDeadlock` as without a limit; `Unsettled`, if the time is up, which names
    /// the subscribers still waited for.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use futures::executor::block_on;
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(1);
    /// let unread = manager.subscribe();
    /// manager.try_notify("event").unwrap();
    /// let late = block_on(manager.flush().within(Duration::from_millis(1)));
    /// assert_eq!(late.unwrap_err().waiting_for()[0].id(), unread.id());
    /// ```
    Flush<'a, E> -> Result<(), WaitError>, |WouldDeadlock| WaitError::WouldDeadlock, |late| late;

    /// Waits for at most `duration`, counted from the first poll.
    ///
    /// Works on any executor: see [Time limits](crate#time-limits).
    ///
    /// # Errors
    /// [`WaitError`]: `WouldDeadlock` as without a limit; `Unsettled`, if the time is up, which names
    /// the subscribers still waited for. The list is empty if only queued publishers are.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use futures::executor::block_on;
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(1);
    /// let unread = manager.subscribe();
    /// manager.try_notify("event").unwrap();
    /// let late = block_on(manager.quiet().within(Duration::from_millis(1)));
    /// assert_eq!(late.unwrap_err().waiting_for()[0].id(), unread.id());
    /// ```
    Quiet<'a, E> -> Result<(), WaitError>, |WouldDeadlock| WaitError::WouldDeadlock, |late| late;

    /// Waits for at most `duration`, counted from the first poll, which closes the manager.
    ///
    /// Works on any executor: see [Time limits](crate#time-limits).
    ///
    /// # Errors
    /// [`WaitError`]: `WouldDeadlock` as without a limit; `Unsettled`, if the time is up, which names
    /// the subscribers still waited for. The manager stays closed.
    ///
    /// # Cancel safety
    /// As without a limit: the manager is closed once the future has been polled.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use futures::executor::block_on;
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(1);
    /// let unread = manager.subscribe();
    /// manager.try_notify("event").unwrap();
    /// let late = block_on(manager.stop().within(Duration::from_millis(1)));
    /// assert_eq!(late.unwrap_err().waiting_for()[0].id(), unread.id());
    /// assert!(manager.is_closed());
    /// ```
    Stop<'a, E> -> Result<(), WaitError>, |WouldDeadlock| WaitError::WouldDeadlock, |late| late;
}

fn from_notify<E>(error: NotifyError<E>) -> DeadlineError<E> {
    match error {
        NotifyError::Closed(event) => DeadlineError::Closed(event),
        NotifyError::WouldDeadlock(event) => DeadlineError::WouldDeadlock(event),
    }
}

fn from_reserve(error: ReserveError) -> ReserveDeadlineError {
    match error {
        ReserveError::Closed => ReserveDeadlineError::Closed,
        ReserveError::WouldDeadlock => unreachable!("only flushing a sink is refused in a handler"),
    }
}

impl<F> fmt::Debug for Within<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Within").finish_non_exhaustive()
    }
}
