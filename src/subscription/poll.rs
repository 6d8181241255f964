//! How the next event is come by: from the batch at hand, from a rest, or from the manager.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::{FusedStream, Stream};

use super::cloning::clone_claimed;
use super::{Received, Subscription};
use crate::channel::source::Source;
use crate::channel::subscriber::cursor::CursorState;
use crate::channel::ticket::AckLevel;
use crate::util::panic_guard::drop_caught;
use crate::util::sync::Ordering;

impl<E: Clone> Stream for Subscription<E> {
    type Item = E;

    #[inline]
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<E>> {
        match self.try_next_fast() {
            Some(event) => Poll::Ready(Some(event)),
            None => self.get_mut().poll_event(cx),
        }
    }

    /// Exact below; above it only once nothing can follow.
    fn size_hint(&self) -> (usize, Option<usize>) {
        let (pending, last) = self.backlog();
        (pending, last.then_some(pending))
    }
}

impl<E: Clone> FusedStream for Subscription<E> {
    fn is_terminated(&self) -> bool {
        self.is_ended()
    }
}

impl<E: Clone> Subscription<E> {
    /// The way that most events go: the next one is in the batch, and nobody waits or watches.
    #[inline]
    fn try_next_fast(&mut self) -> Option<E> {
        let Source::Segment(batch) = &self.source else {
            return None;
        };
        let seq = self.state.position() + 1;
        if seq > batch.last() || self.in_flight != 0 || self.state.must_report() {
            return None;
        }
        let slot = batch.get(seq);
        if slot.ticket.is_some() || self.explicit_acks {
            return None;
        }
        let event = slot.event();
        // As seen, the word is not watched: nobody waits for a report of this claim.
        self.state = self.subscriber.cursor.claim(self.state, true).ok()?;
        self.missed_before_next = 0;
        Some(clone_claimed(event, &mut self.state, &mut self.unyielded))
    }

    /// The next event, whichever way it comes.
    #[inline(never)]
    fn poll_event(&mut self, cx: &Context<'_>) -> Poll<Option<E>> {
        loop {
            match ready!(self.poll_received(cx, false)) {
                Some(Received::Event(event)) => return Poll::Ready(Some(event)),
                Some(Received::Missed(_)) => {}
                None => return Poll::Ready(None),
            }
        }
    }

    /// The next event. Tells of a gap before it, with `Missed`, if `tell_missed`.
    pub(super) fn poll_received(
        &mut self,
        cx: &Context<'_>,
        tell_missed: bool,
    ) -> Poll<Option<Received<E>>> {
        if self.unyielded {
            return Poll::Ready(Some(Received::Event(self.yield_claimed())));
        }
        let mut tries = TRIES;
        loop {
            if tell_missed && self.missed_before_next > 0 {
                return Poll::Ready(Some(Received::Missed(self.take_gap())));
            }
            let more = self.poll_ahead(cx);
            if tell_missed && self.missed_before_next > 0 {
                continue;
            }
            if !ready!(more) {
                return Poll::Ready(None);
            }
            let Source::Segment(batch) = &self.source else {
                let event = self.clone_of_rest();
                return Poll::Ready(Some(Received::Event(event)));
            };
            let seq = self.state.position() + 1;
            if seq <= batch.last() {
                let slot = batch.get(seq);
                let (event, until) = (slot.event(), slot.until());
                // Claimed before it is cloned: nothing overwrites it during a long `clone`, which
                // would have to be repeated without end.
                let early = seeded_bug!("cloned-before-claimed").then(|| event.clone());
                match self.subscriber.claim(self.state, until) {
                    Ok(word) => {
                        self.state = word;
                        self.missed_before_next = 0;
                        // Before the clone, which may panic: there is room now in either case.
                        if word.must_report() && !seeded_bug!("late-room") {
                            self.channel.report(self.subscriber.id.number, Some(seq));
                        }
                        let event = early.unwrap_or_else(|| {
                            clone_claimed(event, &mut self.state, &mut self.unyielded)
                        });
                        // Only now is it received.
                        self.receive(seq, until);
                        return Poll::Ready(Some(Received::Event(event)));
                    }
                    Err(now) => self.overtaken(now),
                }
            }
            tries -= 1;
            if tries == 0 {
                // Publishers were quicker at each of the tries.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
    }
}

impl<E> Subscription<E> {
    /// Ready when there is an event ahead, or with false when none will come.
    ///
    /// Finishes with the event in hand. The event ahead may be overwritten before it is claimed,
    /// and is then to be asked for again.
    pub(crate) fn poll_ahead(&mut self, cx: &Context<'_>) -> Poll<bool> {
        self.ack_current();
        loop {
            match &mut self.source {
                Source::Segment(batch) if self.state.position() < batch.last() => {
                    return Poll::Ready(true);
                }
                Source::Channel | Source::Segment(_) => {
                    ready!(self.load_next(cx));
                    // Also if that is overwritten already: with a publisher that is always quicker,
                    // asking again would go on without end.
                    if let Source::Segment(_) = &self.source {
                        return Poll::Ready(true);
                    }
                }
                Source::Backlog(_) => {
                    if ready!(self.poll_backlog(cx)) {
                        return Poll::Ready(true);
                    }
                }
                Source::Ended(_) => return Poll::Ready(false),
            }
        }
    }

    /// Takes the event ahead in hand, to be read in place. False if it has been overwritten, or is
    /// to be looked for again.
    #[cfg(feature = "rt")]
    pub(crate) fn take_ahead(&mut self) -> bool {
        match &mut self.source {
            Source::Segment(batch) => {
                let seq = self.state.position() + 1;
                if seq > batch.last() {
                    return false;
                }
                let until = batch.get(seq).until();
                match self.subscriber.claim(self.state, until) {
                    Ok(word) => self.state = word,
                    Err(now) => {
                        self.overtaken(now);
                        return false;
                    }
                }
                self.missed_before_next = 0;
                if self.state.must_report() && !seeded_bug!("late-room") {
                    self.channel.report(self.subscriber.id.number, Some(seq));
                }
                self.receive(seq, until);
            }
            Source::Backlog(rest) => {
                rest.next += 1;
                self.missed_before_next = 0;
            }
            Source::Channel | Source::Ended(_) => unreachable!("{AHEAD}"),
        }
        true
    }

    /// The event that `take_ahead` has taken in hand; not after `ack` or another poll.
    #[cfg(feature = "rt")]
    pub(crate) fn current(&self) -> &E {
        match &self.source {
            Source::Segment(batch) => batch.get(self.state.position()).event(),
            Source::Backlog(rest) => rest.get(rest.next - 1),
            _ => unreachable!("{AHEAD}"),
        }
    }

    /// Gives the event in hand up: it will not be finished with.
    #[cfg(feature = "rt")]
    pub(crate) fn give_up(&mut self) {
        if let Some(ticket) = self.take_in_flight() {
            self.subscriber.awaited_seq.store(0, Ordering::Release);
            ticket.drop_by(self.subscriber.id);
        }
    }

    /// Whether it has taken every event up to `seq` that it will ever see. Of a handler's, to which
    /// nothing is replayed: its rest is what is left when it was disconnected.
    #[cfg(feature = "rt")]
    pub(crate) fn has_taken(&self, seq: u64) -> bool {
        match &self.source {
            Source::Channel | Source::Segment(_) => self.state.position() >= seq,
            Source::Backlog(rest) => rest.next > seq.min(rest.end),
            Source::Ended(_) => true,
        }
    }

    /// The event ahead was not claimed: it is overwritten, or left to be read after a disconnect.
    #[cold]
    #[inline(never)]
    fn overtaken(&mut self, now: CursorState) {
        if now.is_detached() {
            self.source = Source::Channel;
        }
        self.sync_cursor(now);
    }

    /// The claimed event is in hand: answers for that.
    #[inline]
    pub(super) fn receive(&mut self, seq: u64, until: Option<AckLevel>) {
        match until {
            Some(AckLevel::Finished) => self.in_flight = seq,
            Some(AckLevel::Received) => {
                self.subscriber.awaited_seq.store(0, Ordering::Release);
                self.ticket(seq).into_iter().for_each(|ticket| ticket.ack());
            }
            None => {}
        }
    }

    /// The losses that were not told; finishes with the event in hand.
    #[cold]
    #[inline(never)]
    fn take_gap(&mut self) -> u64 {
        self.ack();
        self.sync_cursor(self.subscriber.cursor.load());
        if let Some(stage) = self.subscriber.stage() {
            // It may have been about to wait.
            drop_caught(stage.stop_waiting());
        }
        std::mem::take(&mut self.missed_before_next)
    }
}

/// How often one poll looks for another event when the event ahead was overwritten, before other
/// tasks have their turn.
const TRIES: u32 = 16;

pub(super) const AHEAD: &str = "`poll_ahead` said that there is an event";
