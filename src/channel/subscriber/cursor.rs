//! Where one subscriber stands: the single word it shares with the manager.
//!
//! ```text
//!   63                          3   2          1         0
//!  ┌─────────────────────────────┬──────────┬─────────┬──────────┐
//!  │ position: last event yielded│ DETACHED │ WATCHED │ FINISHED │
//!  └─────────────────────────────┴──────────┴─────────┴──────────┘
//! ```
//!
//! The subscriber moves it without the lock, one compare-and-swap for each event; the manager
//! changes it under its lock. Since both change *one* word, each always knows whether it came
//! first: a subscriber that claims an event either sees [`CursorState::is_watched`], and then reports,
//! or had claimed it before the manager looked, and then the manager has seen that it did. No
//! fence and no second look are needed for "no wake-up is ever lost".

use crate::util::sync::{AtomicU64, Ordering};

/// A snapshot of a [`Cursor`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct CursorState(u64);

const FINISHED: u64 = 1;
const REPORTING: u64 = 1 << 1;
const DETACHED: u64 = 1 << 2;
const SHIFT: u32 = 3;
const ONE_EVENT: u64 = 1 << SHIFT;

impl CursorState {
    /// The number of the last event that was yielded, or skipped because it was overwritten.
    #[inline]
    pub(crate) fn position(self) -> u64 {
        self.0 >> SHIFT
    }

    /// No event is in hand.
    #[inline]
    pub(crate) fn is_finished(self) -> bool {
        self.0 & FINISHED != 0
    }

    /// The manager wants to hear of the next claim or finish.
    #[inline]
    pub(crate) fn must_report(self) -> bool {
        self.0 & REPORTING != 0
    }

    /// For a subscriber that has claimed an event and has not yielded it: as long as this is what
    /// it last saw, it claims nothing, and has nothing to finish or to report.
    pub(crate) fn unyielded(self) -> Self {
        Self((self.0 | FINISHED | DETACHED) & !REPORTING)
    }

    /// As [`Cursor::claim`] gave it, before [`unyielded`](Self::unyielded), but not watched.
    pub(crate) fn claimed(self, in_hand: bool) -> Self {
        let finished = if in_hand { 0 } else { FINISHED };
        Self(self.position() << SHIFT | finished)
    }

    /// The subscriber no longer counts; its unread events have been answered for.
    #[inline]
    pub(crate) fn is_detached(self) -> bool {
        self.0 & DETACHED != 0
    }
}

/// # Invariants
/// 1. The position never goes back.
/// 2. Once detached, the position stands still and the cursor stays detached.
/// 3. `FINISHED` is cleared by a claim alone, and only the subscriber claims.
pub(crate) struct Cursor(AtomicU64);

impl Cursor {
    /// A cursor behind which nothing is unread: the next event is `position + 1`.
    #[inline]
    pub(crate) fn new(position: u64) -> Self {
        Self(AtomicU64::new(position << SHIFT | FINISHED))
    }

    #[inline]
    pub(crate) fn load(&self) -> CursorState {
        CursorState(self.0.load(Ordering::Acquire))
    }

    /// The subscriber takes the next event, and has finished with the one before. It has the
    /// event `in_hand` until [`finish`](Self::finish), or keeps account of it elsewhere.
    ///
    /// Fails with what the word is now if it is no longer as `seen`: watched, detached, or
    /// moved on because the event was overwritten.
    #[inline]
    pub(crate) fn claim(
        &self,
        seen: CursorState,
        in_hand: bool,
    ) -> Result<CursorState, CursorState> {
        if seen.is_detached() && !seeded_bug!("detached-subscriber-claims") {
            return Err(seen);
        }
        let finished = if in_hand { 0 } else { FINISHED };
        self.swap(seen, ((seen.0 + ONE_EVENT) & !FINISHED) | finished)
    }

    /// The subscriber takes event `position`, which is not the next one if those between were
    /// not wanted. `in_hand` as in [`claim`](Self::claim).
    pub(crate) fn move_to(&self, position: u64, in_hand: bool) -> CursorState {
        let finished = if in_hand { 0 } else { FINISHED };
        let mut seen = self.load();
        loop {
            let flags = seen.0 & (REPORTING | DETACHED);
            match self.swap(seen, position << SHIFT | flags | finished) {
                Ok(word) => return word,
                Err(now) => seen = now,
            }
        }
    }

    /// The subscriber has finished with the event in hand.
    #[inline]
    pub(crate) fn finish(&self) -> CursorState {
        CursorState(self.0.fetch_or(FINISHED, Ordering::AcqRel) | FINISHED)
    }

    /// As [`finish`](Self::finish), by the subscriber under the manager's lock: nobody else
    /// changes the word meanwhile.
    #[inline]
    pub(crate) fn finish_locked(&self) -> CursorState {
        let word = self.load();
        if word.is_finished() {
            return word;
        }
        let word = CursorState(word.0 | FINISHED);
        self.0.store(word.0, Ordering::Release);
        word
    }

    /// Asks the subscriber to report its next step, and tells where it was when asked.
    #[inline]
    pub(crate) fn request_reports(&self) -> CursorState {
        CursorState(self.0.fetch_or(REPORTING, Ordering::AcqRel))
    }

    #[inline]
    pub(crate) fn cancel_reports(&self) {
        self.0.fetch_and(!REPORTING, Ordering::AcqRel);
    }

    /// The manager skips the event after `position` on the subscriber's behalf.
    ///
    /// Fails if the subscriber has claimed it meanwhile.
    #[inline]
    pub(crate) fn overwrite(&self, position: u64) -> Result<CursorState, CursorState> {
        let mut seen = self.load();
        while seen.position() == position {
            match self.swap(seen, seen.0 + ONE_EVENT) {
                Ok(word) => return Ok(word),
                Err(now) => seen = now,
            }
        }
        Err(seen)
    }

    /// The subscriber no longer counts; what it had yielded until now is its last position.
    #[inline]
    pub(crate) fn detach(&self) -> CursorState {
        CursorState(self.0.fetch_or(DETACHED, Ordering::AcqRel))
    }

    #[inline]
    fn swap(&self, seen: CursorState, next: u64) -> Result<CursorState, CursorState> {
        self.0
            .compare_exchange(seen.0, next, Ordering::AcqRel, Ordering::Acquire)
            .map(|_| CursorState(next))
            .map_err(CursorState)
    }
}
