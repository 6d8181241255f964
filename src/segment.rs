//! A run of events in shared storage: written once under the lock, read without it.

use std::sync::OnceLock;

use crate::ack::Ticket;
use crate::foreign::discard;
use crate::sync::Arc;

/// The most events one segment holds. An event stays in memory while a neighbour in its segment
/// is unread, so this bounds what lingers; it also is how many events one lock gives a reader.
pub(crate) const MAX_SLOTS: usize = 64;

/// One event, and who waits for its answers.
pub(crate) struct Slot<E> {
    pub(crate) event: E,
    pub(crate) ticket: Option<Arc<Ticket>>,
}

/// # Invariants
/// 1. Slots are filled from the front, under the manager's lock, before their number is told;
///    a filled slot never changes.
pub(crate) struct Segment<E> {
    /// The number of the event in the first slot.
    first: u64,
    slots: Box<[OnceLock<Slot<E>>]>,
}

impl<E> Segment<E> {
    pub(crate) fn new(first: u64, slots: usize) -> Arc<Self> {
        Arc::new(Self {
            first,
            slots: std::iter::repeat_with(OnceLock::new).take(slots).collect(),
        })
    }

    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    /// The number of the event in the last slot, filled or not.
    pub(crate) fn last(&self) -> u64 {
        self.first + self.slots.len() as u64 - 1
    }

    pub(crate) fn slots(&self) -> usize {
        self.slots.len()
    }

    /// Stores event number `seq`.
    pub(crate) fn fill(&self, seq: u64, slot: Slot<E>) {
        let stored = self.slots[self.index(seq)].set(slot);
        debug_assert!(stored.is_ok(), "a slot is filled once");
    }

    /// Event number `seq`, which must have been stored.
    pub(crate) fn get(&self, seq: u64) -> &Slot<E> {
        self.slots[self.index(seq)]
            .get()
            .expect("a slot is filled before its number is told")
    }

    #[expect(clippy::cast_possible_truncation, reason = "below the number of slots")]
    fn index(&self, seq: u64) -> usize {
        (seq - self.first) as usize
    }
}

impl<E> Drop for Segment<E> {
    /// Drops every event by itself: one whose `Drop` panics harms none of its neighbours, nor
    /// the publisher or subscriber that happened to be the last to let go.
    fn drop(&mut self) {
        if std::mem::needs_drop::<E>() {
            for slot in &mut self.slots {
                if let Some(slot) = slot.take() {
                    discard(slot);
                }
            }
        }
    }
}
