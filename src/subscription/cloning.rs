//! Cloning an event for its reader, which may take long and may panic.
//!
//! The event is claimed before: nothing overwrites it meanwhile. If its `Clone` panics, it stays
//! claimed, and the next poll clones it again.

use super::Subscription;
use super::poll::AHEAD;
use crate::channel::source::Source;
use crate::channel::subscriber::cursor::CursorState;

/// Clones an event that is claimed. If `Clone` panics, notes that the next poll has to yield it.
#[inline]
pub(super) fn clone_claimed<E: Clone>(
    event: &E,
    word: &mut CursorState,
    unyielded: &mut bool,
) -> E {
    let unwinding = Unwinding { word, unyielded };
    let event = event.clone();
    std::mem::forget(unwinding);
    event
}

/// Dropped when the `Clone` of a claimed event panics.
struct Unwinding<'a> {
    word: &'a mut CursorState,
    unyielded: &'a mut bool,
}

impl Drop for Unwinding<'_> {
    #[cold]
    fn drop(&mut self) {
        *self.word = self.word.unyielded();
        *self.unyielded = true;
    }
}

impl<E> Subscription<E> {
    /// Whether an event is claimed and not yielded: the next poll does no more than that.
    #[inline]
    pub(crate) fn has_unyielded(&self) -> bool {
        self.unyielded
    }
}

impl<E: Clone> Subscription<E> {
    /// Yields the event that was claimed and whose `Clone` panicked.
    #[cold]
    #[inline(never)]
    pub(super) fn yield_claimed(&mut self) -> E {
        self.state = self.state.claimed(!self.explicit_acks);
        self.unyielded = false;
        let seq = self.state.position();
        let Source::Segment(batch) = &self.source else {
            unreachable!("a claimed event is in the batch")
        };
        let slot = batch.get(seq);
        let until = slot.until();
        let event = clone_claimed(slot.event(), &mut self.state, &mut self.unyielded);
        self.receive(seq, until);
        event
    }

    /// Takes the next event of the rest, which nobody else claims or overwrites: a `Clone` that
    /// panics leaves it where it is.
    pub(super) fn clone_of_rest(&mut self) -> E {
        let Source::Backlog(rest) = &mut self.source else {
            unreachable!("{AHEAD}")
        };
        let event = rest.get(rest.next).clone();
        rest.next += 1;
        self.missed_before_next = 0;
        if let Some(held) = self.subscriber.unacked_set() {
            held.let_out();
        }
        event
    }
}
