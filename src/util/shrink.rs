//! Containers with a method to release unused memory.

use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::hash::{BuildHasher, Hash};

/// A container whose capacity grows automatically and shrinks only on request.
pub(crate) trait Shrink {
    /// Returns the number of entries.
    fn entries(&self) -> usize;

    /// Returns the number of entries possible without another allocation.
    fn allocated(&self) -> usize;

    /// Reduces the capacity to about `capacity` entries.
    fn shrink(&mut self, capacity: usize);

    /// Releases memory if the capacity is over four times the number of entries, and over `kept`.
    ///
    /// Keeps capacity for twice the entries: a container of constant size allocates nothing, and
    /// the cost of moving entries is amortized over the removals before it.
    #[inline]
    fn shrink_if_sparse(&mut self, kept: usize) {
        self.shrink_if_sparse_for(self.entries(), kept);
    }

    /// Like [`shrink_if_sparse`](Self::shrink_if_sparse), for a container that is empty at times
    /// and needs capacity for `needed` entries at other times.
    #[inline]
    fn shrink_if_sparse_for(&mut self, needed: usize, kept: usize) {
        let capacity = self.allocated();
        if capacity > kept && capacity / 4 > needed {
            self.shrink(kept.max(2 * needed));
        }
    }
}

macro_rules! impl_shrink {
    ($([$($generics:tt)*] $container:ty;)+) => {$(
        impl<$($generics)*> Shrink for $container {
            #[inline]
            fn entries(&self) -> usize {
                self.len()
            }

            #[inline]
            fn allocated(&self) -> usize {
                self.capacity()
            }

            #[cold]
            fn shrink(&mut self, capacity: usize) {
                self.shrink_to(capacity);
            }
        }
    )+};
}

impl_shrink! {
    [T] Vec<T>;
    [T] VecDeque<T>;
    [T: Ord] BinaryHeap<T>;
    [K: Eq + Hash, V, S: BuildHasher] HashMap<K, V, S>;
}

#[cfg(all(test, not(any(genevent_shuttle, genevent_loom))))]
mod tests {
    use super::*;

    #[test]
    fn a_container_of_constant_size_does_not_shrink() {
        let mut numbers: Vec<u32> = (0..1_000).collect();
        numbers.truncate(100);
        numbers.shrink_if_sparse(16);
        let capacity = numbers.capacity();
        assert!((200..=400).contains(&capacity));
        for len in [200, 100, 51, 200] {
            numbers.resize(len, 0);
            numbers.shrink_if_sparse(16);
            assert_eq!(numbers.capacity(), capacity);
        }
    }

    #[test]
    fn a_small_capacity_is_kept() {
        let mut numbers: VecDeque<u32> = (0..1_000).collect();
        numbers.clear();
        numbers.shrink_if_sparse(16);
        assert_eq!(numbers.capacity(), 16);
        numbers.shrink_if_sparse(16);
        assert_eq!(numbers.capacity(), 16);
    }
}
