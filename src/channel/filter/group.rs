//! Filters with the same type of predicate.

use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::user_code::Panicked;
use super::{FilterMatches, GroupMatches, Match};
use crate::channel::filter::queue::FilterQueue;
use crate::util::number_table::NumberTable;
use crate::util::one_or_many::OneOrMany;
use crate::util::panic_guard::{Guarded, drop_payload};
use crate::util::sync::Arc;

/// A predicate and its queue.
pub(crate) struct Filter<T, F> {
    queue: Arc<FilterQueue<T>>,
    /// Guarded: the last owner may be a publisher with a snapshot.
    predicate: Guarded<F>,
}

impl<T, F> Filter<T, F> {
    /// Evaluates the predicate for a retained event. Runs user code without a lock.
    pub(super) fn value_of<E>(&self, event: &E) -> Result<Option<T>, Panicked>
    where
        F: Fn(&E) -> Option<T>,
    {
        let value = catch_unwind(AssertUnwindSafe(|| (self.predicate)(event)));
        value.map_err(Panicked::from_payload)
    }
}

/// The filters with predicates of type `F`, by the numbers of their subscribers. A loop without
/// dynamic calls evaluates the whole group.
pub(super) struct FilterGroup<T, F>(NumberTable<Arc<Filter<T, F>>>);

// Not derived: `derive` would require `T: Clone` and `F: Clone`.
impl<T, F> Clone for FilterGroup<T, F> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T, F> FilterGroup<T, F> {
    pub(super) fn new() -> Self {
        Self(NumberTable::new())
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.0.len() == 0
    }

    pub(super) fn join(&mut self, queue: Arc<FilterQueue<T>>, predicate: F) -> Arc<Filter<T, F>> {
        let number = queue.subscriber().id.number;
        let predicate = Guarded::new(predicate);
        let filter = Arc::new(Filter { queue, predicate });
        self.0.insert(number, Arc::clone(&filter));
        filter
    }

    pub(super) fn contains(&self, number: u64) -> bool {
        self.0.get(number).is_some()
    }

    /// Removes and returns a filter, to be dropped without the lock.
    pub(super) fn remove(&mut self, number: u64) -> Option<Arc<Filter<T, F>>> {
        self.0.remove(number)
    }

    pub(super) fn queues(&self) -> impl Iterator<Item = &FilterQueue<T>> {
        self.0.iter().map(|filter| &*filter.queue)
    }
}

impl<T: Send + 'static, F> FilterGroup<T, F> {
    /// Evaluates the filters with numbers above `after`, and adds the matches to `found`. Runs user code
    /// without a lock.
    pub(super) fn evaluate<E>(&self, after: u64, event: &E, found: &mut FilterMatches)
    where
        F: Fn(&E) -> Option<T>,
    {
        let entries = self.0.entries_after(after);
        let mut remaining = entries.iter();
        let mut values = OneOrMany::default();
        loop {
            // Catch panics around the whole loop, and again after each panic: catching separately
            // for each predicate would cost more than a short predicate.
            let result = catch_unwind(AssertUnwindSafe(|| {
                for entry in remaining.by_ref() {
                    let Some(filter) = &entry.value else {
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
            let filter = entries[last].value.iter();
            (found.panicked).extend(filter.map(|filter| filter.queue.subscriber().id));
        }
        if values.is_empty() {
            return;
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
        found.push(GroupMatches { matches, known: () });
    }
}
