//! Filters with the same type of predicate.

use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{GroupMatches, Match};
use crate::channel::filter::queue::FilterQueue;
use crate::util::one_or_many::OneOrMany;
use crate::util::panic_guard::{Guarded, drop_payload};
use crate::util::shrink::Shrink;
use crate::util::sync::Arc;

/// A predicate and its queue.
pub(super) struct Filter<T, F> {
    queue: Arc<FilterQueue<T>>,
    /// Guarded: the last owner may be a publisher with a snapshot.
    predicate: Guarded<F>,
}

/// The number of filters for which a group keeps memory when filters leave.
const KEPT: usize = 8;

/// The filters with predicates of type `F`, ordered by the numbers of their subscribers. A loop
/// without dynamic calls evaluates the whole group.
///
/// # Invariants
/// 1. The numbers of the entries rise. Searching by number is binary.
/// 2. `removed` counts the entries without a filter, at most half of all. Removing a filter then
///    takes constant time on average, and evaluation skips few entries.
pub(super) struct FilterGroup<T, F> {
    entries: Vec<Entry<T, F>>,
    removed: usize,
}

struct Entry<T, F> {
    number: u64,
    filter: Option<Arc<Filter<T, F>>>,
}

// Not derived: `derive` would require `T: Clone` and `F: Clone`.
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
            removed: self.removed,
        }
    }
}

impl<T, F> FilterGroup<T, F> {
    pub(super) fn new() -> Self {
        Self {
            entries: Vec::new(),
            removed: 0,
        }
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn join(&mut self, queue: Arc<FilterQueue<T>>, predicate: F) {
        self.entries.push(Entry {
            number: queue.subscriber().id.number,
            filter: Some(Arc::new(Filter {
                queue,
                predicate: Guarded::new(predicate),
            })),
        });
    }

    /// Returns the index of the filter with this number, unless the filter was removed.
    pub(super) fn find(&self, number: u64) -> Option<usize> {
        let found = self.entries.binary_search_by_key(&number, |e| e.number);
        found.ok().filter(|&at| self.entries[at].filter.is_some())
    }

    /// Removes and returns a filter, to be dropped without the lock.
    pub(super) fn remove(&mut self, at: usize) -> Option<Arc<Filter<T, F>>> {
        let filter = self.entries[at].filter.take();
        self.removed += 1;
        if self.removed > self.entries.len() / 2 {
            self.entries.retain(|entry| entry.filter.is_some());
            self.removed = 0;
        }
        self.entries.shrink_if_sparse(KEPT);
        self.assert_invariants();
        filter
    }

    fn assert_invariants(&self) {
        // Only for small groups: the check visits every filter at every step.
        if cfg!(debug_assertions) && self.entries.len() <= 64 {
            let removed = self.entries.iter().filter(|e| e.filter.is_none());
            assert_eq!(removed.count(), self.removed, "filter group: invariant 2");
            let at_most_half = 2 * self.removed <= self.entries.len();
            assert!(at_most_half, "filter group: invariant 2");
        }
    }

    pub(super) fn queues(&self) -> impl Iterator<Item = &FilterQueue<T>> {
        let filters = self.entries.iter().filter_map(|e| e.filter.as_ref());
        filters.map(|filter| &*filter.queue)
    }
}

impl<T: Send + 'static, F> FilterGroup<T, F> {
    /// Evaluates the filters with numbers above `after`. Runs user code without a lock.
    pub(super) fn evaluate<E>(&self, after: u64, event: &E) -> Option<GroupMatches<T>>
    where
        F: Fn(&E) -> Option<T>,
    {
        let from = self.entries.partition_point(|e| e.number <= after);
        let entries = &self.entries[from..];
        let mut remaining = entries.iter();
        let mut values = OneOrMany::default();
        let mut panicked = Vec::new();
        loop {
            // Catch panics around the whole loop, and again after each panic: catching separately
            // for each predicate would cost more than a short predicate.
            let result = catch_unwind(AssertUnwindSafe(|| {
                for entry in remaining.by_ref() {
                    let Some(filter) = &entry.filter else {
                        continue;
                    };
                    if let Some(value) = (filter.predicate)(event) {
                        values.push((&filter.queue, Some(value)));
                    }
                }
            }));
            let Err(payload) = result else { break };
            drop_payload(payload);
            // The entry just before the remaining entries has panicked.
            let last = entries.len() - remaining.len() - 1;
            let filter = entries[last].filter.iter();
            panicked.extend(filter.map(|filter| filter.queue.subscriber().id));
        }
        if values.is_empty() && panicked.is_empty() {
            return None;
        }
        // Prefetch the queues, which are in no cache: plain loads overlap. The increments of
        // reference counts below do not overlap, and would wait for each cache miss.
        for (queue, _) in values.iter() {
            black_box(queue.has_room(0));
        }
        let matches = values.map(|(queue, value)| Match {
            queue: Arc::clone(queue),
            value,
        });
        Some(GroupMatches { matches, panicked })
    }
}
