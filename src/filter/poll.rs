//! Reading a filtered subscription.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::{FusedStream, Stream};

use super::Filtered;
use crate::ack::Ack;
use crate::channel::filter::queue::{Popped, TakenEvent};
use crate::channel::ticket::{AckLevel, Ticket};
use crate::end_reason::{DisconnectCause, EndReason};
use crate::receipt::Cause;
use crate::subscription::{AnySubscription, ReadSubscription, Received};
#[cfg(feature = "rt")]
use crate::util::coop::EVENTS_PER_UNIT;
use crate::util::sync::Arc;

impl<T: Send + 'static> Stream for Filtered<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        // After a replayed event, there is a flag to clear first.
        if self.needs_ack {
            if let Some(value) = self.try_next_fast() {
                return Poll::Ready(Some(value));
            }
        }
        match ready!(self.poll_received(cx, false)) {
            Some(Received::Event(value)) => Poll::Ready(Some(value)),
            Some(Received::Missed(_)) => unreachable!("`report_missed` is false"),
            None => Poll::Ready(None),
        }
    }

    /// The lower bound is exact. The upper bound is `None` until no more events can follow.
    fn size_hint(&self) -> (usize, Option<usize>) {
        let (unread, is_last) = self.queue.unread_and_is_last();
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

    /// Values are moved, not cloned: a claimed value is always yielded.
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
        loop {
            self.ack_current();
            if self.ended.is_some() {
                return Poll::Ready(None);
            }
            // Before taking an item, which would be lost if the budget were spent.
            #[cfg(feature = "rt")]
            ready!(self.poll_coop(cx));
            let (popped, cursor) = self.queue.pop(&mut self.batch, cx.waker(), report_missed);
            if matches!(popped, Popped::Loaded) {
                match self.try_next_fast() {
                    Some(value) => return Poll::Ready(Some(Received::Event(value))),
                    // A publisher waits for the event, or the channel for a report.
                    None => continue,
                }
            }
            // Report only a change: room for an event, or a finished event.
            let took = matches!(&popped, Popped::Event(taken) if taken.needs_ack);
            let finished = std::mem::take(&mut self.needs_ack);
            if cursor.must_report()
                && (took || finished)
                && !seeded_bug!("filter-queue-room-unreported")
            {
                self.channel.report_queue(self.id(), took);
            }
            return match popped {
                Popped::Event(taken) => match self.receive(taken) {
                    Some(value) => Poll::Ready(Some(Received::Event(value))),
                    None => continue,
                },
                Popped::Missed(events) => {
                    // A reader that gets only `Missed` values must yield to other tasks, too.
                    #[cfg(feature = "rt")]
                    {
                        self.coop_unpaid += 1;
                    }
                    Poll::Ready(Some(Received::Missed(events)))
                }
                Popped::Loaded => continue,
                Popped::Parked => Poll::Pending,
                Popped::Ended(reason) => {
                    self.end(reason);
                    Poll::Ready(None)
                }
            };
        }
    }

    fn is_ready(&self, report_missed: bool) -> bool {
        self.queue.is_ready(report_missed)
    }

    fn finish_in_flight(&mut self) {
        self.ack();
    }
}

impl<T> Filtered<T> {
    /// The fast path: the next event is in the batch, no publisher waits for an acknowledgement, and the channel
    /// wants no report.
    #[inline]
    fn try_next_fast(&mut self) -> Option<T> {
        let (event, ticket) = self.batch.peek()?;
        let subscriber = self.queue.subscriber();
        let cursor = subscriber.cursor.load();
        let is_slow = ticket.is_some()
            || self.in_flight.is_some()
            || subscriber.unacked_set().is_some()
            || (cursor.must_report() && !seeded_bug!("key-log-room-unreported"));
        if is_slow {
            return None;
        }
        #[cfg(feature = "rt")]
        {
            if u64::from(self.coop_unpaid) >= EVENTS_PER_UNIT {
                return None;
            }
            self.coop_unpaid += 1;
        }
        let seq = event.seq();
        // The channel wants no report: `must_report` was checked on the same state that is claimed.
        subscriber.cursor.claim_at(cursor, seq).ok()?;
        // Before the clone: if it panics, the next poll reports that the event is finished.
        self.needs_ack = true;
        let value = event.clone_event();
        drop(self.batch.advance());
        let Ok(value) = value else {
            self.receive_panicked(seq, None);
            return None;
        };
        self.last_seq = seq;
        Some(value)
    }

    /// Ends the stream: the queue is empty and gets no more events.
    pub(super) fn end(&mut self, reason: EndReason) {
        self.ended = Some(reason);
        self.subscriber().set_end(reason);
        self.channel.report_gone(self.id());
        trace!(ended(self.subscriber(), reason));
    }

    /// Makes the item the event in flight, and acknowledges the event at once if its publisher
    /// only waits until the event is received. Returns `None` if the `Clone` of a shared event panics, which
    /// disconnects the subscriber and gives the event up.
    pub(super) fn receive(&mut self, taken: TakenEvent<T>) -> Option<T> {
        let TakenEvent {
            mut item,
            needs_ack,
        } = taken;
        let (seq, ticket) = (item.seq, item.ticket.take());
        self.needs_ack = needs_ack;
        #[cfg(feature = "rt")]
        {
            self.coop_unpaid += 1;
        }
        let Ok(value) = item.into_value() else {
            self.receive_panicked(seq, ticket);
            return None;
        };
        self.last_seq = seq;
        match ticket {
            Some(ticket) if ticket.level() == AckLevel::Received => {
                self.subscriber().clear_awaited();
                ticket.ack();
            }
            ticket => self.in_flight = ticket,
        }
        Some(value)
    }

    /// Disconnects the subscriber, and gives up the event that was taken: its `Clone` has panicked.
    #[cold]
    fn receive_panicked(&self, seq: u64, ticket: Option<Arc<Ticket>>) {
        self.channel.disconnect_panicked(self.id());
        self.subscriber().clear_awaited();
        let ack = Ack::new(seq, Arc::clone(self.subscriber()), ticket);
        ack.give_up(Cause::Disconnected(DisconnectCause::Panicked));
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
