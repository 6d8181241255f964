//! Missed events as values, at their position in the stream.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::{FusedStream, Stream};

use super::Subscription;
use super::stream::ReadSubscription;

/// An event, or the number of events overwritten before the next event.
///
/// # Examples
/// ```
/// use futures::{FutureExt, StreamExt};
/// use genevent::{EventManager, Overflow, Received};
///
/// let manager = EventManager::new(1);
/// let mut newest = manager.subscribe_with(Overflow::DropOldest).with_missed();
/// manager.try_notify("old").unwrap();
/// manager.try_notify("new").unwrap();
/// let received = match newest.next().now_or_never().flatten().unwrap() {
///     Received::Missed(events) => format!("{events} missed"),
///     Received::Event(event) => event.to_owned(),
///     other => panic!("a version after this example: {other:?}"),
/// };
/// assert_eq!(received, "1 missed");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Received<E> {
    /// The next event.
    Event(E),
    /// The number of events overwritten at this position, at least 1.
    #[doc(alias = "Overflowed")]
    #[doc(alias = "Lagged")]
    Missed(u64),
}

impl<E> fmt::Debug for Received<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event(_) => f.write_str("Event(..)"),
            Self::Missed(n) => f.debug_tuple("Missed").field(n).finish(),
        }
    }
}

/// Stream of [`Subscription::with_missed`], and of [`Filtered::with_missed`] with
/// `S = Filtered<E>`.
///
/// [`Filtered::with_missed`]: crate::Filtered::with_missed
#[must_use = "streams do nothing unless polled"]
pub struct WithMissed<E, S = Subscription<E>> {
    subscription: S,
    event: PhantomData<fn() -> E>,
}

impl<E, S> WithMissed<E, S> {
    pub(crate) fn new(subscription: S) -> Self {
        Self {
            subscription,
            event: PhantomData,
        }
    }

    /// Returns the subscription, which skips missed events from now on.
    pub fn into_inner(self) -> S {
        self.subscription
    }

    /// Returns a reference to the subscription, for methods such as `missed` and `len`.
    pub fn get_ref(&self) -> &S {
        &self.subscription
    }

    /// Returns a mutable reference to the subscription, for its `ack` and `nack`.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.subscription
    }
}

// Not derived: `derive` would require `E: Debug`.
impl<E, S: fmt::Debug> fmt::Debug for WithMissed<E, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithMissed")
            .field("subscription", &self.subscription)
            .finish()
    }
}

impl<E, S: ReadSubscription<Item = E>> Stream for WithMissed<E, S> {
    type Item = Received<E>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Received<E>>> {
        self.subscription.poll_received(cx, true)
    }

    /// The lower bound counts events, and missed events come in addition: there is no upper bound.
    fn size_hint(&self) -> (usize, Option<usize>) {
        let (events, _) = self.subscription.size_hint();
        (events, None)
    }
}

impl<E, S: ReadSubscription<Item = E>> FusedStream for WithMissed<E, S> {
    fn is_terminated(&self) -> bool {
        self.subscription.is_terminated()
    }
}
