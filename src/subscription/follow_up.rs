//! Publishing what follows from the event in flight.

use super::Subscription;
use crate::error::FollowUpError;
use crate::follow_up::{FollowUps, follow_up};
use crate::util::sync::Arc;

impl<E> Subscription<E> {
    /// Stores `event`, which follows from the event in flight, at once and without waiting. Returns
    /// the number of subscribers that the event was stored for.
    ///
    /// For a reader that publishes to its own manager: [`notify`] there may wait for the reader
    /// itself. A follow-up goes past full windows, as a publish inside a [handler] does, and ahead
    /// of queued publishers. Other publishers wait until all subscribers are within their windows
    /// again. So memory is bounded by the stored events and what each of them leads to: an event
    /// must not lead to more and more events without end. Lossy subscribers with full windows lose
    /// events as always.
    ///
    /// An event is in flight from the poll that yields the event until the next poll or
    /// [`ack`](Self::ack). [Replayed](crate::SubscribeOptions::replay) events count, and so do the
    /// events read after a disconnect. [`follow_ups`](Self::follow_ups) returns a handle for
    /// closures of combinators.
    ///
    /// Costs as much as [`try_notify`](crate::EventManager::try_notify).
    ///
    /// # Errors
    /// [`FollowUpError`] with the event: `NothingInFlight`, if no event is in flight, so there is
    /// none to follow from; `Closed`, if the manager is closed.
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::{EventManager, error::{FollowUpError, TryNotifyError}};
    ///
    /// let manager = EventManager::new(1);
    /// let mut orders = manager.subscribe();
    /// manager.try_notify("order").unwrap();
    /// assert_eq!(orders.next().now_or_never(), Some(Some("order")));
    ///
    /// for step in ["paid", "packed", "shipped"] {
    ///     assert_eq!(orders.follow_up(step), Ok(1), "the window has room for one event");
    /// }
    /// assert_eq!(manager.try_notify("next"), Err(TryNotifyError::Full("next")));
    ///
    /// let steps = orders.by_ref().take(3).collect::<Vec<_>>().now_or_never();
    /// assert_eq!(steps.unwrap(), ["paid", "packed", "shipped"]);
    /// orders.ack();
    /// assert_eq!(orders.follow_up("late"), Err(FollowUpError::NothingInFlight("late")));
    /// ```
    ///
    /// [`notify`]: crate::EventManager::notify
    #[cfg_attr(feature = "rt", doc = "[handler]: crate::Handler")]
    #[cfg_attr(
        not(feature = "rt"),
        doc = "[handler]: https://docs.rs/genevent/latest/genevent/trait.Handler.html"
    )]
    pub fn follow_up(&self, event: E) -> Result<usize, FollowUpError<E>> {
        follow_up(&self.channel, &self.subscriber, event)
    }

    /// Returns a handle that publishes [follow-ups](Self::follow_up), for closures of combinators,
    /// which have no access to the stream.
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(1);
    /// let orders = manager.subscribe();
    /// let follow_ups = orders.follow_ups();
    /// manager.try_notify("order").unwrap();
    /// manager.close();
    ///
    /// let mut refused = orders.map(|_| follow_ups.notify("shipped").is_err());
    /// assert_eq!(refused.next().now_or_never(), Some(Some(true)), "the manager is closed");
    /// ```
    pub fn follow_ups(&self) -> FollowUps<E> {
        FollowUps::new(Some(Arc::clone(&self.channel)), &self.subscriber)
    }
}
