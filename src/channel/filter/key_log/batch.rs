//! The events that a reader has taken from a key log.

use super::event::KeyedEvent;
use crate::channel::log::segment::{Segment, Slot};

/// The segment that a reader reads without a lock.
///
/// # Invariants
/// 1. `segment` has the event after `claimed`: a segment is dropped when it is read to the end.
pub(super) struct KeyBatch<E> {
    segment: Option<Segment<KeyedEvent<E>>>,
    /// The offset of the last event that was claimed; `None` before the first load.
    claimed: Option<u64>,
}

impl<E> KeyBatch<E> {
    pub(super) const fn new() -> Self {
        Self {
            segment: None,
            claimed: None,
        }
    }

    /// Returns the offset of the last event that was claimed; at the first call that is `joined_at`.
    pub(super) fn claimed_or(&mut self, joined_at: impl FnOnce() -> u64) -> u64 {
        *self.claimed.get_or_insert_with(joined_at)
    }

    /// Returns whether the reader has read the log up to `tail`, as far as the batch tells.
    pub(super) fn is_caught_up(&self, tail: u64) -> bool {
        self.claimed == Some(tail)
    }

    /// Continues with the segment of the next event.
    pub(super) fn load(&mut self, segment: Segment<KeyedEvent<E>>) {
        debug_assert!(
            (self.claimed).is_some_and(|claimed| claimed < segment.last()),
            "key batch: invariant 1"
        );
        self.segment = Some(segment);
    }

    /// Returns the next event.
    #[inline]
    pub(super) fn peek(&self) -> Option<&Slot<KeyedEvent<E>>> {
        let (segment, claimed) = (self.segment.as_ref()?, self.claimed?);
        Some(segment.get(claimed + 1))
    }

    /// Moves past the next event, which was claimed and cloned, and drops a segment that is read to the
    /// end. Runs user code.
    #[inline]
    pub(super) fn advance(&mut self) {
        let Some(claimed) = &mut self.claimed else {
            return;
        };
        *claimed += 1;
        if (self.segment.as_ref()).is_some_and(|segment| segment.last() <= *claimed) {
            self.segment = None;
        }
    }

    /// Drops the segment, whether it was read or not. Runs user code.
    pub(super) fn end(&mut self) {
        self.segment = None;
    }
}
