//! Publishing what follows from the event in flight of a filtered subscription.

use super::Filtered;
use crate::delivery::Deliveries;
use crate::error::FollowUpError;
use crate::follow_up::{FollowUps, follow_up, with_type};
use crate::util::sync::Arc;

impl<T> Filtered<T> {
    /// Stores `event`, which follows from the event in flight, at once and without waiting, as
    /// [`Subscription::follow_up`](crate::Subscription::follow_up).
    ///
    /// For a predicate whose values are events, such as the one of
    /// [`subscribe_filter`](crate::EventManager::subscribe_filter). For values of another type, use
    /// [`follow_ups`](Self::follow_ups).
    ///
    /// # Errors
    /// [`FollowUpError`] with the event: `OtherType`, if the manager publishes events of another
    /// type than `T`; `NothingInFlight`, if no event is in flight; `Closed`, if the manager is
    /// closed.
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(1);
    /// let mut even = manager.subscribe_filter(|n| n % 2 == 0);
    /// manager.try_notify(8).unwrap();
    /// let n = even.next().now_or_never().flatten().unwrap();
    ///
    /// assert_eq!(even.follow_up(n / 2), Ok(1));
    /// assert_eq!(even.follow_up(n / 4), Ok(1), "past the full window");
    /// assert_eq!(even.follow_up(n / 8), Ok(0), "it is odd");
    /// assert_eq!(even.len(), 2);
    /// ```
    pub fn follow_up(&self, event: T) -> Result<usize, FollowUpError<T>>
    where
        T: Send + Sync + 'static,
    {
        match with_type(Arc::clone(&self.channel)) {
            Some(channel) => follow_up(&channel, self.subscriber(), event),
            None => Err(FollowUpError::OtherType(event)),
        }
    }

    /// Returns a handle that publishes [follow-ups](Self::follow_up), as
    /// [`Subscription::follow_ups`](crate::Subscription::follow_ups). `E` is the manager's event
    /// type: the handle of another type returns all events, with
    /// [`OtherType`](FollowUpError::OtherType).
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(1);
    /// let mut orders = manager.subscribe_filter_map(|line: &String| line.parse::<u32>().ok());
    /// let follow_ups = orders.follow_ups::<String>();
    /// manager.try_notify("7".to_owned()).unwrap();
    /// let order = orders.next().now_or_never().flatten().unwrap();
    ///
    /// assert_eq!(follow_ups.notify(format!("order {order} is paid")), Ok(0), "it is no number");
    /// assert_eq!(follow_ups.notify("8".to_owned()), Ok(1));
    /// ```
    pub fn follow_ups<E: Send + Sync + 'static>(&self) -> FollowUps<E> {
        FollowUps::new(with_type(Arc::clone(&self.channel)), self.subscriber())
    }
}

impl<T> Deliveries<T, Filtered<T>> {
    /// Returns a handle that publishes what follows from the deliveries in flight, as
    /// [`Filtered::follow_ups`]. `E` is the manager's event type: the handle of another type returns
    /// all events, with [`OtherType`](FollowUpError::OtherType).
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(1);
    /// let lengths = manager.subscribe_filter_map(|word: &&str| Some(word.len()));
    /// let mut lengths = lengths.deliveries();
    /// let follow_ups = lengths.follow_ups::<&str>();
    /// manager.try_notify("tea").unwrap();
    /// let three = lengths.next().now_or_never().flatten().unwrap();
    /// assert_eq!((*three, follow_ups.notify("and biscuits")), (3, Ok(1)));
    /// ```
    pub fn follow_ups<E: Send + Sync + 'static>(&self) -> FollowUps<E> {
        self.erased_follow_ups()
    }
}
