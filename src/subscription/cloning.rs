//! Cloning an event for its reader. `Clone` is user code, which may take long and may panic.
//!
//! The event is claimed before `clone` runs, so newer events do not overwrite it. If `Clone`
//! panics, the event stays claimed, and the next poll clones the same event again.

use super::{Skipped, Subscription};
use crate::channel::source::Source;
use crate::channel::subscriber::cursor::CursorState;

/// Clones a claimed event. If `Clone` panics, sets `unyielded`, so that the next poll yields the
/// event.
#[inline]
pub(super) fn clone_claimed<E: Clone>(
    event: &E,
    state: &mut CursorState,
    unyielded: &mut bool,
) -> E {
    let unwinding = Unwinding { state, unyielded };
    let event = event.clone();
    std::mem::forget(unwinding);
    event
}

/// A guard that is dropped only if the `Clone` of a claimed event panics.
struct Unwinding<'a> {
    state: &'a mut CursorState,
    unyielded: &'a mut bool,
}

impl Drop for Unwinding<'_> {
    #[cold]
    fn drop(&mut self) {
        *self.state = self.state.unyielded();
        *self.unyielded = true;
    }
}

impl<E> Subscription<E> {
    /// Returns whether an event is claimed and not yielded: the next poll only yields that event.
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
        let Source::Segment(segment) = &self.source else {
            unreachable!("a claimed event is in the current segment")
        };
        let slot = segment.get(seq);
        let level = slot.level(self.subscriber.is_observer);
        let event = clone_claimed(slot.event(), &mut self.state, &mut self.unyielded);
        self.receive(seq, level);
        self.let_go();
        event
    }

    /// Takes the next event of the backlog. No other code claims or overwrites the backlog, so an
    /// event whose `Clone` panics simply stays in it.
    pub(super) fn next_of_backlog(&mut self) -> E {
        let Source::Backlog(backlog) = &mut self.source else {
            unreachable!("the next event is in the backlog")
        };
        // Before the clone, which may panic: the next poll yields the same event, and tells no loss
        // before it, as for a claimed event.
        self.missed_before_next = 0;
        let event = backlog.get(backlog.next).clone();
        self.skipped = Skipped {
            to: self.state.position(),
            last_seq: backlog.next,
        };
        backlog.next += 1;
        self.subscriber.receive_unowed();
        self.let_go();
        event
    }
}
