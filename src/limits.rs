//! When each subscriber will be at its limit, so that nobody need be looked at before.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::inspect::SubscriberId;
use crate::place::Place;

/// With `at` events in the sequence, the subscriber has no room for another one, or had none
/// when it was last looked at: it may have read on since.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Limit {
    at: u64,
    /// Of the subscriber's id, of which there is one for each member.
    number: u64,
    key: usize,
}

impl Limit {
    fn id(self, manager: u64) -> SubscriberId {
        SubscriberId {
            manager,
            number: self.number,
            key: self.key,
        }
    }
}

/// In place of a subscriber's number, which is 1 or more.
pub(crate) const KEEPER: u64 = 0;

/// Subscribers by the length of the sequence at which each will be at its limit, if it reads
/// nothing until then.
pub(crate) struct Limits {
    manager: u64,
    heap: BinaryHeap<Reverse<Limit>>,
}

impl Limits {
    /// Of subscribers of this manager.
    pub(crate) fn new(manager: u64) -> Self {
        Self {
            manager,
            heap: BinaryHeap::new(),
        }
    }

    /// Notes the limit as it is now.
    #[inline]
    pub(crate) fn push(&mut self, place: &Place) {
        self.heap.push(Reverse(Limit {
            at: place.limit(),
            number: place.id.number,
            key: place.id.key,
        }));
    }

    /// Notes when the keeper of the newest events must be looked at: a limit of nobody's.
    pub(crate) fn push_keeper(&mut self, at: u64) {
        let (number, key) = (KEEPER, usize::MAX);
        self.heap.push(Reverse(Limit { at, number, key }));
    }

    /// Whether somebody may be at its limit with `length` events in the sequence.
    #[inline]
    pub(crate) fn is_due(&self, length: u64) -> bool {
        self.heap.peek().is_some_and(|limit| limit.0.at <= length)
    }

    /// Takes out one that may be at its limit with `length` events in the sequence.
    #[inline]
    pub(crate) fn pop_due(&mut self, length: u64) -> Option<SubscriberId> {
        if !self.is_due(length) {
            return None;
        }
        let Reverse(limit) = self.heap.pop()?;
        Some(limit.id(self.manager))
    }

    pub(crate) fn len(&self) -> usize {
        self.heap.len()
    }

    /// Subscribers that left stay in here until somebody calls this. The keeper stays.
    pub(crate) fn retain(&mut self, is_member: impl Fn(SubscriberId) -> bool) {
        let manager = self.manager;
        self.heap
            .retain(|limit| limit.0.number == KEEPER || is_member(limit.0.id(manager)));
    }

    /// How many entries `id` has.
    pub(crate) fn count(&self, id: SubscriberId) -> usize {
        let ids = self.heap.iter().map(|limit| limit.0.id(self.manager));
        ids.filter(|&other| other == id).count()
    }
}

#[cfg(all(test, not(any(genevent_shuttle, genevent_loom))))]
mod tests {
    use super::*;

    #[test]
    fn they_come_due_in_order_and_are_counted_until_then() {
        let mut limits = Limits::new(0);
        for at in [7, 3, 5] {
            limits.push_keeper(at);
        }
        assert_eq!(limits.len(), 3);
        assert!(limits.pop_due(2).is_none());
        assert!(limits.pop_due(5).is_some() && limits.pop_due(5).is_some());
        assert!(limits.pop_due(6).is_none());
        assert_eq!(limits.len(), 1);
    }
}
