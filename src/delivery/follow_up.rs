//! Publishing what follows from the deliveries in flight.

use super::Deliveries;
use crate::follow_up::{FollowUps, with_type};
use crate::subscription::AnySubscription;

impl<E, S: AnySubscription> Deliveries<E, S> {
    pub(crate) fn erased_follow_ups<T: Send + Sync + 'static>(&self) -> FollowUps<T> {
        let channel = self.subscriber.channel_of_deliveries();
        FollowUps::new(channel.and_then(with_type), &self.subscriber)
    }
}

impl<E: Send + Sync + 'static> Deliveries<E> {
    /// Returns a handle that publishes what follows from the deliveries in flight, as
    /// [`Subscription::follow_ups`](crate::Subscription::follow_ups): for the work of
    #[cfg_attr(
        feature = "rt",
        doc = "[`for_each_acked`](crate::EventStreamExt::for_each_acked)"
    )]
    #[cfg_attr(not(feature = "rt"), doc = "`for_each_acked`")]
    /// and its siblings, which get the event without its delivery.
    ///
    /// # Examples
    /// ```
    /// # #[cfg(feature = "rt")] {
    /// use futures::FutureExt;
    /// use genevent::{EventManager, EventStreamExt};
    ///
    /// let manager = EventManager::new(1);
    /// let mut jobs = manager.subscribe().deliveries();
    /// let follow_ups = jobs.follow_ups();
    /// manager.try_notify(3).unwrap();
    ///
    /// let work = jobs.for_each_acked(4, async |n| match n {
    ///     0 => manager.close(),
    ///     n => assert_eq!(follow_ups.notify(n - 1), Ok(1)),
    /// });
    /// assert!(work.now_or_never().is_some());
    /// # }
    /// ```
    pub fn follow_ups(&self) -> FollowUps<E> {
        self.erased_follow_ups()
    }
}
