//! Containers that give memory back when much of it is not needed any more.

use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::hash::{BuildHasher, Hash};

/// A container whose room grows by itself, and shrinks only when it is told to.
pub(crate) trait Shrink {
    /// How many entries there are.
    fn entries(&self) -> usize;

    /// For how many entries there is room.
    fn allocated(&self) -> usize;

    fn shrink(&mut self, room: usize);

    /// Gives memory back if there is room for more than four times the entries, and for more than
    /// `kept`. Room for twice the entries stays: a container that goes on to hold as many as now
    /// does not allocate, and the cost of moving its entries is spread over those that have left.
    #[inline]
    fn shrink_if_sparse(&mut self, kept: usize) {
        self.shrink_if_sparse_for(self.entries(), kept);
    }

    /// As [`shrink_if_sparse`](Self::shrink_if_sparse), of a container that is empty at times, and needs room for
    /// so many entries at others.
    #[inline]
    fn shrink_if_sparse_for(&mut self, needed: usize, kept: usize) {
        let room = self.allocated();
        if room > kept && room / 4 > needed {
            self.shrink(kept.max(2 * needed));
        }
    }
}

impl<T> Shrink for Vec<T> {
    #[inline]
    fn entries(&self) -> usize {
        self.len()
    }

    #[inline]
    fn allocated(&self) -> usize {
        self.capacity()
    }

    #[cold]
    fn shrink(&mut self, room: usize) {
        self.shrink_to(room);
    }
}

impl<T> Shrink for VecDeque<T> {
    #[inline]
    fn entries(&self) -> usize {
        self.len()
    }

    #[inline]
    fn allocated(&self) -> usize {
        self.capacity()
    }

    #[cold]
    fn shrink(&mut self, room: usize) {
        self.shrink_to(room);
    }
}

impl<T: Ord> Shrink for BinaryHeap<T> {
    #[inline]
    fn entries(&self) -> usize {
        self.len()
    }

    #[inline]
    fn allocated(&self) -> usize {
        self.capacity()
    }

    #[cold]
    fn shrink(&mut self, room: usize) {
        self.shrink_to(room);
    }
}

impl<K: Eq + Hash, V, S: BuildHasher> Shrink for HashMap<K, V, S> {
    #[inline]
    fn entries(&self) -> usize {
        self.len()
    }

    #[inline]
    fn allocated(&self) -> usize {
        self.capacity()
    }

    #[cold]
    fn shrink(&mut self, room: usize) {
        self.shrink_to(room);
    }
}

#[cfg(all(test, not(any(genevent_shuttle, genevent_loom))))]
mod tests {
    use super::*;

    #[test]
    fn one_that_holds_as_many_as_before_does_not_shrink() {
        let mut numbers: Vec<u32> = (0..1_000).collect();
        numbers.truncate(100);
        numbers.shrink_if_sparse(16);
        let room = numbers.capacity();
        assert!((200..=400).contains(&room));
        for len in [200, 100, 51, 200] {
            numbers.resize(len, 0);
            numbers.shrink_if_sparse(16);
            assert_eq!(numbers.capacity(), room);
        }
    }

    #[test]
    fn little_room_is_kept() {
        let mut numbers: VecDeque<u32> = (0..1_000).collect();
        numbers.clear();
        numbers.shrink_if_sparse(16);
        assert_eq!(numbers.capacity(), 16);
        numbers.shrink_if_sparse(16);
        assert_eq!(numbers.capacity(), 16);
    }
}
