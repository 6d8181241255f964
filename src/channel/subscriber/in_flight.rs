//! The acknowledgement of a stream's event in flight.
//!
//! [`Subscription`](crate::Subscription) finds the ticket in its segment, and needs no
//! reference count of its own; [`Filtered`](crate::Filtered) owns the ticket. Both settle the
//! event here.

use std::thread;

use super::SubscriberState;
use crate::channel::ticket::Ticket;
use crate::util::sync::Arc;

impl SubscriberState {
    /// Acknowledges the event in flight, of which this is the ticket.
    #[inline]
    pub(crate) fn ack_in_flight(&self, ticket: Option<&Arc<Ticket>>) {
        if let Some(ticket) = ticket {
            ticket.ack();
        }
        self.clear_awaited();
    }

    /// Settles the event in flight when a stream is dropped: acknowledges the event, or
    /// discards the event if the thread is panicking.
    pub(crate) fn settle_on_drop(&self, ticket: Option<Arc<Ticket>>) {
        if let Some(ticket) = ticket {
            if thread::panicking() {
                ticket.drop_by(self.id);
            } else {
                ticket.ack();
            }
        }
    }
}
