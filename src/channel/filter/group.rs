//! Filters of one type.

use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::one_or_many::OneOrMany;
use super::{GroupMatches, Match};
use crate::channel::filter::queue::FilterQueue;
use crate::util::panic_guard::{drop_caught, drop_payload};
use crate::util::shrink::Shrink;
use crate::util::sync::Arc;

/// A filter, and the lane behind it.
pub(super) struct Filter<T, F> {
    lane: Arc<FilterQueue<T>>,
    /// Taken when it is dropped.
    judge: Option<F>,
}

impl<T, F> Drop for Filter<T, F> {
    /// By whoever has it last, which may be a publisher that still asks: its panic harms nobody.
    fn drop(&mut self) {
        drop_caught(self.judge.take());
    }
}

/// Room for so many filters is kept when a long row is short.
const KEPT: usize = 8;

/// Those that joined first are first, so that asking them is one loop.
///
/// # Invariants
/// 1. The numbers of the entries rise.
/// 2. `gone` counts the entries without a filter: at most as many as there are with one.
pub(super) struct FilterGroup<T, F> {
    entries: Vec<Entry<T, F>>,
    gone: usize,
}

struct Entry<T, F> {
    number: u64,
    filter: Option<Arc<Filter<T, F>>>,
}

// Not derived, which would ask `T` and `F` for `Clone`.
impl<T, F> Clone for Entry<T, F> {
    fn clone(&self) -> Self {
        Self {
            number: self.number,
            filter: self.filter.clone(),
        }
    }
}

impl<T, F> Clone for FilterGroup<T, F> {
    fn clone(&self) -> Self {
        Self {
            entries: self.entries.clone(),
            gone: self.gone,
        }
    }
}

impl<T, F> FilterGroup<T, F> {
    pub(super) fn new() -> Self {
        Self {
            entries: Vec::new(),
            gone: 0,
        }
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn join(&mut self, lane: Arc<FilterQueue<T>>, judge: F) {
        self.entries.push(Entry {
            number: lane.place().id.number,
            filter: Some(Arc::new(Filter {
                lane,
                judge: Some(judge),
            })),
        });
    }

    /// Where the filter is, if it is here.
    pub(super) fn find(&self, number: u64) -> Option<usize> {
        let found = self.entries.binary_search_by_key(&number, |e| e.number);
        found.ok().filter(|&at| self.entries[at].filter.is_some())
    }

    /// Takes a filter out, to be dropped without the lock.
    pub(super) fn leave(&mut self, at: usize) -> Option<Arc<Filter<T, F>>> {
        let filter = self.entries[at].filter.take();
        self.gone += 1;
        if self.gone > self.entries.len() / 2 {
            self.entries.retain(|entry| entry.filter.is_some());
            self.gone = 0;
        }
        self.entries.shrink_if_sparse(KEPT);
        self.assert_invariants();
        filter
    }

    fn assert_invariants(&self) {
        // Each step looks at every filter: not with thousands of them.
        if cfg!(debug_assertions) && self.entries.len() <= 64 {
            let gone = self.entries.iter().filter(|e| e.filter.is_none());
            assert_eq!(gone.count(), self.gone, "row: invariant 2");
            assert!(2 * self.gone <= self.entries.len(), "row: invariant 2");
        }
    }

    pub(super) fn lanes(&self) -> impl Iterator<Item = &FilterQueue<T>> {
        let filters = self.entries.iter().filter_map(|e| e.filter.as_ref());
        filters.map(|filter| &*filter.lane)
    }
}

impl<T: Send + 'static, F> FilterGroup<T, F> {
    /// Asks those that joined after number `seen`.
    pub(super) fn evaluate<E>(&self, seen: u64, event: &E) -> Option<GroupMatches<T>>
    where
        F: Fn(&E) -> Option<T>,
    {
        let from = self.entries.partition_point(|e| e.number <= seen);
        let entries = &self.entries[from..];
        let mut rest = entries.iter();
        let mut wanted = OneOrMany::default();
        let mut panicked = Vec::new();
        loop {
            // Once for all, and again after each that panics.
            let asked = catch_unwind(AssertUnwindSafe(|| {
                for entry in rest.by_ref() {
                    let Some(filter) = &entry.filter else {
                        continue;
                    };
                    let judge = filter.judge.as_ref();
                    let judge = judge.expect("it is taken by `drop` alone");
                    if let Some(value) = judge(event) {
                        wanted.push((&filter.lane, Some(value)));
                    }
                }
            }));
            let Err(payload) = asked else { break };
            drop_payload(payload);
            let last = entries.len() - rest.len() - 1;
            let filter = entries[last].filter.iter();
            panicked.extend(filter.map(|filter| filter.lane.place().id));
        }
        if wanted.is_empty() && panicked.is_empty() {
            return None;
        }
        // Their lanes are in no cache. Looking at one does not wait for the one before; counting a
        // reference does.
        for (lane, _) in wanted.iter() {
            black_box(lane.has_room(0));
        }
        let found = wanted.map(|(lane, value)| Match {
            lane: Arc::clone(lane),
            value,
        });
        Some(GroupMatches { found, panicked })
    }
}
