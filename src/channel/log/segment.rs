//! Segments: runs of consecutive events in shared storage.
//!
//! The [`Log`](super::Log) appends events to its active segment, a plain `Vec` private to the
//! channel. Sealing moves the slots of this `Vec` into a [`Segment`], which is immutable and cheap to
//! clone, so a reader takes a whole segment under the lock and reads the events without it.

use crate::channel::ticket::{AckLevel, Ticket};
use crate::util::panic_guard::drop_caught;
use crate::util::sync::Arc;

/// The most events any segment holds.
const MAX_SLOTS: usize = 256;

/// Returns the greatest length of a segment in a log with room for `room` events: a quarter of
/// `room`, but at least 64 and at most [`MAX_SLOTS`].
///
/// Longer segments give a reader more events for each lock. But an event stays in memory while a
/// neighbour in its segment is unread, so the length also bounds the number of read events in memory.
pub(crate) fn max_segment_len_for(room: u64) -> usize {
    usize::try_from(room / 4).map_or(MAX_SLOTS, |quarter| quarter.clamp(64, MAX_SLOTS))
}

/// Two segments with at most this many events together are merged, whatever their lengths.
const SHORT: usize = 32;

/// A stored event, and the ticket of a publisher waiting for acknowledgements.
pub(crate) struct Slot<E> {
    /// `None` only after [`take`](Self::take).
    event: Option<E>,
    pub(crate) ticket: Option<Arc<Ticket>>,
}

impl<E> Slot<E> {
    #[inline]
    pub(crate) fn new(event: E) -> Self {
        Self {
            event: Some(event),
            ticket: None,
        }
    }

    #[inline]
    pub(crate) fn event(&self) -> &E {
        self.event
            .as_ref()
            .expect("a slot is emptied only while no reader shares its segment")
    }

    /// Returns the acknowledgement a publisher waits for, or `None` if no publisher waits, or if the
    /// reader settles no ticket: an observer or a group.
    #[inline]
    pub(crate) fn level(&self, settles_no_ticket: bool) -> Option<AckLevel> {
        let ticket = self.ticket.as_ref().filter(|_| !settles_no_ticket);
        ticket.map(|ticket| ticket.level())
    }

    fn take(&mut self) -> Self {
        Self {
            event: self.event.take(),
            ticket: self.ticket.take(),
        }
    }
}

impl<E> Drop for Slot<E> {
    /// Drops each event under its own `catch_unwind`. A panic in the `Drop` of a user's event would
    /// otherwise leak the rest of the segment and unwind into the task that dropped the last clone.
    #[inline]
    fn drop(&mut self) {
        if std::mem::needs_drop::<E>() {
            if let Some(event) = self.event.take() {
                drop_caught(event);
            }
        }
    }
}

/// A run of consecutive events that never changes while it is shared; cheap to clone.
pub(crate) struct Segment<E> {
    /// The sequence number of the event in the first slot.
    first: u64,
    /// The sequence number of the last event to read; `slots` may hold later events.
    last: u64,
    /// Never empty.
    slots: Arc<[Slot<E>]>,
}

impl<E> Segment<E> {
    /// Moves all slots of `active`, which must not be empty, into a new segment that starts
    /// with sequence number `first`.
    pub(crate) fn of(first: u64, active: &mut Vec<Slot<E>>) -> Self {
        let slots: Arc<[_]> = if active.len() == 1 {
            // The common length where readers keep up: a loop would cost more than the move.
            Arc::new([active.pop().expect("the active segment is not empty")])
        } else if active.len() < 32 {
            // Draining keeps the allocation of `active` for the next events.
            active.drain(..).collect()
        } else {
            // A `memcpy` is cheaper than a loop, and pays for a new allocation of `active`.
            std::mem::take(active).into()
        };
        let last = first + slots.len() as u64 - 1;
        Self { first, last, slots }
    }

    /// Returns the sequence number of the first event.
    #[inline]
    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    /// Returns a clone that ends at `last`: later events stay in memory and are not read.
    pub(crate) fn up_to(&self, last: u64) -> Self {
        Self {
            last: self.last.min(last),
            ..self.clone()
        }
    }

    /// Returns the sequence number of the last event to read.
    #[inline]
    pub(crate) fn last(&self) -> u64 {
        self.last
    }

    /// Returns the slot of event `seq`, which must be in this segment.
    #[inline]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the index is less than the number of slots, a usize"
    )]
    pub(crate) fn get(&self, seq: u64) -> &Slot<E> {
        &self.slots[(seq - self.first) as usize]
    }

    /// Returns the sequence number of the last event for which `is_before` is true; or that of the event
    /// before this segment, if there is none. `is_before` must be false from some event on.
    pub(crate) fn last_before(&self, is_before: impl Fn(&E) -> bool) -> u64 {
        let before = (self.slots).partition_point(|slot| is_before(slot.event()));
        self.first + before as u64 - 1
    }

    /// Returns the tickets of the events after `position`.
    pub(crate) fn tickets_after(&self, position: u64) -> impl Iterator<Item = &Arc<Ticket>> {
        let before = (position + 1).saturating_sub(self.first);
        let before = usize::try_from(before).unwrap_or(usize::MAX);
        let after = self.slots.get(before..).unwrap_or_default();
        after.iter().filter_map(|slot| slot.ticket.as_ref())
    }

    /// Appends the events of `next`, the following segment, to this one. Returns `false` and changes
    /// nothing if the result would be longer than `max`, if a reader shares either segment, or
    /// if the lengths differ so much that moving the events would not pay.
    ///
    /// Except for short segments, each of the two is at least a fifth of the result. Joining a
    /// thousand events therefore moves each event a few times; without a bound, every merge would
    /// move all events stored before.
    pub(crate) fn merge(&mut self, next: &mut Self, max: usize) -> bool {
        let (len, next_len) = (self.slots.len(), next.slots.len());
        let merged_len = len + next_len;
        if len > next_len || merged_len > max || (merged_len > SHORT && len < next_len / 4) {
            return false;
        }
        // A reader may be reading the slots of a shared segment, so they must not be emptied.
        let (Some(slots), Some(next_slots)) =
            (Arc::get_mut(&mut self.slots), Arc::get_mut(&mut next.slots))
        else {
            return false;
        };
        self.slots = slots.iter_mut().chain(next_slots).map(Slot::take).collect();
        self.last = next.last;
        true
    }
}

/// Where the log puts the segments that it frees under a lock, to be dropped without: their events are user
/// code.
pub(crate) trait FreedSegments<E> {
    fn push(&mut self, segment: Segment<E>);
}

impl<E> FreedSegments<E> for Vec<Segment<E>> {
    fn push(&mut self, segment: Segment<E>) {
        self.push(segment);
    }
}

// Implemented by hand, because a derive would require `E: Clone`.
impl<E> Clone for Segment<E> {
    fn clone(&self) -> Self {
        Self {
            first: self.first,
            last: self.last,
            slots: Arc::clone(&self.slots),
        }
    }
}
