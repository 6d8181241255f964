//! A stream's event in flight, and its acknowledgement.
//!
//! [`Subscription`](crate::Subscription) finds the ticket in its segment, and needs no
//! reference count of its own; [`Filtered`](crate::Filtered) owns the ticket. Both settle the
//! event here.

use std::thread;

use super::SubscriberState;
use crate::channel::ticket::Ticket;
use crate::util::sync::{Arc, Ordering};

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

    /// Returns whether an event is in flight, owing an acknowledgement or not.
    pub(crate) fn has_in_flight(&self) -> bool {
        match self.unacked_set() {
            Some(unacked) => unacked.count() > 0,
            None => {
                !self.cursor.load().is_finished() || self.unowed_in_flight.load(Ordering::Acquire)
            }
        }
    }

    /// Records the yield of an event that owes no acknowledgement.
    pub(crate) fn receive_unowed(&self) {
        match self.unacked_set() {
            Some(unacked) => unacked.insert_unowed(),
            None => self.unowed_in_flight.store(true, Ordering::Release),
        }
    }

    /// Finishes the event in flight, if it owes no acknowledgement and has no delivery.
    pub(crate) fn finish_unowed(&self) {
        self.unowed_in_flight.store(false, Ordering::Release);
    }
}
