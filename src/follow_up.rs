//! Follow-ups: events that a reader publishes because of an event in flight.

use std::fmt;

use crate::channel::Channel;
use crate::channel::subscriber::SubscriberState;
use crate::channel::subscriber::any_channel::AnyChannel;
use crate::error::FollowUpError;
use crate::util::sync::Arc;

/// Publishes what follows from the events in flight of a subscription, without waiting.
///
/// Returned by [`Subscription::follow_ups`], [`Filtered::follow_ups`] and
/// [`Deliveries::follow_ups`], for code that has no access to the stream: the closures of
/// combinators, of [`for_each_acked`] and of its siblings. Keeps neither the manager open nor the
/// subscription alive.
///
/// # Examples
/// ```
/// use futures::{FutureExt, StreamExt};
/// use genevent::EventManager;
///
/// let manager = EventManager::new(1);
/// let orders = manager.subscribe();
/// let follow_ups = orders.follow_ups();
/// manager.try_notify(3).unwrap();
///
/// let countdown = orders.map(|n| {
///     if n > 1 {
///         follow_ups.notify(n - 1).unwrap();
///     }
///     n
/// });
/// let seen = countdown.take(3).collect::<Vec<_>>().now_or_never();
/// assert_eq!(seen.unwrap(), [3, 2, 1]);
/// ```
///
/// [`Subscription::follow_ups`]: crate::Subscription::follow_ups
/// [`Filtered::follow_ups`]: crate::Filtered::follow_ups
/// [`Deliveries::follow_ups`]: crate::Deliveries::follow_ups
/// [`for_each_acked`]: crate::EventStreamExt
pub struct FollowUps<E> {
    /// `None` if the events of the channel have another type.
    channel: Option<Arc<Channel<E>>>,
    subscriber: Arc<SubscriberState>,
}

impl<E> FollowUps<E> {
    pub(crate) fn new(channel: Option<Arc<Channel<E>>>, subscriber: &Arc<SubscriberState>) -> Self {
        Self {
            channel,
            subscriber: Arc::clone(subscriber),
        }
    }

    /// Stores `event` at once, as [`Subscription::follow_up`](crate::Subscription::follow_up), and
    /// returns the number of subscribers that the event was stored for.
    ///
    /// # Errors
    /// [`FollowUpError`] with the event: `OtherType`, if the manager publishes events of another
    /// type than `E`; `NothingInFlight`, if the subscription has no event in flight; `Closed`, if
    /// the manager is closed. The handle of a [`Subscription`](crate::Subscription) has the type of
    /// the manager's events.
    pub fn notify(&self, event: E) -> Result<usize, FollowUpError<E>> {
        match &self.channel {
            Some(channel) => follow_up(channel, &self.subscriber, event),
            None => Err(FollowUpError::OtherType(event)),
        }
    }
}

/// Returns the channel with its type, or `None` if its events have another type than `E`.
pub(crate) fn with_type<E: Send + Sync + 'static>(
    channel: Arc<dyn AnyChannel>,
) -> Option<Arc<Channel<E>>> {
    channel.into_any().downcast().ok()
}

/// Stores an event that follows from an event in flight of `subscriber`.
pub(crate) fn follow_up<E>(
    channel: &Channel<E>,
    subscriber: &SubscriberState,
    event: E,
) -> Result<usize, FollowUpError<E>> {
    // Without an event in flight, a loop of calls would store events without bound.
    if !subscriber.has_in_flight() {
        return Err(FollowUpError::NothingInFlight(event));
    }
    store(channel, event)
}

/// Stores an event that follows from an event in flight.
pub(crate) fn store<E>(channel: &Channel<E>, event: E) -> Result<usize, FollowUpError<E>> {
    let stored = channel.store_past_windows(event);
    stored.map_err(FollowUpError::Closed).map(|stored| {
        trace!(published(channel.name(), stored));
        stored.audience
    })
}

impl<E> Clone for FollowUps<E> {
    fn clone(&self) -> Self {
        Self::new(self.channel.clone(), &self.subscriber)
    }
}

impl<E> fmt::Debug for FollowUps<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FollowUps")
            .field("subscriber", &self.subscriber.id)
            .finish_non_exhaustive()
    }
}
