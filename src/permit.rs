//! Permits: reserved room for one event.

use std::fmt;

use crate::channel::Channel;
use crate::channel::ticket::Ticket;
use crate::util::sync::Arc;

/// Room for one event, reserved in the window of every lossless subscriber.
///
/// Returned by [`EventManager::reserve`]. [`notify`](Self::notify) cannot fail and never waits.
/// Dropping the permit returns the room. A permit given before the manager was closed still
/// delivers; until the permit is used or dropped, streams do not end and [`stop`] waits.
///
/// A permit blocks other publishers as an unread event would, so do not keep a permit for long. A
/// subscriber that joins while permits are out gets their events too, even beyond a window smaller
/// than the number of permits. Inside a handler, permits are given past full windows: see
/// [`EventManager::notify`](crate::EventManager::notify).
///
/// A permit may be given although a [`WaitAtMost`](crate::Overflow) subscriber is overdue. The
/// subscriber is disconnected when the permit's event is stored, unless the subscriber has made
/// room by then.
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
/// assert!(manager.try_notify("other").is_err(), "the only room is reserved");
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
    /// `None` once the permit is used.
    channel: Option<Arc<Channel<E>>>,
}

impl<E> Permit<E> {
    /// Wraps room that the channel has reserved.
    pub(crate) fn new(channel: Arc<Channel<E>>) -> Self {
        Self {
            channel: Some(channel),
        }
    }

    /// Stores `event` in the reserved room, and returns the number of subscribers the event was
    /// stored for.
    ///
    /// # Panics
    /// If the key function of [topics](crate::Topics), or one of their keys, panics. The event is not
    /// stored, and the room is returned.
    pub fn notify(mut self, event: E) -> usize {
        self.store(event, None)
    }

    /// Stores `event`, and counts its acknowledgements in `ticket`.
    pub(crate) fn notify_awaited(mut self, event: E, ticket: &Arc<Ticket>) {
        self.store(event, Some(ticket));
    }

    fn store(&mut self, event: E, ticket: Option<&Arc<Ticket>>) -> usize {
        if seeded_bug!("panicking-key-keeps-room") {
            let channel = self.channel.take();
            return channel.map_or(0, |channel| channel.store_permitted(event, ticket).audience);
        }
        // Taken only afterwards: if a key function panics, dropping the permit returns the room.
        let channel = self.channel.as_ref().expect("a permit is used once");
        let stored = channel.store_permitted(event, ticket);
        let channel = self.channel.take();
        trace!(published(channel.as_ref().and_then(|it| it.name()), stored));
        drop(channel);
        stored.audience
    }
}

impl<E> Drop for Permit<E> {
    fn drop(&mut self) {
        if let Some(channel) = self.channel.take() {
            channel.release_permit();
        }
    }
}

impl<E> fmt::Debug for Permit<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}
