//! The counts of a subscription, and the reason of its end.

use super::Subscription;
use crate::channel::source::{AfterBacklog, Source};
use crate::end_reason::EndReason;

impl<E> Subscription<E> {
    /// Returns how many events this subscription has missed so far, with
    /// [`Overflow::DropOldest`](crate::Overflow::DropOldest).
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
