//! The explicit acknowledgement of an event.

use std::fmt;

use crate::channel::subscriber::SubscriberState;
use crate::channel::ticket::Ticket;
use crate::error::FollowUpError;
use crate::follow_up;
use crate::receipt::Cause;
use crate::util::sync::Arc;

/// The acknowledgement of a delivery, without the event: from
/// [`Delivery::into_parts`](crate::Delivery::into_parts).
#[must_use = "dropping an ack discards its event: call `ack` when the event is finished"]
pub struct Ack {
    seq: u64,
    subscriber: Arc<SubscriberState>,
    /// The ticket of a publisher that waits for the acknowledgement. `None` without such a
    /// publisher, for a delivery that owes nothing, and once the event is settled.
    ticket: Option<Arc<Ticket>>,
}

impl Ack {
    /// Creates the acknowledgement of an event in the subscriber's unacked set.
    pub(crate) fn new(
        seq: u64,
        subscriber: Arc<SubscriberState>,
        ticket: Option<Arc<Ticket>>,
    ) -> Self {
        Self {
            seq,
            subscriber,
            ticket,
        }
    }

    /// Acknowledges the event.
    pub fn ack(mut self) {
        if let Some(ticket) = self.ticket.take() {
            ticket.ack();
        }
        // `drop` then removes the event from the unacked set.
    }

    /// Reports the event as failed, with a `reason`, as [`Delivery::nack`](crate::Delivery::nack).
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::{Cause, EventManager};
    ///
    /// let manager = EventManager::new(8);
    /// let mut jobs = manager.subscribe().deliveries();
    /// let mut done = manager.sync_notify("seven");
    /// assert!((&mut done).now_or_never().is_none());
    ///
    /// let (job, ack) = jobs.next().now_or_never().flatten().unwrap().into_parts();
    /// match job.parse::<u8>() {
    ///     Ok(_) => ack.ack(),
    ///     Err(error) => ack.nack(error.to_string()),
    /// }
    /// let receipt = done.now_or_never().unwrap().unwrap();
    /// let cause = receipt.unfinished()[0].cause();
    /// assert_eq!(cause.to_string(), "failed: invalid digit found in string");
    /// ```
    pub fn nack(self, reason: impl Into<Arc<str>>) {
        self.give_up(Cause::Failed(reason.into()));
    }

    /// Settles the event as not finished.
    pub(crate) fn give_up(mut self, cause: Cause) {
        if let Some(ticket) = self.ticket.take() {
            self.subscriber.give_up(&ticket, cause);
        }
        // `drop` then removes the event from the unacked set.
    }

    /// Stores an event that follows from this one.
    pub(crate) fn follow_up<E: Send + Sync + 'static>(
        &self,
        event: E,
    ) -> Result<usize, FollowUpError<E>> {
        let Some(channel) = self.subscriber.channel_of_deliveries() else {
            return Err(FollowUpError::Closed(event));
        };
        match follow_up::with_type(channel) {
            Some(channel) => follow_up::store(&channel, event),
            None => Err(FollowUpError::OtherType(event)),
        }
    }

    /// Returns the event's sequence number, from 1.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.seq
    }
}

impl Drop for Ack {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.subscriber.give_up(&ticket, Cause::Discarded);
        }
        self.subscriber.settle_delivery(self.seq);
    }
}

impl fmt::Debug for Ack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ack")
            .field("seq", &self.seq)
            .finish_non_exhaustive()
    }
}
