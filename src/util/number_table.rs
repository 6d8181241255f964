//! A table of values by their numbers, in memory proportional to the values present.

use std::ops::RangeInclusive;

use crate::util::shrink::Shrink;

/// A sorted table. Numbers are issued in ascending order, so a new entry is always the last.
///
/// A removed value leaves a tombstone, until half of the entries are tombstones and the table is
/// compacted. A slab would need no search, but a slab is as long as its greatest index in use:
/// a single late value would keep all of the memory.
///
/// # Invariants
/// 1. The numbers of the entries ascend strictly, so that binary search finds each.
/// 2. `tombstones` counts the entries without a value, at most as many as entries with a value:
///    walking and memory are O(values), however many were removed.
/// 3. The last entry has a value; an empty table is therefore really empty.
/// 4. `first` is the number of the first entry, if any. In a table without gaps, a lookup
///    is one subtraction. The newest entry is found at once in any table.
#[derive(Clone)]
pub(crate) struct NumberTable<T> {
    entries: Vec<Entry<T>>,
    tombstones: usize,
    first: u64,
}

#[derive(Clone)]
pub(crate) struct Entry<T> {
    number: u64,
    /// `None` in a tombstone.
    pub(crate) value: Option<T>,
}

/// Capacity for this many entries is never given back.
const MIN_CAPACITY: usize = 8;

impl<T> NumberTable<T> {
    pub(crate) fn new() -> Self {
        Self {
            entries: Vec::new(),
            tombstones: 0,
            first: 0,
        }
    }

    /// Returns how many values there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len() - self.tombstones
    }

    /// Inserts a value. `number` must be greater than every number inserted before.
    pub(crate) fn insert(&mut self, number: u64, value: T) {
        debug_assert!(self.entries.last().is_none_or(|last| last.number < number));
        if self.entries.is_empty() {
            self.first = number;
        }
        let value = Some(value);
        self.entries.push(Entry { number, value });
    }

    /// Removes a value, in O(log n) and amortized O(1) for compacting.
    pub(crate) fn remove(&mut self, number: u64) -> Option<T> {
        let at = self.index(number)?;
        let value = self.entries[at].value.take()?;
        self.tombstones += 1;
        // Invariant 3.
        while (self.entries.last()).is_some_and(|last| last.value.is_none()) {
            self.entries.pop();
            self.tombstones -= 1;
        }
        // Invariant 2.
        if self.tombstones > self.entries.len() / 2 {
            self.entries.retain(|entry| entry.value.is_some());
            self.tombstones = 0;
            self.first = self.entries.first().map_or(0, |entry| entry.number);
        }
        self.entries.shrink_if_sparse(MIN_CAPACITY);
        self.assert_invariants();
        Some(value)
    }

    #[inline]
    pub(crate) fn get(&self, number: u64) -> Option<&T> {
        match self.entries.get(self.guess(number)) {
            Some(entry) if entry.number == number => entry.value.as_ref(),
            _ => self.search(number),
        }
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, number: u64) -> Option<&mut T> {
        let at = self.guess(number);
        match self.entries.get(at) {
            Some(entry) if entry.number == number => self.entries[at].value.as_mut(),
            _ => self.search_mut(number),
        }
    }

    /// Iterates over the values by ascending number, in O(values).
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.entries.iter().filter_map(|entry| entry.value.as_ref())
    }

    /// Takes out the numbers and the values, by ascending number.
    pub(crate) fn into_entries(self) -> impl Iterator<Item = (u64, T)> {
        let entries = self.entries.into_iter();
        entries.filter_map(|entry| Some((entry.number, entry.value?)))
    }

    /// Iterates over the values by ascending number, mutably.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.entries
            .iter_mut()
            .filter_map(|entry| entry.value.as_mut())
    }

    /// Iterates over the values with these numbers, in O(log n + values).
    pub(crate) fn values_in(&self, numbers: RangeInclusive<u64>) -> impl Iterator<Item = &T> {
        let from = (self.entries).partition_point(|entry| entry.number < *numbers.start());
        let entries = self.entries[from..].iter();
        let entries = entries.take_while(move |entry| entry.number <= *numbers.end());
        entries.filter_map(|entry| entry.value.as_ref())
    }

    /// Returns the entries with numbers above `number`, tombstones included.
    pub(crate) fn entries_after(&self, number: u64) -> &[Entry<T>] {
        let from = (self.entries).partition_point(|entry| entry.number <= number);
        &self.entries[from..]
    }

    /// Returns a lookup, fast for ascending numbers: each search begins at the entry found before.
    /// Lists of numbers are mostly in the order of inserting, and a binary search for each of a
    /// million numbers would miss the cache twenty times.
    pub(crate) fn ascending_lookup<'a>(&'a self) -> impl FnMut(u64) -> Option<&'a T> {
        const NEAR: usize = 8;
        let (mut next, mut last) = (0, 0);
        move |number| {
            let entries = &self.entries;
            let mut near = entries[next..].iter().take(NEAR);
            next = match near.position(|entry| entry.number >= number) {
                Some(steps) if last < number => next + steps,
                _ => entries.partition_point(|entry| entry.number < number),
            };
            last = number;
            let entry = entries.get(next)?;
            entry.value.as_ref().filter(|_| entry.number == number)
        }
    }

    /// Returns the index of the entry, if the table has no gap before it, or if it is the last entry.
    #[inline]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the caller compares the number at the guessed index"
    )]
    fn guess(&self, number: u64) -> usize {
        let without_gaps = number.wrapping_sub(self.first) as usize;
        without_gaps.min(self.entries.len().wrapping_sub(1))
    }

    #[cold]
    #[inline(never)]
    fn search(&self, number: u64) -> Option<&T> {
        self.entries[self.index(number)?].value.as_ref()
    }

    #[cold]
    #[inline(never)]
    fn search_mut(&mut self, number: u64) -> Option<&mut T> {
        let at = self.index(number)?;
        self.entries[at].value.as_mut()
    }

    fn index(&self, number: u64) -> Option<usize> {
        let found = self.entries.binary_search_by_key(&number, |e| e.number);
        found.ok()
    }

    fn assert_invariants(&self) {
        // The check is O(entries), after every step: skip it for large tables.
        if cfg!(debug_assertions) && self.entries.len() <= 64 {
            assert!(
                self.entries.is_sorted_by(|a, b| a.number < b.number),
                "number table: invariant 1"
            );
            let tombstones = self.entries.iter().filter(|e| e.value.is_none()).count();
            assert_eq!(tombstones, self.tombstones, "number table: invariant 2");
            assert!(
                2 * tombstones <= self.entries.len(),
                "number table: invariant 2"
            );
            let first = self.entries.first();
            assert!(
                first.is_none_or(|e| e.number == self.first),
                "number table: invariant 4"
            );
            let last = self.entries.last();
            assert!(
                last.is_none_or(|e| e.value.is_some()),
                "number table: invariant 3"
            );
        }
    }
}

#[cfg(all(test, not(any(genevent_shuttle, genevent_loom))))]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_by_number_between_gaps() {
        let mut members = NumberTable::new();
        let mut present = Vec::new();
        let mut at = 0;
        for number in 1..2_000_u64 {
            members.insert(number, number);
            present.push(number);
            if number % 3 != 0 {
                at = (at + 7) % present.len();
                let removed = present.swap_remove(at);
                assert_eq!(members.remove(removed), Some(removed));
                assert_eq!(members.remove(removed), None);
                assert_eq!(members.get(removed), None);
            }
            assert_eq!(members.len(), present.len());
        }
        present.sort_unstable();
        assert!(members.iter().eq(&present));
        let mut lookup = members.ascending_lookup();
        for number in (1..2_000).chain([7, 1_999, 8]) {
            assert_eq!(lookup(number), members.get(number));
        }
        drop(lookup);
        for mut number in present {
            assert_eq!(members.get(number), Some(&number));
            assert_eq!(members.get_mut(number), Some(&mut number));
        }
        assert_eq!(members.get(0), None);
        assert_eq!(members.get(u64::MAX), None);
    }

    #[test]
    fn walking_and_memory_are_proportional_to_the_members() {
        let mut members = NumberTable::new();
        for number in 1..=10_000 {
            members.insert(number, ());
        }
        for number in 1..10_000 {
            assert!(members.remove(number).is_some());
            assert!(members.entries.len() <= 2 * members.len());
        }
        assert!(members.entries.capacity() <= MIN_CAPACITY);
        assert_eq!(members.get(10_000), Some(&()));
    }
}
