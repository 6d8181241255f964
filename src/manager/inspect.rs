//! The subscribers of a manager, and its statistics.

use super::EventManager;
use crate::future::{Unsubscribed, WaitForSubscribers};
use crate::inspect::{Stats, SubscriberInfo};

impl<E: Send + Sync + 'static> EventManager<E> {
    /// Returns how many subscribers the next event would be stored for. Each handler of a group counts.
    ///
    /// # Examples
    /// ```
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::<()>::default();
    /// let one = manager.subscribe();
    /// assert_eq!(manager.subscriber_count(), 1);
    /// drop(one);
    /// assert_eq!(manager.subscriber_count(), 0);
    /// ```
    #[doc(alias = "subscriptionCount")]
    #[doc(alias = "receiver_count")]
    #[must_use]
    pub fn subscriber_count(&self) -> usize {
        self.channel.subscriber_count()
    }

    /// Returns the attached subscribers, oldest first, and how far each has read.
    ///
    /// # Examples
    /// ```
    /// use genevent::{EventManager, SubscribeOptions};
    ///
    /// let manager = EventManager::new(8);
    /// let slow = manager.subscribe_with(SubscribeOptions::new().name("slow"));
    /// manager.try_notify(1).unwrap();
    /// let behind: Vec<_> = manager.subscribers().into_iter().filter(|s| s.unread() > 0).collect();
    /// assert_eq!(behind[0].id(), slow.id());
    /// ```
    #[doc(alias = "GenEvent.which_handlers")]
    #[must_use]
    pub fn subscribers(&self) -> Vec<SubscriberInfo> {
        self.channel.subscribers()
    }

    /// Returns a consistent snapshot of the manager: its subscribers, and the waiting publishers.
    ///
    /// For debugging and dashboards, when publishers or `flush` make no progress. Holds the
    /// manager's lock while copying the counts of every subscriber.
    ///
    /// # Examples
    /// ```
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(8);
    /// let reader = manager.subscribe();
    /// manager.try_notify('a').unwrap();
    /// let stats = manager.stats();
    /// assert_eq!((stats.published(), stats.subscribers()[0].unread()), (1, 1));
    /// assert_eq!((stats.waiting_publishers(), stats.permits()), (0, 0));
    /// # drop(reader);
    /// ```
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.channel.stats()
    }

    /// Waits until there are at least `subscribers` subscribers, and returns their number.
    ///
    /// For a producer without use for events before there is a subscriber. Returns fewer only if
    /// the manager is closed.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    ///
    /// # Examples
    /// ```
    /// use futures::FutureExt;
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::<()>::default();
    /// let mut ready = manager.wait_for_subscribers(1);
    /// assert_eq!((&mut ready).now_or_never(), None);
    /// let reader = manager.subscribe();
    /// assert_eq!(ready.now_or_never(), Some(1));
    /// # drop(reader);
    /// ```
    #[doc(alias = "set_await_active")]
    pub fn wait_for_subscribers(&self, subscribers: usize) -> WaitForSubscribers<'_, E> {
        WaitForSubscribers::new(&self.channel, subscribers)
    }

    /// Waits until no subscriber is left, as `closed` of the `Sender`s of tokio does.
    ///
    /// For a producer that ends, or pauses, once there is no subscriber to produce for. Resolves at once
    /// if there is none; [`wait_for_subscribers`](Self::wait_for_subscribers) waits for the first.
    /// [Observers](crate::SubscribeOptions::observer) and handlers are subscribers as well, as in
    /// [`subscriber_count`](Self::subscriber_count). A subscriber that was disconnected is not, although
    /// its stream may still yield events. A later subscriber may join at any time: the future tells
    /// about the moment of its last poll.
    ///
    /// The future does not depend on [`close`](Self::close): after it, subscribers leave once they have
    /// read everything.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    ///
    /// # Examples
    /// ```
    /// use futures::FutureExt;
    /// use genevent::{EventManager, SubscribeOptions};
    ///
    /// let manager = EventManager::<()>::default();
    /// let (reader, screen) = (
    ///     manager.subscribe(),
    ///     manager.subscribe_with(SubscribeOptions::new().observer()),
    /// );
    /// let mut unsubscribed = manager.unsubscribed();
    /// drop(reader);
    /// assert!((&mut unsubscribed).now_or_never().is_none(), "the screen is left");
    /// drop(screen);
    /// assert!(unsubscribed.now_or_never().is_some());
    /// ```
    #[doc(alias = "closed")]
    pub fn unsubscribed(&self) -> Unsubscribed<'_, E> {
        Unsubscribed::new(&self.channel)
    }
}
