//! When each subscriber will be at its limit, so that nobody need be looked at before.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use crate::channel::subscriber::SubscriberState;
use crate::subscriber_id::SubscriberId;
use crate::util::shrink::Shrink;

/// With `at` events in the sequence, the subscriber has no room for another one, or had none
/// when it was last looked at: it may have read on since.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct FullAtEntry {
    at: u64,
    /// Of the subscriber's id, of which there is one for each member.
    number: u64,
}

impl FullAtEntry {
    fn id(self, manager: u64) -> SubscriberId {
        SubscriberId {
            manager,
            number: self.number,
        }
    }
}

/// In place of a subscriber's number, which is 1 or more.
pub(crate) const RETENTION_ENTRY: u64 = 0;

/// Room for so many is kept when there are fewer subscribers.
const KEPT: usize = 16;

/// Subscribers by the length of the sequence at which each will be at its limit, if it reads
/// nothing until then.
///
/// # Invariants
/// 1. `sorted` is sorted by `at`.
/// 2. `next` is the least `at` of all, `u64::MAX` if there are none.
pub(crate) struct FullAt {
    manager: u64,
    next: u64,
    /// Where most are: who is looked at later has mostly read further.
    sorted: VecDeque<FullAtEntry>,
    /// Those that were to be noted when the row went on beyond them already.
    out_of_order: BinaryHeap<Reverse<FullAtEntry>>,
}

impl FullAt {
    /// Of subscribers of this manager.
    pub(crate) fn new(manager: u64) -> Self {
        Self {
            manager,
            next: u64::MAX,
            sorted: VecDeque::new(),
            out_of_order: BinaryHeap::new(),
        }
    }

    /// Notes the limit as it is now.
    #[inline]
    pub(crate) fn push(&mut self, place: &SubscriberState) {
        self.push_limit(FullAtEntry {
            at: place.full_at(),
            number: place.id.number,
        });
    }

    /// Notes when the keeper of the newest events must be looked at: a limit of nobody's.
    pub(crate) fn push_retention(&mut self, at: u64) {
        let number = RETENTION_ENTRY;
        self.push_limit(FullAtEntry { at, number });
    }

    #[inline]
    fn push_limit(&mut self, limit: FullAtEntry) {
        self.next = self.next.min(limit.at);
        if self.sorted.back().is_none_or(|last| last.at <= limit.at) {
            self.sorted.push_back(limit);
        } else {
            self.out_of_order.push(Reverse(limit));
        }
    }

    /// Whether somebody may be at its limit with `length` events in the sequence.
    #[inline]
    pub(crate) fn is_due(&self, length: u64) -> bool {
        self.next <= length
    }

    /// Takes out one that may be at its limit with `length` events in the sequence.
    #[inline]
    pub(crate) fn pop_due(&mut self, length: u64) -> Option<SubscriberId> {
        if !self.is_due(length) {
            return None;
        }
        let limit = match self.sorted.front() {
            Some(first) if first.at == self.next => self.sorted.pop_front(),
            _ => self.out_of_order.pop().map(|limit| limit.0),
        }?;
        self.update_next();
        Some(limit.id(self.manager))
    }

    /// Restores invariant 2.
    #[inline]
    fn update_next(&mut self) {
        let sorted = self.sorted.front().map_or(u64::MAX, |limit| limit.at);
        let out_of_order = self
            .out_of_order
            .peek()
            .map_or(u64::MAX, |limit| limit.0.at);
        self.next = sorted.min(out_of_order);
    }

    pub(crate) fn len(&self) -> usize {
        self.sorted.len() + self.out_of_order.len()
    }

    /// Subscribers that left stay in here until somebody calls this, with the numbers of those that
    /// are there. The keeper stays.
    pub(crate) fn retain(&mut self, mut is_member: impl FnMut(u64) -> bool) {
        let mut stays =
            |limit: &FullAtEntry| limit.number == RETENTION_ENTRY || is_member(limit.number);
        self.sorted.retain(&mut stays);
        self.out_of_order.retain(|limit| stays(&limit.0));
        self.update_next();
    }

    /// Gives memory back, if so few `subscribers` are there that much of it is not needed.
    #[inline]
    pub(crate) fn give_back(&mut self, subscribers: usize) {
        self.sorted.shrink_if_sparse_for(subscribers, KEPT);
        self.out_of_order.shrink_if_sparse_for(subscribers, KEPT);
    }

    /// How many entries `id` has.
    pub(crate) fn count(&self, id: SubscriberId) -> usize {
        let out_of_order = self.out_of_order.iter().map(|limit| limit.0);
        let all = self.sorted.iter().copied().chain(out_of_order);
        all.filter(|limit| limit.id(self.manager) == id).count()
    }
}

#[cfg(all(test, not(any(genevent_shuttle, genevent_loom))))]
mod tests {
    use super::*;

    #[test]
    fn they_come_due_in_order_and_are_counted_until_then() {
        let mut limits = FullAt::new(0);
        for at in [7, 3, 5, 9] {
            limits.push_retention(at);
        }
        assert_eq!(limits.len(), 4);
        assert!(limits.pop_due(2).is_none());
        assert!(limits.pop_due(5).is_some() && limits.pop_due(5).is_some());
        assert!(limits.pop_due(6).is_none());
        assert_eq!(limits.len(), 2);
        limits.retain(|_| false); // the keeper stays
        assert!(limits.pop_due(8).is_some() && limits.pop_due(8).is_none());
        assert!(limits.pop_due(9).is_some() && limits.pop_due(u64::MAX - 1).is_none());
    }
}
