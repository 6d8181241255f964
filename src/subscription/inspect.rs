//! The counts of a subscription, and the reason of its end.

use super::Subscription;
use crate::channel::source::{Source, Then};
use crate::end_reason::EndReason;

impl<E> Subscription<E> {
    /// How many events this subscription has lost to newer ones so far, with
    /// [`Overflow::DropOldest`](crate::Overflow::DropOldest).
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.subscriber.missed()
    }

    /// How many events wait to be read, [replayed](SubscribeOptions::replay) ones among them.
    #[must_use]
    pub fn len(&self) -> usize {
        self.backlog().0
    }

    /// Returns whether no event waits to be read.
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

    /// How many events wait to be read, and whether these are the last.
    pub(super) fn backlog(&self) -> (usize, bool) {
        match &self.source {
            Source::Channel | Source::Segment(_) => {
                let (unread, last) = self.channel.backlog(&self.subscriber);
                (unread + usize::from(self.unyielded), last)
            }
            Source::Backlog(rest) => match rest.after {
                Then::Live => {
                    let (unread, last) = self.channel.backlog(&self.subscriber);
                    (rest.len() + unread, last)
                }
                Then::Disconnected(_) => (rest.len(), true),
            },
            Source::Ended(_) => (0, true),
        }
    }

    /// Why the stream ended; `None` until it has yielded its `None`.
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
