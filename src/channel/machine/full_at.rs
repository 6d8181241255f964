//! When each subscriber will be at its limit, so that nobody need be looked at before.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use crate::channel::subscriber::Place;
use crate::subscriber_id::SubscriberId;
use crate::util::shrink::Room;

/// With `at` events in the sequence, the subscriber has no room for another one, or had none
/// when it was last looked at: it may have read on since.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Limit {
    at: u64,
    /// Of the subscriber's id, of which there is one for each member.
    number: u64,
}

impl Limit {
    fn id(self, manager: u64) -> SubscriberId {
        SubscriberId {
            manager,
            number: self.number,
        }
    }
}

/// In place of a subscriber's number, which is 1 or more.
pub(crate) const KEEPER: u64 = 0;

/// Room for so many is kept when there are fewer subscribers.
const KEPT: usize = 16;

/// Subscribers by the length of the sequence at which each will be at its limit, if it reads
/// nothing until then.
///
/// # Invariants
/// 1. `row` is sorted by `at`.
/// 2. `next` is the least `at` of all, `u64::MAX` if there are none.
pub(crate) struct Limits {
    manager: u64,
    next: u64,
    /// Where most are: who is looked at later has mostly read further.
    row: VecDeque<Limit>,
    /// Those that were to be noted when the row went on beyond them already.
    heap: BinaryHeap<Reverse<Limit>>,
}

impl Limits {
    /// Of subscribers of this manager.
    pub(crate) fn new(manager: u64) -> Self {
        Self {
            manager,
            next: u64::MAX,
            row: VecDeque::new(),
            heap: BinaryHeap::new(),
        }
    }

    /// Notes the limit as it is now.
    #[inline]
    pub(crate) fn push(&mut self, place: &Place) {
        self.push_limit(Limit {
            at: place.limit(),
            number: place.id.number,
        });
    }

    /// Notes when the keeper of the newest events must be looked at: a limit of nobody's.
    pub(crate) fn push_keeper(&mut self, at: u64) {
        let number = KEEPER;
        self.push_limit(Limit { at, number });
    }

    #[inline]
    fn push_limit(&mut self, limit: Limit) {
        self.next = self.next.min(limit.at);
        if self.row.back().is_none_or(|last| last.at <= limit.at) {
            self.row.push_back(limit);
        } else {
            self.heap.push(Reverse(limit));
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
        let limit = match self.row.front() {
            Some(first) if first.at == self.next => self.row.pop_front(),
            _ => self.heap.pop().map(|limit| limit.0),
        }?;
        self.look();
        Some(limit.id(self.manager))
    }

    /// Restores invariant 2.
    #[inline]
    fn look(&mut self) {
        let row = self.row.front().map_or(u64::MAX, |limit| limit.at);
        let heap = self.heap.peek().map_or(u64::MAX, |limit| limit.0.at);
        self.next = row.min(heap);
    }

    pub(crate) fn len(&self) -> usize {
        self.row.len() + self.heap.len()
    }

    /// Subscribers that left stay in here until somebody calls this, with the numbers of those that
    /// are there. The keeper stays.
    pub(crate) fn retain(&mut self, mut is_member: impl FnMut(u64) -> bool) {
        let mut stays = |limit: &Limit| limit.number == KEEPER || is_member(limit.number);
        self.row.retain(&mut stays);
        self.heap.retain(|limit| stays(&limit.0));
        self.look();
    }

    /// Gives memory back, if so few `subscribers` are there that much of it is not needed.
    #[inline]
    pub(crate) fn give_back(&mut self, subscribers: usize) {
        self.row.give_back_beyond(subscribers, KEPT);
        self.heap.give_back_beyond(subscribers, KEPT);
    }

    /// How many entries `id` has.
    pub(crate) fn count(&self, id: SubscriberId) -> usize {
        let heap = self.heap.iter().map(|limit| limit.0);
        let all = self.row.iter().copied().chain(heap);
        all.filter(|limit| limit.id(self.manager) == id).count()
    }
}

#[cfg(all(test, not(any(genevent_shuttle, genevent_loom))))]
mod tests {
    use super::*;

    #[test]
    fn they_come_due_in_order_and_are_counted_until_then() {
        let mut limits = Limits::new(0);
        for at in [7, 3, 5, 9] {
            limits.push_keeper(at);
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
