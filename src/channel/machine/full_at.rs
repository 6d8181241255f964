//! An index of the sequence number at which each subscriber's window becomes full.
//!
//! A subscriber at `position` has room until the tail is `position + window`. The machine enters
//! this number once per subscriber, and checks the subscriber again only when
//! the tail gets there. Publishing therefore looks at no subscriber while the tail is below the
//! least entry, and in the long run checks each subscriber once per window of events.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use crate::channel::subscriber::SubscriberState;
use crate::util::shrink::Shrink;

/// A lower bound: with the tail at `seq`, the subscriber had no room for another event when the
/// entry was made. The subscriber may have read since.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct FullAtEntry {
    seq: u64,
    /// The number in the subscriber's id.
    number: u64,
}

/// Stands for the retained events, in place of a subscriber's number: these begin at 1.
pub(crate) const RETENTION_ENTRY: u64 = 0;

/// Capacity for this many entries is never given back.
const MIN_CAPACITY: usize = 16;

/// Subscribers, ordered by the sequence number at which each becomes full.
///
/// # Invariants
/// 1. `sorted` is sorted by `seq`. Taking an entry from its front is then O(1), which is the usual
///    case: a subscriber checked later has mostly read further.
/// 2. `next` is the least `seq` of all entries, or `u64::MAX`. The fast path of publishing compares
///    the tail with `next` alone; if `next` were too great, a window would be exceeded.
pub(crate) struct FullAt {
    next: u64,
    sorted: VecDeque<FullAtEntry>,
    /// Entries less than the last entry of `sorted` when they were made.
    out_of_order: BinaryHeap<Reverse<FullAtEntry>>,
}

impl FullAt {
    pub(crate) fn new() -> Self {
        Self {
            next: u64::MAX,
            sorted: VecDeque::new(),
            out_of_order: BinaryHeap::new(),
        }
    }

    /// Enters when `subscriber` becomes full, by its present position.
    #[inline]
    pub(crate) fn push(&mut self, subscriber: &SubscriberState) {
        self.push_entry(FullAtEntry {
            seq: subscriber.full_at(),
            number: subscriber.id.number,
        });
    }

    /// Enters the tail at which retained events must be trimmed.
    pub(crate) fn push_retention(&mut self, seq: u64) {
        let number = RETENTION_ENTRY;
        self.push_entry(FullAtEntry { seq, number });
    }

    #[inline]
    fn push_entry(&mut self, entry: FullAtEntry) {
        self.next = self.next.min(entry.seq);
        if self.sorted.back().is_none_or(|last| last.seq <= entry.seq) {
            self.sorted.push_back(entry);
        } else {
            self.out_of_order.push(Reverse(entry));
        }
    }

    /// Returns whether any subscriber may be full with the tail at `tail`.
    #[inline]
    pub(crate) fn is_due(&self, tail: u64) -> bool {
        self.next <= tail
    }

    /// Removes a subscriber and returns its number, if any may be full with the tail at `tail`.
    #[inline]
    pub(crate) fn pop_due(&mut self, tail: u64) -> Option<u64> {
        if !self.is_due(tail) {
            return None;
        }
        let entry = match self.sorted.front() {
            Some(first) if first.seq == self.next => self.sorted.pop_front(),
            _ => self.out_of_order.pop().map(|entry| entry.0),
        }?;
        self.update_next();
        Some(entry.number)
    }

    /// Restores invariant 2.
    #[inline]
    fn update_next(&mut self) {
        let sorted = self.sorted.front().map_or(u64::MAX, |entry| entry.seq);
        let out_of_order = self
            .out_of_order
            .peek()
            .map_or(u64::MAX, |entry| entry.0.seq);
        self.next = sorted.min(out_of_order);
    }

    /// Removes the newest entry, if that is the entry of the subscriber with this number, which leaves.
    /// A subscriber that leaves right after joining has the newest entry.
    #[inline]
    pub(crate) fn remove_newest(&mut self, number: u64) {
        if (self.sorted.back()).is_some_and(|last| last.number == number) {
            self.sorted.pop_back();
            self.update_next();
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.sorted.len() + self.out_of_order.len()
    }

    /// Removes the entries of former subscribers, by their numbers. The retention entry stays.
    pub(crate) fn retain(&mut self, mut is_member: impl FnMut(u64) -> bool) {
        let mut stays =
            |entry: &FullAtEntry| entry.number == RETENTION_ENTRY || is_member(entry.number);
        self.sorted.retain(&mut stays);
        self.out_of_order.retain(|entry| stays(&entry.0));
        self.update_next();
    }

    /// Gives memory back if there is far more of it than `subscribers` need.
    #[inline]
    pub(crate) fn give_back(&mut self, subscribers: usize) {
        self.sorted.shrink_if_sparse_for(subscribers, MIN_CAPACITY);
        self.out_of_order
            .shrink_if_sparse_for(subscribers, MIN_CAPACITY);
    }

    /// Returns how many entries the subscriber with this number has.
    pub(crate) fn count(&self, number: u64) -> usize {
        let out_of_order = self.out_of_order.iter().map(|entry| entry.0);
        let all = self.sorted.iter().copied().chain(out_of_order);
        all.filter(|entry| entry.number == number).count()
    }
}

#[cfg(all(test, not(any(genevent_shuttle, genevent_loom))))]
mod tests {
    use super::*;

    #[test]
    fn entries_come_due_in_order_and_are_counted_until_then() {
        let mut full_at = FullAt::new();
        for seq in [7, 3, 5, 9] {
            full_at.push_retention(seq);
        }
        assert_eq!(full_at.len(), 4);
        assert!(full_at.pop_due(2).is_none());
        assert!(full_at.pop_due(5).is_some() && full_at.pop_due(5).is_some());
        assert!(full_at.pop_due(6).is_none());
        assert_eq!(full_at.len(), 2);
        full_at.retain(|_| false); // The retention entry stays.
        assert!(full_at.pop_due(8).is_some() && full_at.pop_due(8).is_none());
        assert!(full_at.pop_due(9).is_some() && full_at.pop_due(u64::MAX - 1).is_none());
    }
}
