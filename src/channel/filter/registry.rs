//! All the filters of a manager.

use std::any::Any;

use super::group::FilterGroup;
use super::{AnyMatches, Evaluation};
use crate::channel::filter::queue::{AnyQueue, FilterQueue};
use crate::util::sync::Arc;

/// A row, whatever the type of its filters.
trait AnyGroup<E>: Send + Sync {
    fn evaluate(&self, seen: u64, event: &E) -> Option<Box<dyn AnyMatches>>;

    fn copy(&self) -> Arc<dyn AnyGroup<E>>;

    fn is_empty(&self) -> bool;

    fn find(&self, number: u64) -> Option<usize>;

    fn leave(&mut self, at: usize) -> Option<RemovedFilter>;

    fn lanes(&self, look: &mut dyn FnMut(&dyn AnyQueue));

    fn as_any(&self) -> &dyn Any;

    fn as_any_mut(&mut self) -> &mut dyn Any;
}

/// A filter that is not asked any more, to be dropped without the lock.
pub(crate) type RemovedFilter = Arc<dyn Send + Sync>;

impl<E, T, F> AnyGroup<E> for FilterGroup<T, F>
where
    T: Send + 'static,
    F: Fn(&E) -> Option<T> + Send + Sync + 'static,
{
    fn evaluate(&self, seen: u64, event: &E) -> Option<Box<dyn AnyMatches>> {
        Some(Box::new(self.evaluate(seen, event)?))
    }

    fn copy(&self) -> Arc<dyn AnyGroup<E>> {
        Arc::new(self.clone())
    }

    fn is_empty(&self) -> bool {
        self.is_empty()
    }

    fn find(&self, number: u64) -> Option<usize> {
        self.find(number)
    }

    fn leave(&mut self, at: usize) -> Option<RemovedFilter> {
        Some(self.leave(at)?)
    }

    fn lanes(&self, look: &mut dyn FnMut(&dyn AnyQueue)) {
        self.lanes().for_each(|lane| look(lane));
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

/// One row for each type of filter. Publishers judge by a snapshot; what changes while one is
/// held is copied.
///
/// # Invariants
/// 1. No row is empty.
/// 2. `newest` is the number of the last filter there ever was.
pub(crate) struct FilterRegistry<E> {
    rows: Arc<Vec<Arc<dyn AnyGroup<E>>>>,
    newest: u64,
}

impl<E> FilterRegistry<E> {
    pub(crate) fn new() -> Self {
        Self {
            rows: Arc::default(),
            newest: 0,
        }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// One more filter, before this lane.
    pub(crate) fn join<T, F>(&mut self, lane: Arc<FilterQueue<T>>, judge: F)
    where
        T: Send + 'static,
        F: Fn(&E) -> Option<T> + Send + Sync + 'static,
    {
        self.newest = lane.place().id.number;
        let rows = Arc::make_mut(&mut self.rows);
        let mut types = rows.iter().map(|row| row.as_any());
        let at = types.position(<dyn Any>::is::<FilterGroup<T, F>>);
        let at = at.unwrap_or_else(|| {
            rows.push(Arc::new(FilterGroup::<T, F>::new()));
            rows.len() - 1
        });
        let row = make_mut(&mut rows[at]).as_any_mut();
        let row: &mut FilterGroup<T, F> = row.downcast_mut().expect("it was chosen by its type");
        row.join(lane, judge);
    }

    /// Takes a filter out.
    pub(crate) fn leave(&mut self, number: u64) -> Option<RemovedFilter> {
        let mut found = self.rows.iter().enumerate();
        let (row, at) = found.find_map(|(row, r)| Some((row, r.find(number)?)))?;
        let rows = Arc::make_mut(&mut self.rows);
        let filter = make_mut(&mut rows[row]).leave(at);
        if rows[row].is_empty() {
            rows.remove(row);
        }
        filter
    }

    /// Takes all of them out.
    pub(crate) fn take(&mut self) -> FilterSnapshot<E> {
        FilterSnapshot {
            rows: std::mem::take(&mut self.rows),
            seen: 0,
            newest: self.newest,
        }
    }

    /// The lanes behind all there are.
    pub(crate) fn lanes(&self, mut look: impl FnMut(&dyn AnyQueue)) {
        self.rows.iter().for_each(|row| row.lanes(&mut look));
    }

    /// The filters that have not judged yet, unless all have.
    #[inline]
    pub(crate) fn newer_than(&self, judged: &Evaluation) -> Option<FilterSnapshot<E>> {
        if self.is_empty() || self.newest <= judged.seen() {
            return None;
        }
        Some(FilterSnapshot {
            rows: Arc::clone(&self.rows),
            seen: judged.seen(),
            newest: self.newest,
        })
    }
}

/// The row, to be changed: a copy of it, if a snapshot has it, too.
fn make_mut<E>(row: &mut Arc<dyn AnyGroup<E>>) -> &mut dyn AnyGroup<E> {
    if Arc::get_mut(row).is_none() {
        *row = row.copy();
    }
    Arc::get_mut(row).expect("nobody else has the copy")
}

/// Filters as they were at a moment, to be dropped without the lock.
pub(crate) struct FilterSnapshot<E> {
    rows: Arc<Vec<Arc<dyn AnyGroup<E>>>>,
    /// Those up to this one have judged already.
    seen: u64,
    /// The newest filter then, which may have left already.
    pub(super) newest: u64,
}

impl<E> FilterSnapshot<E> {
    pub(super) fn evaluate(&self, event: &E, tell: impl FnMut(Box<dyn AnyMatches>)) {
        let asked = self
            .rows
            .iter()
            .filter_map(|row| row.evaluate(self.seen, event));
        asked.for_each(tell);
    }
}
