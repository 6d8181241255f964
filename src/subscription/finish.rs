//! Finishing the event in flight, and letting go of the events that were read.
//!
//! The source keeps a segment until its last event is finished, as the ticket of the event is in
//! there; a stream of deliveries, only until it has yielded the last event. The stream lets go of a
//! segment before the last event counts as finished. A flush may complete at once then, and
//! promises that the event is no longer in memory.

use super::Subscription;
use crate::ack::Ack;
use crate::channel::source::Source;
use crate::channel::ticket::Ticket;
use crate::receipt::Cause;
use crate::util::sync::Arc;

impl<E> Subscription<E> {
    /// Returns the acknowledgement of the event just yielded, for a stream of deliveries.
    pub(crate) fn take_ack(&mut self) -> Ack {
        let (seq, ticket) = match &self.source {
            // Settled by the disconnect, or replayed: no acknowledgement is owed.
            Source::Backlog(backlog) => (backlog.next - 1, None),
            _ => (self.state.position(), self.take_in_flight()),
        };
        Ack::new(seq, Arc::clone(&self.subscriber), ticket)
    }

    /// Returns the ticket of event `seq` of the current segment, if a publisher waits.
    pub(super) fn ticket(&self, seq: u64) -> Option<&Arc<Ticket>> {
        match &self.source {
            Source::Segment(segment) => segment.get(seq).ticket.as_ref(),
            _ => None,
        }
    }

    /// Takes the ticket of the event in flight, if a publisher waits. The caller must acknowledge
    /// it.
    fn take_in_flight(&mut self) -> Option<Arc<Ticket>> {
        if self.in_flight == 0 {
            return None;
        }
        self.take_ticket()
    }

    #[inline(never)]
    fn take_ticket(&mut self) -> Option<Arc<Ticket>> {
        let seq = std::mem::take(&mut self.in_flight);
        let ticket = self.ticket(seq).cloned();
        self.let_go();
        ticket
    }

    /// Settles the event in flight as not finished, for its publisher. The caller must
    /// [`ack`](Self::ack) or poll, which then finishes the event for the channel.
    pub(crate) fn give_up(&mut self, cause: Cause) {
        let ticket = self.take_in_flight();
        self.subscriber.give_up_in_flight(ticket, cause);
    }

    /// Acknowledges the event in flight, if a publisher waits.
    #[inline]
    pub(super) fn ack_current(&mut self) {
        if self.in_flight != 0 {
            let seq = std::mem::take(&mut self.in_flight);
            self.subscriber.ack_in_flight(self.ticket(seq));
        }
    }

    /// Finishes the event in flight. If the channel wants reports, the caller must report.
    pub(super) fn finish(&mut self) {
        // Let go before finishing: a flush that finds the event finished may complete at once.
        if seeded_bug!("lets-go-last") {
            self.ack_current();
        } else if self.in_flight == 0 {
            self.let_go();
        } else {
            self.ack_and_let_go();
        }
        if self.state.is_finished() {
            if !self.unyielded && matches!(self.source, Source::Segment(_)) {
                self.finish_changed();
            }
            return;
        }
        match self.subscriber.cursor.try_finish(self.state) {
            Ok(now) => self.state = now,
            Err(()) => self.finish_changed(),
        }
    }

    /// Finishes the event in flight, if there is one, after the channel may have changed the
    /// cursor.
    #[cold]
    #[inline(never)]
    fn finish_changed(&mut self) {
        let now = self.subscriber.cursor.finish();
        if seeded_bug!("missed-not-reported") {
            self.state = now;
        }
        self.sync_cursor(now);
        // The rest of the segment may be overwritten.
        self.let_go();
    }

    /// Acknowledges the event in flight, for which a publisher waits, and drops its segment if the
    /// segment has no later event.
    #[inline]
    fn ack_and_let_go(&mut self) {
        let seq = std::mem::take(&mut self.in_flight);
        let Source::Segment(segment) = &self.source else {
            unreachable!("an event in flight is in the current segment")
        };
        let ticket = segment.get(seq).ticket.as_ref();
        self.subscriber.ack_in_flight(ticket);
        if segment.last() == seq {
            self.source = Source::Channel;
        }
    }

    /// Drops the segments of the source that were read to the end.
    #[inline]
    pub(super) fn let_go(&mut self) {
        let is_read = match &self.source {
            Source::Segment(segment) => segment.last() <= self.state.position(),
            Source::Backlog(_) => true,
            Source::Channel | Source::Ended(_) => false,
        };
        if is_read {
            self.drop_read();
        }
    }

    /// Drops the segments of the backlog that were read to the end; or the current segment, of which
    /// every event was claimed, unless the stream still needs it for a ticket or another clone.
    #[cold]
    #[inline(never)]
    pub(super) fn drop_read(&mut self) {
        if let Source::Backlog(backlog) = &mut self.source {
            backlog.pop_read().for_each(drop);
        } else if self.in_flight == 0 && !self.unyielded && !seeded_bug!("stream-keeps-events") {
            self.source = Source::Channel;
        }
    }
}
