//! Publishing what follows from the event in flight of a filtered subscription.

use super::Filtered;
use crate::error::FollowUpError;
use crate::follow_up::{FollowUps, follow_up};

impl<T, E> Filtered<T, E> {
    /// Stores `event`, which follows from the event in flight, at once and without waiting, as
    /// [`Subscription::follow_up`](crate::Subscription::follow_up).
    ///
    /// # Errors
    /// [`FollowUpError`] with the event: `NothingInFlight`, if no event is in flight; `Closed`, if
    /// the manager is closed.
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(1);
    /// let mut orders = manager.subscribe_filter_map(|line: &String| line.parse::<u32>().ok());
    /// manager.try_notify("7".to_owned()).unwrap();
    /// let order = orders.next().now_or_never().flatten().unwrap();
    ///
    /// assert_eq!(orders.follow_up(format!("order {order} is paid")), Ok(0), "it is no number");
    /// assert_eq!(orders.follow_up("8".to_owned()), Ok(1));
    /// assert_eq!(orders.follow_up("9".to_owned()), Ok(1), "past the full window");
    /// assert_eq!(orders.len(), 2);
    /// ```
    pub fn follow_up(&self, event: E) -> Result<usize, FollowUpError<E>> {
        follow_up(&self.channel, self.subscriber(), event)
    }

    /// Returns a handle that publishes [follow-ups](Self::follow_up), as
    /// [`Subscription::follow_ups`](crate::Subscription::follow_ups).
    pub fn follow_ups(&self) -> FollowUps<E> {
        FollowUps::new(&self.channel, self.subscriber())
    }
}
