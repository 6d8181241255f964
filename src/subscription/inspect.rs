//! The counts of a subscription, and the reason of its end.

use super::Subscription;
use crate::channel::source::{AfterBacklog, Source};
use crate::end_reason::EndReason;
use crate::future::Disconnected;
use crate::util::sync::Arc;

impl<E> Subscription<E> {
    /// Returns how many events this subscription has missed so far, with
    /// [`Overflow::DropOldest`](crate::Overflow::DropOldest), or because
    /// [`replay_since`](crate::SubscribeOptions::replay_since) asked for events that were not retained any
    /// more.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.subscriber.missed()
    }

    /// Returns how many events are stored for this subscription and not yielded yet, including
    /// [replayed](crate::SubscribeOptions::replay) events.
    #[must_use]
    pub fn len(&self) -> usize {
        self.unread_and_is_last().0
    }

    /// Returns whether no event is stored for this subscription and not yielded yet.
    ///
    /// # Examples
    /// ```
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(4);
    /// let reader = manager.subscribe();
    /// assert!(reader.is_empty());
    /// manager.try_notify('x').unwrap();
    /// assert_eq!((reader.is_empty(), reader.len()), (false, 1));
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns how many events are not yielded yet, and whether no further event can follow.
    pub(super) fn unread_and_is_last(&self) -> (usize, bool) {
        let held = match &self.source {
            Source::Ended(_) => return (0, true),
            Source::Backlog(backlog) => match backlog.after {
                AfterBacklog::Disconnected(_) => return (backlog.len(), true),
                AfterBacklog::Live => backlog.len(),
            },
            Source::Channel | Source::Segment(_) => usize::from(self.unyielded),
        };
        let (unread, is_last) = self.channel.unread_and_is_last(&self.subscriber);
        (held + unread, is_last)
    }

    /// Returns why the stream ended, or `None` until the stream has yielded its `None`.
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::{EndReason, EventManager};
    ///
    /// let manager = EventManager::<()>::new(1);
    /// let mut reader = manager.subscribe();
    /// manager.close();
    /// assert_eq!(reader.end_reason(), None);
    /// assert_eq!(reader.next().now_or_never(), Some(None));
    /// assert_eq!(reader.end_reason(), Some(EndReason::Closed));
    /// ```
    #[must_use]
    pub fn end_reason(&self) -> Option<EndReason> {
        match self.source {
            Source::Ended(reason) => Some(reason),
            _ => None,
        }
    }
}

impl<E: Send + Sync + 'static> Subscription<E> {
    /// Waits until the subscription is disconnected or has ended, also while the stream is not polled.
    ///
    /// For a server that writes events to the socket of a client: while the client reads nothing, the
    /// server waits for the socket and polls no stream. This future lets the server close the socket
    /// once the client is cut off, for example by [`Overflow::Disconnect`](crate::Overflow).
    ///
    /// The future borrows nothing, and may be moved to another task. It resolves to
    /// - [`EndReason::Disconnected`], at once when the subscription is disconnected, while its unread
    ///   events are still to be read;
    /// - [`EndReason::Closed`], when the stream has ended because the manager was closed. A stream that
    ///   is not polled after [`close`] still has its end to yield:
    ///   [`disconnect`](crate::EventManager::disconnect) cuts the stream off;
    /// - `None`, when the stream is dropped before.
    ///
    /// So the future never hangs for a stream that has ended or was dropped. It keeps neither the
    /// manager open nor the subscription attached.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::{EndReason, EventManager, Overflow, SubscribeOptions};
    ///
    /// let manager = EventManager::new(8);
    /// let browser = SubscribeOptions::new().observer().overflow(Overflow::Disconnect).window(2);
    /// let mut stream = manager.subscribe_with(browser);
    /// let mut gone = stream.disconnected();
    /// assert!((&mut gone).now_or_never().is_none());
    ///
    /// for n in 1..=3 {
    ///     manager.try_notify(n).unwrap(); // the third is too much for it
    /// }
    /// let reason = gone.now_or_never().unwrap().unwrap();
    /// assert!(matches!(reason, EndReason::Disconnected { .. }));
    /// assert_eq!(stream.next().now_or_never(), Some(Some(1)), "still to be read");
    ///
    /// let other = manager.subscribe();
    /// let gone = other.disconnected();
    /// drop(other);
    /// assert_eq!(gone.now_or_never(), Some(None));
    /// ```
    ///
    /// [`close`]: crate::EventManager::close
    pub fn disconnected(&self) -> Disconnected {
        let channel = Arc::clone(&self.channel);
        Disconnected::new(&self.subscriber, Some(channel))
    }
}
