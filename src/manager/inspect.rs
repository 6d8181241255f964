//! Who subscribes, and how the manager stands.

use super::EventManager;
use crate::future::WaitForSubscribers;
use crate::inspect::Stats;
use crate::inspect::SubscriberInfo;

impl<E: Send + Sync + 'static> EventManager<E> {
    /// How many subscribers the next event would be stored for.
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
    #[must_use]
    pub fn subscriber_count(&self) -> usize {
        self.channel.subscriber_count()
    }

    /// Those subscribers, oldest first: who they are and how far each has read.
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

    /// How the manager stands, all at one moment: who reads, who waits for whom.
    ///
    /// For people and dashboards that ask why nothing moves. It takes the manager's lock for as
    /// long as it takes to copy the counts of every subscriber.
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

    /// Waits until there are at least `subscribers`, and gives how many there are.
    ///
    /// For a producer that should not talk to an empty room. Gives fewer only if the manager is
    /// closed.
    ///
    /// # Cancel safety
    /// Dropping it changes nothing.
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
    pub fn wait_for_subscribers(&self, subscribers: usize) -> WaitForSubscribers<'_, E> {
        WaitForSubscribers::new(&self.channel, subscribers)
    }
}
