//! How the next event is come by: from the batch at hand, from a rest, or from the manager.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::{FusedStream, Stream};

use super::cloning::clone_claimed;
use super::{Received, Subscription};
use crate::channel::Next;
use crate::channel::source::{After, Reading};
use crate::channel::subscriber::cursor::Word;
use crate::channel::ticket::Until;
use crate::end_reason::EndReason;
use crate::util::panic_guard::discard;
use crate::util::sync::Ordering;

impl<E: Clone> Stream for Subscription<E> {
    type Item = E;

    #[inline]
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<E>> {
        match self.next_quietly() {
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
    fn next_quietly(&mut self) -> Option<E> {
        let Reading::Batch(batch) = &self.reading else {
            return None;
        };
        let seq = self.word.position() + 1;
        if seq > batch.last() || self.in_hand != 0 || self.word.is_watched() {
            return None;
        }
        let slot = batch.get(seq);
        if slot.ticket.is_some() || self.holds {
            return None;
        }
        let event = slot.event();
        // As seen, the word is not watched: nobody waits for a report of this claim.
        self.word = self.place.cursor.claim(self.word, true).ok()?;
        self.gap = 0;
        Some(clone_claimed(event, &mut self.word, &mut self.unyielded))
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
            if tell_missed && self.gap > 0 {
                return Poll::Ready(Some(Received::Missed(self.take_gap())));
            }
            let more = self.poll_ahead(cx);
            if tell_missed && self.gap > 0 {
                continue;
            }
            if !ready!(more) {
                return Poll::Ready(None);
            }
            let Reading::Batch(batch) = &self.reading else {
                let event = self.clone_of_rest();
                return Poll::Ready(Some(Received::Event(event)));
            };
            let seq = self.word.position() + 1;
            if seq <= batch.last() {
                let slot = batch.get(seq);
                let (event, until) = (slot.event(), slot.until());
                // Claimed before it is cloned: nothing overwrites it during a long `clone`, which
                // would have to be repeated without end.
                let early = planted!("cloned-before-claimed").then(|| event.clone());
                match self.place.claim(self.word, until) {
                    Ok(word) => {
                        self.word = word;
                        self.gap = 0;
                        // Before the clone, which may panic: there is room now in either case.
                        if word.is_watched() && !planted!("late-room") {
                            self.channel.report(self.place.id.number, Some(seq));
                        }
                        let event = early.unwrap_or_else(|| {
                            clone_claimed(event, &mut self.word, &mut self.unyielded)
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
        self.answer();
        loop {
            match &mut self.reading {
                Reading::Batch(batch) if self.word.position() < batch.last() => {
                    return Poll::Ready(true);
                }
                Reading::Ask | Reading::Batch(_) => {
                    ready!(self.poll_more(cx));
                    // Also if that is overwritten already: with a publisher that is always quicker,
                    // asking again would go on without end.
                    if let Reading::Batch(_) = &self.reading {
                        return Poll::Ready(true);
                    }
                }
                Reading::Rest(_) => {
                    if ready!(self.poll_rest(cx)) {
                        return Poll::Ready(true);
                    }
                }
                Reading::Ended(_) => return Poll::Ready(false),
            }
        }
    }

    /// Takes the event ahead in hand, to be read in place. False if it has been overwritten, or is
    /// to be looked for again.
    #[cfg(feature = "rt")]
    pub(crate) fn take_ahead(&mut self) -> bool {
        match &mut self.reading {
            Reading::Batch(batch) => {
                let seq = self.word.position() + 1;
                if seq > batch.last() {
                    return false;
                }
                let until = batch.get(seq).until();
                match self.place.claim(self.word, until) {
                    Ok(word) => self.word = word,
                    Err(now) => {
                        self.overtaken(now);
                        return false;
                    }
                }
                self.gap = 0;
                if self.word.is_watched() && !planted!("late-room") {
                    self.channel.report(self.place.id.number, Some(seq));
                }
                self.receive(seq, until);
            }
            Reading::Rest(rest) => {
                rest.next += 1;
                self.gap = 0;
            }
            Reading::Ask | Reading::Ended(_) => unreachable!("{AHEAD}"),
        }
        true
    }

    /// The event that `take_ahead` has taken in hand; not after `ack` or another poll.
    #[cfg(feature = "rt")]
    pub(crate) fn current(&self) -> &E {
        match &self.reading {
            Reading::Batch(batch) => batch.get(self.word.position()).event(),
            Reading::Rest(rest) => rest.get(rest.next - 1),
            _ => unreachable!("{AHEAD}"),
        }
    }

    /// Gives the event in hand up: it will not be finished with.
    #[cfg(feature = "rt")]
    pub(crate) fn give_up(&mut self) {
        if let Some(ticket) = self.take_in_hand() {
            self.place.awaited.store(0, Ordering::Release);
            ticket.drop_by(self.place.id);
        }
    }

    /// Whether it has taken every event up to `seq` that it will ever see. Of a handler's, to which
    /// nothing is replayed: its rest is what is left when it was disconnected.
    #[cfg(feature = "rt")]
    pub(crate) fn has_taken(&self, seq: u64) -> bool {
        match &self.reading {
            Reading::Ask | Reading::Batch(_) => self.word.position() >= seq,
            Reading::Rest(rest) => rest.next > seq.min(rest.end),
            Reading::Ended(_) => true,
        }
    }

    /// The event ahead was not claimed: it is overwritten, or left to be read after a disconnect.
    #[cold]
    #[inline(never)]
    fn overtaken(&mut self, now: Word) {
        if now.is_detached() {
            self.reading = Reading::Ask;
        }
        self.look_again(now);
    }

    /// The claimed event is in hand: answers for that.
    #[inline]
    pub(super) fn receive(&mut self, seq: u64, until: Option<Until>) {
        match until {
            Some(Until::Finished) => self.in_hand = seq,
            Some(Until::Received) => {
                self.place.awaited.store(0, Ordering::Release);
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
        self.look_again(self.place.cursor.load());
        if let Some(stage) = self.place.stage() {
            // It may have been about to wait.
            discard(stage.stop_waiting());
        }
        std::mem::take(&mut self.gap)
    }

    /// Pays tokio for what was taken since it last did: a unit of the task's budget for sixteen
    /// events. Pending when the task has none left, and its neighbours have their turn. Outside of
    /// tokio there is nobody to pay.
    ///
    /// Out of the way: asked once in sixteen events at most, and mostly once in a segment.
    #[cfg(feature = "rt")]
    #[cold]
    #[inline(never)]
    fn pay(&mut self, cx: &Context<'_>) -> Poll<()> {
        let position = match &self.reading {
            Reading::Rest(rest) => rest.next - 1,
            _ => self.word.position(),
        };
        while position - self.paid >= PAID_TOGETHER {
            let mut cx = Context::from_waker(cx.waker());
            ready!(tokio::task::coop::poll_proceed(&mut cx)).made_progress();
            self.paid += PAID_TOGETHER;
        }
        Poll::Ready(())
    }

    /// Ready when the rest has an event ahead, or with false when it has not: then there is
    /// something else to read from.
    #[cold]
    #[inline(never)]
    fn poll_rest(&mut self, cx: &Context<'_>) -> Poll<bool> {
        #[cfg(feature = "rt")]
        ready!(self.pay(cx));
        #[cfg(not(feature = "rt"))]
        let _ = cx;
        let Reading::Rest(rest) = &mut self.reading else {
            return Poll::Ready(false);
        };
        if rest.seek() {
            return Poll::Ready(true);
        }
        match rest.after {
            After::Live => self.reading = Reading::Ask,
            After::End(cause) => self.end(EndReason::Disconnected { cause }),
        }
        Poll::Ready(false)
    }

    /// Asks the manager for more; pending once it is parked, or when others have a turn.
    fn poll_more(&mut self, cx: &Context<'_>) -> Poll<()> {
        // Without the lock: if this is the last owner, it drops the events.
        self.reading = Reading::Ask;
        // Likely to sleep, and not asleep yet: cloning the waker now saves taking the lock twice.
        let sleepy = !self.asleep && self.channel.seems_read(self.word.position());
        let mut spare = sleepy.then(|| cx.waker().clone());
        self.asleep = false;
        loop {
            let reading = &mut self.reading;
            let next = (self.channel).next(&self.place, reading, cx.waker(), spare.take());
            self.look_again(self.place.cursor.load());
            match next {
                #[cfg(feature = "rt")]
                Next::More if self.word.position() - self.paid >= PAID_TOGETHER => {
                    return self.pay(cx);
                }
                Next::More => {}
                Next::Closed => self.end(EndReason::Closed),
                Next::Parked => {
                    self.asleep = true;
                    return Poll::Pending;
                }
                Next::Empty => {
                    spare = Some(cx.waker().clone());
                    continue;
                }
            }
            return Poll::Ready(());
        }
    }
}

/// How many events one unit of tokio's budget pays for.
#[cfg(feature = "rt")]
pub(crate) const PAID_TOGETHER: u64 = 16;

/// How often one poll looks for another event when the event ahead was overwritten, before other
/// tasks have their turn.
const TRIES: u32 = 16;

pub(super) const AHEAD: &str = "`poll_ahead` said that there is an event";
