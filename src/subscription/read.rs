//! Reading without a trait in scope: `next`, `try_next` and `seq`.

#[cfg(feature = "rt")]
use std::future::{Future, poll_fn};
use std::task::{Context, Poll, Waker};

use super::stream::ReadSubscription;
use super::{Received, Subscription, WithMissed};
use crate::channel::source::{AfterBacklog, Source};
use crate::error::TryNextError;
use crate::future::Next;

impl<E> Subscription<E> {
    /// Waits for the next event; `None` once the stream has ended. Acknowledges the event in flight, as
    /// every poll of the stream does.
    ///
    /// The same as `next` of `StreamExt`, with no trait to import. The other methods of `StreamExt` work
    /// as on every stream.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: the event stays unread.
    ///
    /// # Examples
    /// ```
    /// use genevent::EventManager;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::new(4);
    /// let mut reader = manager.subscribe();
    /// manager.notify("hello").await.unwrap();
    /// manager.close();
    /// assert_eq!(reader.next().await, Some("hello"));
    /// assert_eq!(reader.next().await, None);
    /// # }
    /// ```
    #[doc(alias = "collect")]
    #[doc(alias = "recv")]
    #[inline]
    #[expect(
        clippy::should_implement_trait,
        reason = "the `next` of a stream, as everybody knows it"
    )]
    pub fn next(&mut self) -> Next<'_, Self>
    where
        E: Clone,
    {
        Next::new(self)
    }

    /// Returns the next event if there is one to read now. Acknowledges the event in flight, as
    /// [`next`](Self::next) does, also if there is none.
    ///
    /// Never waits, and registers no waker: a task that polls the stream elsewhere is woken as before.
    /// Outside of tokio's coop budget: a loop reads every stored event, however many there are. Such a
    /// loop yields to no other task; use [`next`](Self::next) in a loop without an end.
    ///
    /// For a stream of `Result`s, this method hides `try_next` of `TryStreamExt`.
    ///
    /// # Errors
    /// [`TryNextError`]: `Empty`, if there is nothing to read yet; `Ended`, once the stream has ended.
    ///
    /// # Examples
    /// ```
    /// use genevent::{EventManager, error::TryNextError};
    ///
    /// let manager = EventManager::new(4);
    /// let mut reader = manager.subscribe();
    /// assert_eq!(reader.try_next(), Err(TryNextError::Empty));
    /// manager.try_notify(1).unwrap();
    /// manager.try_notify(2).unwrap();
    /// manager.close();
    ///
    /// let mut sum = 0;
    /// while let Ok(n) = reader.try_next() {
    ///     sum += n;
    /// }
    /// assert_eq!(sum, 3);
    /// assert_eq!(reader.try_next(), Err(TryNextError::Ended));
    /// ```
    #[doc(alias = "try_recv")]
    pub fn try_next(&mut self) -> Result<E, TryNextError>
    where
        E: Clone,
    {
        try_event(self)
    }

    /// Returns the number of the last event that the stream has yielded, from 1; 0 before the first.
    ///
    /// The number to resume after: of the events of a manager, all subscribers see the same numbers.
    ///
    /// # Examples
    /// ```
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(4);
    /// manager.try_notify("before").unwrap();
    /// let mut reader = manager.subscribe();
    /// manager.try_notify("hello").unwrap();
    /// assert_eq!(reader.seq(), 0);
    /// assert_eq!(reader.try_next(), Ok("hello"));
    /// assert_eq!(reader.seq(), 2);
    /// ```
    #[must_use]
    pub fn seq(&self) -> u64 {
        // A claimed event whose `Clone` has panicked is not yielded.
        let position = self.state.position() - u64::from(self.unyielded);
        if position == self.skipped.to {
            self.skipped.last_seq
        } else {
            position
        }
    }

    /// Returns whether the next poll finds an event or the end of the stream, or a loss to report,
    /// unless publishers overwrite the event first.
    pub(super) fn is_ready(&self, report_missed: bool) -> bool {
        if report_missed {
            // A loss may not be noticed yet. A stage reports it also while its gate is closed. During a
            // replay there is an event to read before the loss, and the answer is the same.
            let overwritten = self.subscriber.cursor.load().position() - self.state.position();
            if self.missed_before_next + overwritten > 0 {
                return true;
            }
        }
        match &self.source {
            Source::Segment(segment)
                if self.unyielded || self.state.position() < segment.last() =>
            {
                true
            }
            Source::Backlog(backlog) if backlog.has_next() => true,
            Source::Backlog(backlog) => match backlog.after {
                AfterBacklog::Live => self.channel.is_readable(&self.subscriber),
                AfterBacklog::Disconnected(_) => true,
            },
            Source::Channel | Source::Segment(_) => self.channel.is_readable(&self.subscriber),
            Source::Ended(_) => true,
        }
    }
}

/// A position that a stream has reached without yielding the event there.
///
/// While no event is claimed after `to`, the last yielded event is `last_seq`.
#[derive(Clone, Copy)]
pub(super) struct Skipped {
    pub(super) to: u64,
    pub(super) last_seq: u64,
}

impl<E, S> WithMissed<E, S> {
    /// Waits for the next event or loss, as [`Subscription::next`].
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    ///
    /// # Examples
    /// ```
    /// use genevent::{EventManager, Overflow, Received};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::new(1);
    /// let mut newest = manager.subscribe_with(Overflow::DropOldest).with_missed();
    /// manager.notify("old").await.unwrap();
    /// manager.notify("new").await.unwrap();
    /// assert_eq!(newest.next().await, Some(Received::Missed(1)));
    /// assert_eq!(newest.next().await, Some(Received::Event("new")));
    /// # }
    /// ```
    #[expect(
        clippy::should_implement_trait,
        reason = "the `next` of a stream, as everybody knows it"
    )]
    pub fn next(&mut self) -> Next<'_, Self>
    where
        S: ReadSubscription<Item = E>,
    {
        Next::new(self)
    }

    /// Returns the next event or loss, if there is one to read now, as [`Subscription::try_next`].
    ///
    /// # Errors
    /// As [`Subscription::try_next`].
    ///
    /// # Examples
    /// ```
    /// use genevent::{EventManager, Overflow, Received, error::TryNextError};
    ///
    /// let manager = EventManager::new(1);
    /// let mut newest = manager.subscribe_with(Overflow::DropOldest).with_missed();
    /// manager.try_notify("old").unwrap();
    /// manager.try_notify("new").unwrap();
    /// assert_eq!(newest.try_next(), Ok(Received::Missed(1)));
    /// assert_eq!(newest.try_next(), Ok(Received::Event("new")));
    /// assert_eq!(newest.try_next(), Err(TryNextError::Empty));
    /// ```
    pub fn try_next(&mut self) -> Result<Received<E>, TryNextError>
    where
        S: ReadSubscription<Item = E>,
    {
        try_received(self.get_mut(), true)
    }
}

/// Reads the next event, or else acknowledges the event in flight.
pub(crate) fn try_event<S: ReadSubscription>(
    subscription: &mut S,
) -> Result<S::Item, TryNextError> {
    match try_received(subscription, false)? {
        Received::Event(event) => Ok(event),
        Received::Missed(_) => unreachable!("`report_missed` is false"),
    }
}

/// Reads the next event or loss, or else acknowledges the event in flight.
///
/// Polls only a stream that is ready, so the poll does not register its waker, which does nothing.
fn try_received<S: ReadSubscription>(
    subscription: &mut S,
    report_missed: bool,
) -> Result<Received<S::Item>, TryNextError> {
    loop {
        if !subscription.is_ready(report_missed) {
            if !seeded_bug!("empty-try-next-keeps-in-flight") {
                subscription.finish_in_flight();
            }
            return Err(TryNextError::Empty);
        }
        match poll_now(|cx| subscription.poll_received(cx, report_missed)) {
            Poll::Ready(Some(received)) => return Ok(received),
            Poll::Ready(None) => return Err(TryNextError::Ended),
            // Publishers have overwritten the events that were ready; newer events are stored.
            Poll::Pending => {}
        }
    }
}

/// Calls `poll` with a waker that does nothing, and with tokio's coop budget unlimited.
#[cfg(feature = "rt")]
fn poll_now<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
    let unconstrained = std::pin::pin!(tokio::task::unconstrained(poll_fn(|cx| poll(cx))));
    unconstrained.poll(&mut Context::from_waker(Waker::noop()))
}

#[cfg(not(feature = "rt"))]
fn poll_now<T>(poll: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
    poll(&mut Context::from_waker(Waker::noop()))
}
