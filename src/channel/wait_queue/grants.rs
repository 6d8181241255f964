//! The publishers with a granted place.

use std::collections::VecDeque;

use super::{MIN_CAPACITY, QueueKey};
use crate::util::shrink::Shrink;

/// The publishers with a place that they have not taken yet.
///
/// # Invariants
/// 1. The numbers of the publishers are strictly increasing, so a binary search finds a publisher.
/// 2. The numbers of the grants are below `next`, and differ. They are not sorted: a publisher that
///    lost a place may be granted another place before later publishers have taken theirs.
#[derive(Default)]
pub(super) struct Grants {
    grants: VecDeque<Grant>,
    next: GrantNumber,
}

struct Grant {
    key: QueueKey,
    number: GrantNumber,
}

/// Grants are numbered in the order in which they are made.
#[derive(Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct GrantNumber(u64);

impl Grants {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.grants.is_empty()
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.grants.len()
    }

    /// Returns the number of the next grant.
    #[inline]
    pub(super) fn next(&self) -> GrantNumber {
        self.next
    }

    /// Grants a place to a publisher without a place.
    #[inline]
    pub(super) fn push(&mut self, key: QueueKey) {
        let number = self.next;
        self.next.0 += 1;
        let grant = Grant { key, number };
        match self.grants.back() {
            Some(last) if last.key.number > key.number => {
                let before = |grant: &Grant| grant.key.number < key.number;
                let at = self.grants.partition_point(before);
                self.grants.insert(at, grant);
            }
            // The last grant mostly went to an earlier publisher.
            _ => self.grants.push_back(grant),
        }
    }

    #[inline]
    pub(super) fn contains(&self, key: QueueKey) -> bool {
        self.index(key).is_some()
    }

    /// Takes the publisher's place. Returns `false` if the publisher has none.
    #[inline]
    pub(super) fn take(&mut self, key: QueueKey) -> bool {
        match self.index(key) {
            None => return false,
            Some(0) => drop(self.grants.pop_front()),
            Some(at) => drop(self.grants.remove(at)),
        }
        self.grants.shrink_if_sparse(MIN_CAPACITY);
        true
    }

    /// Takes the place of the first publisher, if its grant is before `next`. Returns whether the place was
    /// taken.
    pub(super) fn take_first_before(&mut self, next: GrantNumber) -> bool {
        let is_before = (self.grants.front()).is_some_and(|grant| grant.number < next);
        if is_before {
            self.grants.pop_front();
        }
        is_before
    }

    /// Takes the place of the last publisher.
    pub(super) fn take_last(&mut self) -> Option<QueueKey> {
        self.grants.pop_back().map(|grant| grant.key)
    }

    /// Takes all places.
    pub(super) fn clear(&mut self) {
        self.grants = VecDeque::new();
    }

    /// Asserts the invariants.
    pub(super) fn check(&self) {
        let publishers = self.grants.iter().map(|grant| grant.key.number);
        assert!(publishers.is_sorted_by(|a, b| a < b), "grants: invariant 1");
        let mut numbers: Vec<_> = self.grants.iter().map(|grant| grant.number).collect();
        numbers.sort_unstable();
        assert!(numbers.is_sorted_by(|a, b| a < b), "grants: invariant 2");
        let is_given = |number: &GrantNumber| *number < self.next;
        assert!(numbers.last().is_none_or(is_given), "grants: invariant 2");
    }

    /// Returns the memory kept for places.
    #[cfg(all(test, not(any(genevent_shuttle, genevent_loom))))]
    pub(super) fn capacity(&self) -> usize {
        self.grants.capacity()
    }

    /// Returns the index of the publisher's place; the first is the common case.
    #[inline]
    fn index(&self, key: QueueKey) -> Option<usize> {
        if self.grants.front()?.key.number == key.number {
            return Some(0);
        }
        (self.grants)
            .binary_search_by_key(&key.number, |grant| grant.key.number)
            .ok()
    }
}
