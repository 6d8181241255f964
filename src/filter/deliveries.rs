//! Items of a filtered subscription that carry the acknowledgement of their events.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::{FusedStream, Stream};

use super::Filtered;
use crate::delivery::Delivery;
use crate::end_reason::EndReason;
use crate::subscriber_id::SubscriberId;

/// A stream of [deliveries](Delivery) of what a filter lets through: [`Filtered::deliveries`].
///
/// As [`Deliveries`](crate::Deliveries): an event is finished with when its delivery says so, and
/// the stream is pending while [`max_unacked`] deliveries are out. The operators of
/// [`EventStreamExt`](crate::EventStreamExt) work on it.
///
/// # Cancel safety
/// Dropping the future of `next()` loses nothing: the item stays unread.
///
/// # Examples
/// ```
/// use futures::{StreamExt, executor::block_on};
/// use genevent::EventManager;
///
/// let manager = EventManager::new(8);
/// let jobs = manager.subscribe_filter_map(|n: &u32| (*n > 1).then(|| n * 10));
/// let jobs = jobs.deliveries();
/// for n in 1..=3 {
///     manager.try_notify(n).unwrap();
/// }
/// drop(manager);
/// let done = jobs.map(|job| (job.seq(), job.ack())).collect::<Vec<_>>();
/// assert_eq!(block_on(done), [(2, 20), (3, 30)]);
/// ```
///
/// [`max_unacked`]: crate::SubscribeOptions::max_unacked
#[must_use = "a subscription that is not read makes publishers wait once its window is full"]
pub struct FilteredDeliveries<T> {
    filtered: Filtered<T>,
}

impl<T> FilteredDeliveries<T> {
    /// `filtered` must hold deliveries.
    pub(super) fn new(filtered: Filtered<T>) -> Self {
        Self { filtered }
    }

    /// Names this subscription, as [`Filtered::id`].
    #[must_use]
    pub fn id(&self) -> SubscriberId {
        self.filtered.id()
    }

    /// How many deliveries are out: received, and neither acknowledged nor dropped.
    #[must_use]
    pub fn unacked(&self) -> usize {
        let place = self.filtered.place();
        place.unacked(place.cursor.load())
    }

    /// How many wanted events have been lost to newer ones, as [`Filtered::missed`].
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.filtered.missed()
    }

    /// Why the stream ended, as [`Filtered::end_reason`].
    #[must_use]
    pub fn end_reason(&self) -> Option<EndReason> {
        self.filtered.end_reason()
    }
}

impl<T: Send + 'static> FilteredDeliveries<T> {
    /// How many items wait to be read, as [`Filtered::pending`].
    #[must_use]
    pub fn len(&self) -> usize {
        self.filtered.len()
    }
}

impl<T: Send + 'static> Stream for FilteredDeliveries<T> {
    type Item = Delivery<T>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Delivery<T>>> {
        if !self.filtered.place().may_deliver(cx.waker()) {
            return Poll::Pending;
        }
        let item = ready!(Pin::new(&mut self.filtered).poll_next(cx));
        Poll::Ready(item.map(|item| Delivery::new(item, self.filtered.take_ack())))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.filtered.size_hint()
    }
}

impl<T: Send + 'static> FusedStream for FilteredDeliveries<T> {
    fn is_terminated(&self) -> bool {
        self.filtered.is_terminated()
    }
}

impl<T> Drop for FilteredDeliveries<T> {
    fn drop(&mut self) {
        // The deliveries that are out would keep its waker, and wake it in vain.
        if let Some(held) = self.filtered.place().unacked_set() {
            held.stop_waiting();
        }
    }
}

impl<T: Send + 'static> fmt::Debug for FilteredDeliveries<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FilteredDeliveries")
            .field("filtered", &self.filtered)
            .field("unacked", &self.unacked())
            .finish()
    }
}
