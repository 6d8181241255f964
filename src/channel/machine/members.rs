//! The members of a ring by their numbers, in no more memory than those that are there need.

use crate::util::shrink::Shrink;

/// A sorted table: each new entry has a greater number than all before it.
///
/// An index into a table that is never moved would find a member in one step. But such a table is as
/// long as the greatest index in use, and one member that came late keeps all of it.
///
/// # Invariants
/// 1. The numbers of the entries rise.
/// 2. `gone` counts the entries whose value was taken out: at most as many as have one.
/// 3. The last entry has a value.
/// 4. `first` is the number of the first entry, if there is one.
pub(super) struct Members<T> {
    entries: Vec<Entry<T>>,
    gone: usize,
    /// The number of the first entry.
    first: u64,
}

struct Entry<T> {
    number: u64,
    value: Option<T>,
}

/// Room for so many entries is kept when a long table is empty.
const KEPT: usize = 8;

impl<T> Members<T> {
    pub(super) fn new() -> Self {
        Self {
            entries: Vec::new(),
            gone: 0,
            first: 0,
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len() - self.gone
    }

    /// `number` must be greater than all numbers before.
    pub(super) fn insert(&mut self, number: u64, value: T) {
        debug_assert!(self.entries.last().is_none_or(|last| last.number < number));
        if self.entries.is_empty() {
            self.first = number;
        }
        let value = Some(value);
        self.entries.push(Entry { number, value });
    }

    /// O(log n), and O(1) amortized for moving the others together.
    pub(super) fn remove(&mut self, number: u64) -> Option<T> {
        let at = self.index(number)?;
        let value = self.entries[at].value.take()?;
        self.gone += 1;
        while (self.entries.last()).is_some_and(|last| last.value.is_none()) {
            self.entries.pop();
            self.gone -= 1;
        }
        if self.gone > self.entries.len() / 2 {
            self.entries.retain(|entry| entry.value.is_some());
            self.gone = 0;
            self.first = self.entries.first().map_or(0, |entry| entry.number);
        }
        self.entries.shrink_if_sparse(KEPT);
        self.assert_invariants();
        Some(value)
    }

    #[inline]
    pub(super) fn get(&self, number: u64) -> Option<&T> {
        match self.entries.get(self.guess(number)) {
            Some(entry) if entry.number == number => entry.value.as_ref(),
            _ => self.search(number),
        }
    }

    #[inline]
    pub(super) fn get_mut(&mut self, number: u64) -> Option<&mut T> {
        let at = self.guess(number);
        match self.entries.get(at) {
            Some(entry) if entry.number == number => self.entries[at].value.as_mut(),
            _ => self.search_mut(number),
        }
    }

    /// In the order of their numbers. O(n), however many there ever were.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.entries.iter().filter_map(|entry| entry.value.as_ref())
    }

    /// As [`iter`](Self::iter).
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.entries
            .iter_mut()
            .filter_map(|entry| entry.value.as_mut())
    }

    /// A lookup that is quick while the numbers that it is asked for rise, as they mostly do in what
    /// is noted of members in the order in which they joined: a search for each of a million would
    /// wait for memory twenty times.
    pub(super) fn in_turn<'a>(&'a self) -> impl FnMut(u64) -> Option<&'a T> {
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

    /// Where the entry is, if none before it was moved together with others.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "a wrong guess is noticed")]
    fn guess(&self, number: u64) -> usize {
        number.wrapping_sub(self.first) as usize
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
        // Each step looks at every entry: not with thousands of them.
        if cfg!(debug_assertions) && self.entries.len() <= 64 {
            assert!(
                self.entries.is_sorted_by(|a, b| a.number < b.number),
                "members: invariant 1"
            );
            let gone = self.entries.iter().filter(|e| e.value.is_none());
            assert_eq!(gone.count(), self.gone, "members: invariant 2");
            assert!(2 * self.gone <= self.entries.len(), "members: invariant 2");
            let first = self.entries.first();
            assert!(
                first.is_none_or(|e| e.number == self.first),
                "members: invariant 4"
            );
            let last = self.entries.last();
            assert!(
                last.is_none_or(|e| e.value.is_some()),
                "members: invariant 3"
            );
        }
    }
}

#[cfg(all(test, not(any(genevent_shuttle, genevent_loom))))]
mod tests {
    use super::*;

    #[test]
    fn each_is_found_by_its_number_while_others_come_and_go() {
        let mut members = Members::new();
        let mut here = Vec::new();
        let mut at = 0;
        for number in 1..2_000_u64 {
            members.insert(number, number);
            here.push(number);
            if number % 3 != 0 {
                at = (at + 7) % here.len();
                let gone = here.swap_remove(at);
                assert_eq!(members.remove(gone), Some(gone));
                assert_eq!(members.remove(gone), None);
                assert_eq!(members.get(gone), None);
            }
            assert_eq!(members.len(), here.len());
        }
        here.sort_unstable();
        assert!(members.iter().eq(&here));
        let mut in_turn = members.in_turn();
        for number in (1..2_000).chain([7, 1_999, 8]) {
            assert_eq!(in_turn(number), members.get(number));
        }
        drop(in_turn);
        for mut number in here {
            assert_eq!(members.get(number), Some(&number));
            assert_eq!(members.get_mut(number), Some(&mut number));
        }
        assert_eq!(members.get(0), None);
        assert_eq!(members.get(u64::MAX), None);
    }

    #[test]
    fn what_is_walked_and_kept_goes_by_those_that_are_there() {
        let mut members = Members::new();
        for number in 1..=10_000 {
            members.insert(number, ());
        }
        for number in 1..10_000 {
            assert!(members.remove(number).is_some());
            assert!(members.entries.len() <= 2 * members.len());
        }
        assert!(members.entries.capacity() <= KEPT);
        assert_eq!(members.get(10_000), Some(&()));
    }
}
