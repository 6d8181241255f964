//! Room for one event, held until it is used.

use std::fmt;
use std::task::{Context, Poll, ready};

use crate::channel::ticket::Ticket;
use crate::channel::{Channel, Rejected};
use crate::error::ReserveError;
use crate::future::QueueEntry;
use crate::subscriber_id::SubscriberId;
use crate::util::sync::Arc;

/// Room for one event: in every waiting window a place is held for it.
///
/// From [`EventManager::reserve`]. [`notify`](Self::notify) cannot fail and never waits. Dropping
/// the permit gives the room back. A permit given before the manager was closed still delivers;
/// until it is used or dropped, streams do not end and [`stop`] waits.
///
/// A permit holds up other publishers as an unread event would: do not keep it for long. A
/// subscriber that joins while permits are out gets their events, too, even past a window that is
/// smaller than their number.
///
/// A permit may be given past a [`WaitAtMost`](crate::Overflow) subscriber whose time is up. The
/// subscriber is disconnected when the permit's event is stored, unless it has made room by then.
///
/// # Examples
/// ```
/// use futures::{FutureExt, StreamExt};
/// use genevent::EventManager;
///
/// let manager = EventManager::new(1);
/// let mut reader = manager.subscribe();
///
/// let permit = manager.reserve().now_or_never().unwrap().unwrap();
/// assert!(manager.try_notify("other").is_err(), "the only place is held");
/// manager.close();
/// assert_eq!(permit.notify("kept"), 1);
/// assert_eq!(reader.next().now_or_never(), Some(Some("kept")));
/// assert_eq!(reader.next().now_or_never(), Some(None));
/// ```
///
/// [`EventManager::reserve`]: crate::EventManager::reserve
/// [`stop`]: crate::EventManager::stop
#[must_use = "dropping a permit gives its room back"]
pub struct Permit<E> {
    /// Taken when it is used.
    channel: Option<Arc<Channel<E>>>,
    /// The handler that it was given inside of, if any: room of a handler's own permits is not waited
    /// for in the handler.
    inside: Option<SubscriberId>,
}

impl<E> Permit<E> {
    pub(crate) fn poll_reserve(
        channel: &Arc<Channel<E>>,
        queueing: &mut QueueEntry,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Self, ReserveError>> {
        let reserved = ready!(queueing.poll(cx, |turn, waker| channel.poll_reserve(turn, waker)));
        Poll::Ready(match reserved {
            Ok(inside) => Ok(Self {
                channel: Some(Arc::clone(channel)),
                inside,
            }),
            Err(Rejected::Closed) => Err(ReserveError::Closed),
            Err(Rejected::WouldDeadlock) => Err(ReserveError::WouldDeadlock),
        })
    }

    /// Stores `event` in the reserved place, and gives the number of subscribers that it was
    /// stored for.
    pub fn notify(mut self, event: E) -> usize {
        self.store(event, None)
    }

    /// As `notify`, with somebody who waits for the answers.
    pub(crate) fn notify_awaited(mut self, event: E, ticket: &Arc<Ticket>) {
        self.store(event, Some(ticket));
    }

    fn store(&mut self, event: E, ticket: Option<&Arc<Ticket>>) -> usize {
        let channel = self.channel.take().expect("a permit is used once");
        let stored = channel.store_reserved(event, ticket, self.inside);
        trace!(published(channel.name(), stored));
        stored.audience
    }
}

impl<E> Drop for Permit<E> {
    fn drop(&mut self) {
        if let Some(channel) = self.channel.take() {
            channel.release_permit(self.inside);
        }
    }
}

impl<E> fmt::Debug for Permit<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}
