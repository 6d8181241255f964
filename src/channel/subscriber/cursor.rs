//! The cursor of a subscriber: a single atomic word, changed by subscriber and channel.
//!
//! ```text
//!   63                          3   2          1         0
//!  ┌─────────────────────────────┬──────────┬─────────┬──────────┐
//!  │ position: last event claimed│ DETACHED │REPORTING│ FINISHED │
//!  └─────────────────────────────┴──────────┴─────────┴──────────┘
//! ```
//!
//! The subscriber claims an event with a compare-and-swap, without the lock; the channel changes
//! the word under its lock. Because both change the *same* word, both see their steps in the same order.
//! A claim that comes after the channel's [`request_reports`](Cursor::request_reports) sees
//! [`CursorState::must_report`], and the subscriber reports. A claim that comes before is in the
//! position that `request_reports` returns. In neither case is a wake-up lost, and no fence and no
//! second check are needed.

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
    /// Returns the sequence number of the last event that was yielded, or skipped because the event
    /// was overwritten.
    #[inline]
    pub(crate) fn position(self) -> u64 {
        self.0 >> SHIFT
    }

    /// Returns whether no event is in flight.
    #[inline]
    pub(crate) fn is_finished(self) -> bool {
        self.0 & FINISHED != 0
    }

    /// Returns whether the channel requests a report of the next claim or finish.
    #[inline]
    pub(crate) fn must_report(self) -> bool {
        self.0 & REPORTING != 0
    }

    /// Returns a state for a subscriber that has claimed an event and not yielded it yet. While the
    /// subscriber remembers this state, it claims, finishes and reports nothing.
    pub(crate) fn unyielded(self) -> Self {
        Self((self.0 | FINISHED | DETACHED) & !REPORTING)
    }

    /// Returns the state [`Cursor::claim`] returned before [`unyielded`](Self::unyielded), but
    /// without a request for reports.
    pub(crate) fn claimed(self, in_flight: bool) -> Self {
        let finished = if in_flight { 0 } else { FINISHED };
        Self(self.position() << SHIFT | finished)
    }

    /// Returns whether the subscriber is detached, which settled all its unread events.
    #[inline]
    pub(crate) fn is_detached(self) -> bool {
        self.0 & DETACHED != 0
    }
}

/// The position of a subscriber, with the flags of [`CursorState`].
///
/// # Invariants
/// 1. The position never decreases: the log frees events behind it.
/// 2. Once detached, the cursor stays detached and its position no longer changes: the channel has
///    settled all events after that position, and a later claim would settle an event twice.
/// 3. Only a claim clears `FINISHED`, and only the subscriber claims. The channel may therefore trust
///    `FINISHED` until the position moves.
pub(crate) struct Cursor(AtomicU64);

impl Cursor {
    /// Creates a cursor at `position`, with no event in flight.
    #[inline]
    pub(crate) fn new(position: u64) -> Self {
        Self(AtomicU64::new(position << SHIFT | FINISHED))
    }

    #[inline]
    pub(crate) fn load(&self) -> CursorState {
        CursorState(self.0.load(Ordering::Acquire))
    }

    /// Claims the next event for the subscriber, which also finishes the event before. The claimed
    /// event is in flight until [`finish`](Self::finish); `in_flight` is false if the subscriber
    /// keeps its events in flight in an [`UnackedSet`](super::unacked::UnackedSet).
    ///
    /// # Errors
    /// The current state, if it is no longer `seen`: the channel requested reports, detached the
    /// subscriber, or overwrote the event.
    #[inline]
    pub(crate) fn claim(
        &self,
        seen: CursorState,
        in_flight: bool,
    ) -> Result<CursorState, CursorState> {
        self.claim_at(seen, seen.position() + 1, in_flight)
    }

    /// Claims event `position`, as [`claim`](Self::claim) claims the next event. A reader of a key log
    /// skips the events with other keys.
    #[inline]
    pub(crate) fn claim_at(
        &self,
        seen: CursorState,
        position: u64,
        in_flight: bool,
    ) -> Result<CursorState, CursorState> {
        if seen.is_detached() && !seeded_bug!("detached-subscriber-claims") {
            return Err(seen);
        }
        let finished = if in_flight { 0 } else { FINISHED };
        self.swap(seen, position << SHIFT | (seen.0 & REPORTING) | finished)
    }

    /// Claims event `position` for a filtered subscriber, which skips the unwanted events before.
    /// `in_flight` is the same as in [`claim`](Self::claim).
    pub(crate) fn move_to(&self, position: u64, in_flight: bool) -> CursorState {
        let finished = if in_flight { 0 } else { FINISHED };
        let mut seen = self.load();
        loop {
            let flags = seen.0 & (REPORTING | DETACHED);
            match self.swap(seen, position << SHIFT | flags | finished) {
                Ok(word) => return word,
                Err(now) => seen = now,
            }
        }
    }

    /// Finishes the event in flight.
    #[inline]
    pub(crate) fn finish(&self) -> CursorState {
        CursorState(self.0.fetch_or(FINISHED, Ordering::AcqRel) | FINISHED)
    }

    /// Finishes the event in flight, unless the state is no longer `seen`. Cheaper than
    /// [`finish`](Self::finish), which succeeds in every state.
    #[inline]
    pub(crate) fn try_finish(&self, seen: CursorState) -> Result<CursorState, ()> {
        self.swap(seen, seen.0 | FINISHED).map_err(drop)
    }

    /// Finishes the event in flight; the caller is the subscriber and holds the channel's lock. No
    /// other thread can change the word meanwhile, so a plain store does what
    /// [`finish`](Self::finish) does with an atomic read-modify-write.
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

    /// Requests reports from the subscriber, and returns the state from before the request.
    #[inline]
    pub(crate) fn request_reports(&self) -> CursorState {
        CursorState(self.0.fetch_or(REPORTING, Ordering::AcqRel))
    }

    /// Withdraws the request for reports.
    #[inline]
    pub(crate) fn cancel_reports(&self) {
        self.0.fetch_and(!REPORTING, Ordering::AcqRel);
    }

    /// Skips the event after `position`: the channel overwrites that event.
    ///
    /// # Errors
    /// The current state, if the subscriber claimed the event first.
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

    /// Detaches the subscriber and requests reports. Returns the state from before, which has the final
    /// position.
    #[inline]
    pub(crate) fn detach(&self) -> CursorState {
        CursorState(self.0.fetch_or(DETACHED | REPORTING, Ordering::AcqRel))
    }

    #[inline]
    fn swap(&self, seen: CursorState, next: u64) -> Result<CursorState, CursorState> {
        self.0
            .compare_exchange(seen.0, next, Ordering::AcqRel, Ordering::Acquire)
            .map(|_| CursorState(next))
            .map_err(CursorState)
    }
}
