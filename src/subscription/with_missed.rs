//! Losses as values, in their place among the events.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::{FusedStream, Stream};

use super::Subscription;

/// An event, or how many were lost before the next one.
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
/// let told = match newest.next().now_or_never().flatten().unwrap() {
///     Received::Missed(events) => format!("{events} missed"),
///     Received::Event(event) => event.to_owned(),
///     other => panic!("a version after this example: {other:?}"),
/// };
/// assert_eq!(told, "1 missed");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Received<E> {
    /// The next event.
    Event(E),
    /// So many events, at least 1, have been overwritten here.
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

/// Stream of [`Subscription::with_missed`].
#[must_use = "streams do nothing unless polled"]
pub struct WithMissed<E> {
    subscription: Subscription<E>,
}

impl<E> WithMissed<E> {
    pub(super) fn new(subscription: Subscription<E>) -> Self {
        Self { subscription }
    }

    /// The subscription, which goes on without telling.
    pub fn into_inner(self) -> Subscription<E> {
        self.subscription
    }

    /// The subscription itself, for its `ack`, `missed` and the like.
    pub fn get_ref(&self) -> &Subscription<E> {
        &self.subscription
    }

    /// The subscription itself, for its `ack`.
    pub fn get_mut(&mut self) -> &mut Subscription<E> {
        &mut self.subscription
    }
}

// Not derived, which would ask `E` for `Debug`.
impl<E> fmt::Debug for WithMissed<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithMissed")
            .field("subscription", &self.subscription)
            .finish()
    }
}

impl<E: Clone> Stream for WithMissed<E> {
    type Item = Received<E>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Received<E>>> {
        self.subscription.poll_received(cx, true)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (events, _) = self.subscription.size_hint();
        (events, None)
    }
}

impl<E: Clone> FusedStream for WithMissed<E> {
    fn is_terminated(&self) -> bool {
        self.subscription.is_terminated()
    }
}
