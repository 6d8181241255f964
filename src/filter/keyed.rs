//! Reading the log of a key.

#[cfg(feature = "rt")]
use std::task::ready;
use std::task::{Context, Poll};

use super::Filtered;
use crate::ack::Ack;
use crate::channel::filter::key_log::reader::{KeyClaim, KeyNext, KeyReader};
use crate::channel::filter::reading::Reading;
use crate::channel::ticket::Ticket;
use crate::end_reason::DisconnectCause;
use crate::receipt::Cause;
use crate::subscription::Received;
use crate::util::sync::Arc;

impl<T: Send + 'static> Filtered<T> {
    fn reader(&mut self) -> &mut KeyReader<T> {
        match &mut *self.reading {
            Reading::KeyLog(reader) => reader,
            Reading::Queue(_) => unreachable!("called for a reader of a key log"),
        }
    }

    /// Polls for the next event. The event in flight is acknowledged, and the budget has been paid.
    pub(super) fn poll_keyed(
        &mut self,
        cx: &mut Context<'_>,
        report_missed: bool,
    ) -> Poll<Option<Received<T>>> {
        loop {
            // A claim finishes the event in flight, without another step.
            if !self.reader().claims_next() {
                self.ack();
                let missed = if report_missed {
                    self.reader().take_missed()
                } else {
                    0
                };
                if missed > 0 {
                    // Costs no budget: a reader misses events at most once, before its replay.
                    return Poll::Ready(Some(Received::Missed(missed)));
                }
                match self.reader().poll_next(cx.waker()) {
                    KeyNext::Event => {}
                    KeyNext::Parked => return Poll::Pending,
                    KeyNext::Ended(reason) => {
                        self.end(reason);
                        return Poll::Ready(None);
                    }
                }
            }
            if let Some(event) = self.take_keyed() {
                return Poll::Ready(Some(Received::Event(event)));
            }
            #[cfg(feature = "rt")]
            {
                self.coop_unpaid += 1;
                ready!(self.poll_coop(cx));
            }
        }
    }

    /// Takes the next event. Returns `None` if the subscriber was disconnected meanwhile, or is now, because the
    /// `Clone` of the event panics.
    fn take_keyed(&mut self) -> Option<T> {
        let reader = self.reader();
        if !reader.claims_next() {
            let (seq, event) = reader.take_unowed()?;
            // Nothing is owed: after a panic, only the event is skipped.
            let event = event.ok()?;
            self.receive(seq, None, false);
            return Some(event);
        }
        let claimed = reader.claim()?;
        // Report before the clone, which may panic: the room is free in either case.
        if claimed.must_report() && !seeded_bug!("key-log-room-unreported") {
            self.channel.report_queue(self.id(), true);
        }
        let KeyClaim { seq, ticket, event } = self.reader().clone_claimed();
        if let Ok(event) = event {
            self.receive(seq, ticket, true);
            return Some(event);
        }
        self.needs_ack = true;
        self.give_up_unreceived(seq, ticket);
        None
    }

    /// Disconnects the subscriber, and gives up the event that was claimed: its `Clone` has panicked.
    #[cold]
    fn give_up_unreceived(&self, seq: u64, ticket: Option<Arc<Ticket>>) {
        self.channel.disconnect_panicked(self.id());
        self.subscriber().clear_awaited();
        let ack = Ack::new(seq, Arc::clone(self.subscriber()), ticket);
        ack.give_up(Cause::Disconnected(DisconnectCause::Panicked));
    }
}

#[cfg(feature = "rt")]
impl<T: Send + 'static> Filtered<T> {
    /// Returns the number of the next event, as [`poll_ahead`](Self::poll_ahead).
    pub(super) fn poll_keyed_ahead(&mut self, cx: &mut Context<'_>) -> Poll<Option<u64>> {
        self.ack();
        match self.reader().poll_next(cx.waker()) {
            KeyNext::Event => Poll::Ready(self.reader().next_seq()),
            KeyNext::Parked => Poll::Pending,
            KeyNext::Ended(reason) => {
                self.end(reason);
                Poll::Ready(None)
            }
        }
    }

    /// Takes the next event if its number is `seq`, as [`take_ahead`](Self::take_ahead).
    pub(super) fn take_keyed_ahead(&mut self, seq: u64) -> Option<(T, u64)> {
        let reader = self.reader();
        reader.next_seq().filter(|next| *next == seq)?;
        let missed = reader.take_missed();
        let event = self.take_keyed();
        if event.is_none() {
            self.reader().keep_missed(missed);
        }
        Some((event?, missed))
    }
}
