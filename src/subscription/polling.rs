//! How the next event is come by: from the batch at hand, from a rest, or from the manager.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::{FusedStream, Stream};

use super::{Received, Subscription};
use crate::ack::Until;
use crate::channel::Next;
use crate::end::EndReason;
use crate::foreign::discard;
use crate::reading::{After, Reading};
use crate::sync::Ordering;

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
        let event = slot.event().clone();
        // As seen, it is not watched: nothing to report.
        self.word = self.place.cursor.claim(self.word, true).ok()?;
        self.gap = 0;
        Some(event)
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
        loop {
            if tell_missed && self.gap > 0 {
                self.ack();
                self.look_again(self.place.cursor.load());
                if let Some(stage) = self.place.stage() {
                    // It may have been about to wait.
                    discard(stage.stop_waiting());
                }
                return Poll::Ready(Some(Received::Missed(std::mem::take(&mut self.gap))));
            }
            let more = self.poll_ahead(cx);
            if tell_missed && self.gap > 0 {
                continue;
            }
            if !ready!(more) {
                return Poll::Ready(None);
            }
            // Cloned before it is claimed: a `Clone` that panics loses nothing.
            let event = self.ahead().clone();
            if self.take_ahead() {
                return Poll::Ready(Some(Received::Event(event)));
            }
        }
    }
}

impl<E> Subscription<E> {
    /// Ready when there is an event [`ahead`](Self::ahead), or with false when none will come.
    ///
    /// Finishes with the event in hand.
    pub(crate) fn poll_ahead(&mut self, cx: &Context<'_>) -> Poll<bool> {
        self.answer();
        loop {
            match &mut self.reading {
                Reading::Batch(batch) if self.word.position() < batch.last() => {
                    return Poll::Ready(true);
                }
                Reading::Ask | Reading::Batch(_) => ready!(self.poll_more(cx)),
                Reading::Rest(_) => {
                    if ready!(self.poll_rest(cx)) {
                        return Poll::Ready(true);
                    }
                }
                Reading::Ended(_) => return Poll::Ready(false),
            }
        }
    }

    /// The next event, not claimed, when `poll_ahead` has said that there is one.
    fn ahead(&self) -> &E {
        match &self.reading {
            Reading::Batch(batch) => batch.get(self.word.position() + 1).event(),
            Reading::Rest(rest) => rest.get(rest.next),
            Reading::Ask | Reading::Ended(_) => unreachable!("{AHEAD}"),
        }
    }

    /// Takes the event ahead in hand. False if it has been overwritten, or is to be looked for
    /// again.
    pub(crate) fn take_ahead(&mut self) -> bool {
        match &mut self.reading {
            Reading::Batch(batch) => {
                let slot = batch.get(self.word.position() + 1);
                let until = slot.ticket.as_ref().map(|ticket| ticket.until());
                if !self.claim(until) {
                    return false;
                }
                self.gap = 0;
                self.receive(until);
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
            Reading::Ask | Reading::Ended(_) => unreachable!("{AHEAD}"),
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

    /// Claims the next event, which is in the batch. False if that is no longer so.
    fn claim(&mut self, until: Option<Until>) -> bool {
        let position = self.word.position();
        let held = self.place.held();
        // Before it is claimed: whoever asks for those that owe it finds it unread or in hand.
        if let Some(held) = held {
            held.open(position + 1);
        } else if until == Some(Until::Finished) {
            self.place.awaited.store(position + 1, Ordering::Release);
        }
        loop {
            match self.place.cursor.claim(self.word, held.is_none()) {
                Ok(word) => {
                    self.word = word;
                    return true;
                }
                Err(now) if now.is_detached() || now.position() != position => {
                    match held {
                        Some(held) => held.close(position + 1),
                        None => self.place.awaited.store(0, Ordering::Release),
                    }
                    if now.is_detached() {
                        self.reading = Reading::Ask;
                    }
                    self.look_again(now);
                    return false;
                }
                Err(now) => self.word = now,
            }
        }
    }

    /// The claimed event is in hand: answers for that, and reports it if the manager watches.
    fn receive(&mut self, until: Option<Until>) {
        let seq = self.word.position();
        match until {
            Some(Until::Finished) => self.in_hand = seq,
            Some(Until::Received) => self.ticket(seq).into_iter().for_each(|ticket| ticket.ack()),
            None => {}
        }
        if self.word.is_watched() && !planted!("late-room") {
            self.channel.report(self.place.id.number, Some(seq));
            // What has been overwritten since is noticed at the next claim.
        }
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

const AHEAD: &str = "`poll_ahead` said that there is an event";
