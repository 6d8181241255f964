//! A stream's event in flight, and its acknowledgement.
//!
//! [`Subscription`](crate::Subscription) finds the ticket in its segment, and needs no
//! reference count of its own; [`Filtered`](crate::Filtered) owns the ticket. Both settle the
//! event here.

use super::SubscriberState;
use crate::channel::ticket::Ticket;
use crate::receipt::{Cause, Unfinished};
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

    /// Gives up an event, of which this is the ticket: the subscriber did not finish it.
    pub(crate) fn give_up(&self, ticket: &Ticket, cause: Cause) {
        ticket.give_up(Unfinished::new(self.identity(), cause));
    }

    /// Gives up the event in flight, of which this is the ticket.
    pub(crate) fn give_up_in_flight(&self, ticket: Option<Arc<Ticket>>, cause: Cause) {
        if let Some(ticket) = ticket {
            self.clear_awaited();
            self.give_up(&ticket, cause);
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
