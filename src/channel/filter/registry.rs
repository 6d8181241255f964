//! All the filters of a manager.

use std::any::Any;

use super::group::Row;
use super::{AnyWanted, Judged};
use crate::channel::filter::queue::{Lane, Queued};
use crate::util::sync::Arc;

/// A row, whatever the type of its filters.
trait AnyRow<E>: Send + Sync {
    fn ask(&self, seen: u64, event: &E) -> Option<Box<dyn AnyWanted>>;

    fn copy(&self) -> Arc<dyn AnyRow<E>>;

    fn is_empty(&self) -> bool;

    fn find(&self, number: u64) -> Option<usize>;

    fn leave(&mut self, at: usize) -> Option<Gone>;

    fn lanes(&self, look: &mut dyn FnMut(&dyn Queued));

    fn as_any(&self) -> &dyn Any;

    fn as_any_mut(&mut self) -> &mut dyn Any;
}

/// A filter that is not asked any more, to be dropped without the lock.
pub(crate) type Gone = Arc<dyn Send + Sync>;

impl<E, T, F> AnyRow<E> for Row<T, F>
where
    T: Send + 'static,
    F: Fn(&E) -> Option<T> + Send + Sync + 'static,
{
    fn ask(&self, seen: u64, event: &E) -> Option<Box<dyn AnyWanted>> {
        Some(Box::new(self.ask(seen, event)?))
    }

    fn copy(&self) -> Arc<dyn AnyRow<E>> {
        Arc::new(self.clone())
    }

    fn is_empty(&self) -> bool {
        self.is_empty()
    }

    fn find(&self, number: u64) -> Option<usize> {
        self.find(number)
    }

    fn leave(&mut self, at: usize) -> Option<Gone> {
        Some(self.leave(at)?)
    }

    fn lanes(&self, look: &mut dyn FnMut(&dyn Queued)) {
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
pub(crate) struct Roll<E> {
    rows: Arc<Vec<Arc<dyn AnyRow<E>>>>,
    newest: u64,
}

impl<E> Roll<E> {
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
    pub(crate) fn join<T, F>(&mut self, lane: Arc<Lane<T>>, judge: F)
    where
        T: Send + 'static,
        F: Fn(&E) -> Option<T> + Send + Sync + 'static,
    {
        self.newest = lane.place().id.number;
        let rows = Arc::make_mut(&mut self.rows);
        let mut types = rows.iter().map(|row| row.as_any());
        let at = types.position(<dyn Any>::is::<Row<T, F>>);
        let at = at.unwrap_or_else(|| {
            rows.push(Arc::new(Row::<T, F>::new()));
            rows.len() - 1
        });
        let row = own(&mut rows[at]).as_any_mut();
        let row: &mut Row<T, F> = row.downcast_mut().expect("it was chosen by its type");
        row.join(lane, judge);
    }

    /// Takes a filter out.
    pub(crate) fn leave(&mut self, number: u64) -> Option<Gone> {
        let mut found = self.rows.iter().enumerate();
        let (row, at) = found.find_map(|(row, r)| Some((row, r.find(number)?)))?;
        let rows = Arc::make_mut(&mut self.rows);
        let filter = own(&mut rows[row]).leave(at);
        if rows[row].is_empty() {
            rows.remove(row);
        }
        filter
    }

    /// Takes all of them out.
    pub(crate) fn take(&mut self) -> Filters<E> {
        Filters {
            rows: std::mem::take(&mut self.rows),
            seen: 0,
            newest: self.newest,
        }
    }

    /// The lanes behind all there are.
    pub(crate) fn lanes(&self, mut look: impl FnMut(&dyn Queued)) {
        self.rows.iter().for_each(|row| row.lanes(&mut look));
    }

    /// The filters that have not judged yet, unless all have.
    #[inline]
    pub(crate) fn after(&self, judged: &Judged) -> Option<Filters<E>> {
        if self.is_empty() || self.newest <= judged.seen() {
            return None;
        }
        Some(Filters {
            rows: Arc::clone(&self.rows),
            seen: judged.seen(),
            newest: self.newest,
        })
    }
}

/// The row, to be changed: a copy of it, if a snapshot has it, too.
fn own<E>(row: &mut Arc<dyn AnyRow<E>>) -> &mut dyn AnyRow<E> {
    if Arc::get_mut(row).is_none() {
        *row = row.copy();
    }
    Arc::get_mut(row).expect("nobody else has the copy")
}

/// Filters as they were at a moment, to be dropped without the lock.
pub(crate) struct Filters<E> {
    rows: Arc<Vec<Arc<dyn AnyRow<E>>>>,
    /// Those up to this one have judged already.
    seen: u64,
    /// The newest filter then, which may have left already.
    pub(super) newest: u64,
}

impl<E> Filters<E> {
    pub(super) fn ask(&self, event: &E, tell: impl FnMut(Box<dyn AnyWanted>)) {
        let asked = self.rows.iter().filter_map(|row| row.ask(self.seen, event));
        asked.for_each(tell);
    }
}
