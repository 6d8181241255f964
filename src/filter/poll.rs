//! Reading a filtered subscription.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::{FusedStream, Stream};

use super::Filtered;
use crate::ack::Ack;
use crate::channel::filter::queue::{Popped, TakenEvent};
use crate::channel::filter::reading::Reading;
use crate::channel::ticket::{AckLevel, Ticket};
use crate::end_reason::EndReason;
use crate::subscription::{AnySubscription, ReadSubscription, Received};
#[cfg(feature = "rt")]
use crate::util::coop::EVENTS_PER_UNIT;
use crate::util::sync::Arc;

impl<T: Send + 'static> Stream for Filtered<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        match ready!(self.poll_received(cx, false)) {
            Some(Received::Event(value)) => Poll::Ready(Some(value)),
            Some(Received::Missed(_)) => unreachable!("`report_missed` is false"),
            None => Poll::Ready(None),
        }
    }

    /// The lower bound is exact. The upper bound is `None` until no more events can follow.
    fn size_hint(&self) -> (usize, Option<usize>) {
        let (unread, is_last) = self.reading.unread_and_is_last();
        (unread, is_last.then_some(unread))
    }
}

impl<T: Send + 'static> FusedStream for Filtered<T> {
    fn is_terminated(&self) -> bool {
        self.ended.is_some()
    }
}

impl<T> AnySubscription for Filtered<T> {
    fn unread(&self) -> usize {
        self.len()
    }

    fn end_reason(&self) -> Option<EndReason> {
        self.end_reason()
    }

    /// A claimed value is always yielded: a queue moves its values, and the reader of a key gives up an event
    /// whose `Clone` panics.
    #[inline]
    fn has_unyielded(&self) -> bool {
        false
    }

    fn take_ack(&mut self) -> Ack {
        let ticket = self.in_flight.take();
        Ack::new(self.last_seq, Arc::clone(self.subscriber()), ticket)
    }

    fn seq(&self) -> u64 {
        self.seq()
    }
}

impl<T: Send + 'static> ReadSubscription for Filtered<T> {
    fn poll_received(
        &mut self,
        cx: &mut Context<'_>,
        report_missed: bool,
    ) -> Poll<Option<Received<T>>> {
        self.ack_current();
        if self.ended.is_some() {
            return Poll::Ready(None);
        }
        // Before taking an item, which would be lost if the budget were spent.
        #[cfg(feature = "rt")]
        ready!(self.poll_coop(cx));
        let Reading::Queue(queue) = &*self.reading else {
            return self.poll_keyed(cx, report_missed);
        };
        let (popped, cursor) = queue.pop(cx.waker(), report_missed);
        // Report only a change: room for an event, or a finished event.
        let took = matches!(&popped, Popped::Event(taken) if taken.needs_ack);
        let finished = std::mem::take(&mut self.needs_ack);
        if cursor.must_report()
            && (took || finished)
            && !seeded_bug!("filter-queue-room-unreported")
        {
            self.channel.report_queue(self.id(), took);
        }
        match popped {
            Popped::Event(TakenEvent { item, needs_ack }) => {
                self.receive(item.seq, item.ticket, needs_ack);
                Poll::Ready(Some(Received::Event(item.value)))
            }
            Popped::Missed(events) => {
                // A reader that gets only `Missed` values must yield to other tasks, too.
                #[cfg(feature = "rt")]
                {
                    self.coop_unpaid += 1;
                }
                Poll::Ready(Some(Received::Missed(events)))
            }
            Popped::Parked => Poll::Pending,
            Popped::Ended(reason) => {
                self.end(reason);
                Poll::Ready(None)
            }
        }
    }

    fn is_ready(&self, report_missed: bool) -> bool {
        self.reading.is_ready(report_missed)
    }

    fn finish_in_flight(&mut self) {
        self.ack();
    }
}

impl<T> Filtered<T> {
    /// Ends the stream: the queue is empty and gets no more events.
    pub(super) fn end(&mut self, reason: EndReason) {
        self.ended = Some(reason);
        self.subscriber().set_end(reason);
        self.channel.report_gone(self.id());
        trace!(ended(self.subscriber(), reason));
    }

    /// Makes event `seq` the event in flight, and acknowledges the event at once if its publisher
    /// only waits until the event is received.
    #[expect(
        clippy::inline_always,
        reason = "a call would cost 1 percent of an event of a predicate"
    )]
    #[inline(always)]
    pub(super) fn receive(&mut self, seq: u64, ticket: Option<Arc<Ticket>>, needs_ack: bool) {
        (self.last_seq, self.needs_ack) = (seq, needs_ack);
        match ticket {
            Some(ticket) if ticket.level() == AckLevel::Received => {
                self.subscriber().clear_awaited();
                ticket.ack();
            }
            ticket => self.in_flight = ticket,
        }
        #[cfg(feature = "rt")]
        {
            self.coop_unpaid += 1;
        }
    }

    /// Pays for the items that were taken, out of the task's coop budget, at the same rate as
    /// [`Subscription`](crate::Subscription).
    #[cfg(feature = "rt")]
    pub(super) fn poll_coop(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if u64::from(self.coop_unpaid) >= EVENTS_PER_UNIT {
            ready!(tokio::task::coop::poll_proceed(cx)).made_progress();
            self.coop_unpaid = 0;
        }
        Poll::Ready(())
    }
}
