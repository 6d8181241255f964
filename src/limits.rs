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
    id: SubscriberId,
}

/// Subscribers by the length of the sequence at which each will be at its limit, if it reads
/// nothing until then.
#[derive(Default)]
pub(crate) struct Limits(BinaryHeap<Reverse<Limit>>);

impl Limits {
    /// Notes the limit as it is now.
    #[inline]
    pub(crate) fn push(&mut self, place: &Place) {
        self.0.push(Reverse(Limit {
            at: place.limit(),
            id: place.id,
        }));
    }

    /// The least length at which somebody may be at its limit.
    #[inline]
    pub(crate) fn next(&self) -> Option<u64> {
        self.0.peek().map(|limit| limit.0.at)
    }

    /// Whether somebody may be at its limit with `length` events in the sequence.
    #[inline]
    pub(crate) fn is_due(&self, length: u64) -> bool {
        self.0.peek().is_some_and(|limit| limit.0.at <= length)
    }

    /// Takes out one that may be at its limit with `length` events in the sequence.
    #[inline]
    pub(crate) fn pop_due(&mut self, length: u64) -> Option<SubscriberId> {
        self.0.peek().filter(|limit| limit.0.at <= length)?;
        self.0.pop().map(|limit| limit.0.id)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Subscribers that left stay in here until somebody calls this.
    pub(crate) fn retain(&mut self, is_member: impl Fn(SubscriberId) -> bool) {
        self.0.retain(|limit| is_member(limit.0.id));
    }

    /// How many entries `id` has.
    pub(crate) fn count(&self, id: SubscriberId) -> usize {
        self.0.iter().filter(|limit| limit.0.id == id).count()
    }
}
