//! Reading the log of a key.

#[cfg(feature = "rt")]
use std::task::ready;
use std::task::{Context, Poll};

use super::Filtered;
use crate::ack::Ack;
use crate::channel::filter::key_log::reader::{KeyClaim, KeyNext, KeyReader};
use crate::channel::filter::reading::Reading;
use crate::channel::filter::user_code::Panicked;
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
            let mut taken = self.claim_keyed();
            if taken.is_none() {
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
                    KeyNext::Event => taken = self.take_unowed(),
                    KeyNext::Parked => return Poll::Pending,
                    KeyNext::Ended(reason) => {
                        self.end(reason);
                        return Poll::Ready(None);
                    }
                }
            }
            match taken {
                Some(Ok(event)) => return Poll::Ready(Some(Received::Event(event))),
                // The event is the first of a batch.
                None => {}
                Some(Err(Panicked)) => {
                    #[cfg(feature = "rt")]
                    {
                        self.coop_unpaid += 1;
                        ready!(self.poll_coop(cx));
                    }
                }
            }
        }
    }

    /// Claims the next event of the batch. Returns `None` if the next event is elsewhere. If the `Clone` of the
    /// event panics, the subscriber is disconnected.
    #[inline]
    fn claim_keyed(&mut self) -> Option<Result<T, Panicked>> {
        let Self {
            channel, reading, ..
        } = self;
        let Reading::KeyLog(reader) = &mut **reading else {
            unreachable!("called for a reader of a key log")
        };
        // Report before the clone, which may call the manager: the room is free.
        let KeyClaim { seq, ticket, event } = reader.claim(|id| {
            if !seeded_bug!("key-log-room-unreported") {
                channel.report_queue(id, true);
            }
        })?;
        if event.is_ok() {
            self.receive(seq, ticket, true);
        } else {
            self.needs_ack = true;
            self.give_up_unreceived(seq, ticket);
        }
        Some(event)
    }

    /// Takes the next event if it owes no acknowledgement. If the `Clone` of the event panics, only the event
    /// is skipped.
    fn take_unowed(&mut self) -> Option<Result<T, Panicked>> {
        let (seq, event) = self.reader().take_unowed()?;
        if event.is_ok() {
            self.receive(seq, None, false);
        }
        Some(event)
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
        let taken = self.claim_keyed().or_else(|| self.take_unowed());
        let Some(Ok(event)) = taken else {
            self.reader().keep_missed(missed);
            return None;
        };
        Some((event, missed))
    }
}
