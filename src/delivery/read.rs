//! Reading deliveries without a trait in scope.

use super::{Deliveries, Delivery};
use crate::error::TryNextError;
use crate::future::Next;
use crate::subscription::{AnySubscription, ReadSubscription, try_event};

impl<E, S: AnySubscription> Deliveries<E, S> {
    /// Waits for the next delivery, as [`Subscription::next`](crate::Subscription::next), but
    /// acknowledges nothing.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: the event stays unread.
    ///
    /// # Examples
    /// ```
    /// use genevent::EventManager;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::new(4);
    /// let mut jobs = manager.subscribe().deliveries();
    /// manager.notify("job").await.unwrap();
    /// let job = jobs.next().await.unwrap();
    /// assert_eq!((job.ack(), jobs.unacked()), ("job", 0));
    /// # }
    /// ```
    #[expect(
        clippy::should_implement_trait,
        reason = "the `next` of a stream, as everybody knows it"
    )]
    pub fn next(&mut self) -> Next<'_, Self>
    where
        S: ReadSubscription<Item = E>,
    {
        Next::new(self)
    }

    /// Returns the next delivery if there is one to read now, as
    /// [`Subscription::try_next`](crate::Subscription::try_next), but acknowledges nothing.
    ///
    /// # Errors
    /// [`TryNextError`]: `Empty`, if there is nothing to read yet, and while
    /// [`max_unacked`](crate::SubscribeOptions::max_unacked) deliveries are in flight; `Ended`, once the
    /// stream has ended.
    ///
    /// # Examples
    /// ```
    /// use genevent::{EventManager, SubscribeOptions, error::TryNextError};
    ///
    /// let manager = EventManager::new(4);
    /// let options = SubscribeOptions::new().max_unacked(1);
    /// let mut jobs = manager.subscribe_with(options).deliveries();
    /// manager.try_notify("first").unwrap();
    /// manager.try_notify("second").unwrap();
    ///
    /// let first = jobs.try_next().unwrap();
    /// assert_eq!(jobs.try_next().unwrap_err(), TryNextError::Empty);
    /// first.ack();
    /// assert_eq!(jobs.try_next().unwrap().ack(), "second");
    /// ```
    pub fn try_next(&mut self) -> Result<Delivery<E>, TryNextError>
    where
        S: ReadSubscription<Item = E>,
    {
        if !self.subscription.has_unyielded() && self.subscriber.is_full_of_deliveries() {
            return Err(TryNextError::Empty);
        }
        let event = try_event(&mut self.subscription)?;
        Ok(Delivery::new(event, self.subscription.take_ack()))
    }

    /// Returns the number of the last event that the stream has yielded, as
    /// [`Subscription::seq`](crate::Subscription::seq); 0 before the first.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.subscription.seq()
    }
}
