//! The explicit acknowledgement of an event.

use std::fmt;

use crate::channel::subscriber::SubscriberState;
use crate::channel::ticket::Ticket;
use crate::error::FollowUpError;
use crate::follow_up;
use crate::util::sync::Arc;

/// The acknowledgement of a delivery, without the event: from [`Delivery::into_parts`](crate::Delivery::into_parts).
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

    /// Stores an event that follows from this one.
    pub(crate) fn follow_up<E: Send + Sync + 'static>(
        &self,
        event: E,
    ) -> Result<usize, FollowUpError<E>> {
        // No handle of the manager and no stream is left.
        let Some(channel) = self
            .subscriber
            .unacked_set()
            .and_then(|it| it.channel.upgrade())
        else {
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
            ticket.drop_by(self.subscriber.id);
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
