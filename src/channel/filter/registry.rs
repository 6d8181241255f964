//! All filters of a channel.

use std::any::Any;
use std::ops::RangeInclusive;

use super::any_group::AnyGroup;
use super::group::{Filter, FilterGroup};
use super::{Evaluation, FilterMatches};
use crate::channel::filter::any_queue::AnyQueue;
use crate::channel::filter::queue::FilterQueue;
use crate::channel::filter::user_code::Removed;
use crate::util::sync::Arc;

impl<E, T, F> AnyGroup<E> for FilterGroup<T, F>
where
    T: Send + 'static,
    F: Fn(&E) -> Option<T> + Send + Sync + 'static,
{
    fn evaluate(
        &self,
        numbers: RangeInclusive<u64>,
        event: &E,
        _: Option<&FilterMatches>,
        found: &mut FilterMatches,
    ) {
        // The group is a copy, without newer filters than those of the snapshot.
        self.evaluate(*numbers.start() - 1, event, found);
    }

    fn copy(&self) -> Arc<dyn AnyGroup<E>> {
        Arc::new(self.clone())
    }

    fn is_empty(&self) -> bool {
        self.is_empty()
    }

    fn contains(&self, number: u64) -> bool {
        self.contains(number)
    }

    fn remove(&mut self, number: u64) -> Option<Removed> {
        Some(self.remove(number)?)
    }

    fn take_shared(&self) -> Option<Removed> {
        None
    }

    fn for_each_queue(&self, f: &mut dyn FnMut(&dyn AnyQueue)) {
        self.queues().for_each(|queue| f(queue));
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

/// The filters of a channel, in a group for each type of predicate.
///
/// Publishers evaluate a snapshot without the lock. A change copies the groups that a snapshot
/// shares.
///
/// # Invariants
/// 1. No group is empty: an empty registry has no group, and publishers skip the evaluation.
/// 2. `newest_filter` is the number of the last filter that joined. An evaluation up to `newest_filter` has
///    missed no filter.
pub(crate) struct FilterRegistry<E> {
    groups: Arc<Vec<Arc<dyn AnyGroup<E>>>>,
    newest_filter: u64,
}

impl<E> FilterRegistry<E> {
    pub(crate) fn new() -> Self {
        Self {
            groups: Arc::default(),
            newest_filter: 0,
        }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Adds a predicate with its queue.
    pub(super) fn join<T, F>(
        &mut self,
        queue: Arc<FilterQueue<T>>,
        predicate: F,
    ) -> Arc<Filter<T, F>>
    where
        T: Send + 'static,
        F: Fn(&E) -> Option<T> + Send + Sync + 'static,
    {
        self.newest_filter = queue.subscriber().id.number;
        let groups = Arc::make_mut(&mut self.groups);
        let mut types = groups.iter().map(|group| group.as_any());
        let at = types.position(<dyn Any>::is::<FilterGroup<T, F>>);
        let at = at.unwrap_or_else(|| {
            groups.push(Arc::new(FilterGroup::<T, F>::new()));
            groups.len() - 1
        });
        let group = make_mut(&mut groups[at]).as_any_mut();
        let group: &mut FilterGroup<T, F> =
            (group.downcast_mut()).expect("the group was chosen by its type");
        group.join(queue, predicate)
    }

    /// Adds a filter that has joined a group of its own, which is `shared` with other owners. `is` tells
    /// whether an entry of the registry is that group.
    pub(super) fn join_shared<G: AnyGroup<E> + 'static>(
        &mut self,
        number: u64,
        shared: G,
        is: impl Fn(&G) -> bool,
    ) {
        self.newest_filter = number;
        let groups = self.groups.iter();
        let mut same_type = groups.filter_map(|group| group.as_any().downcast_ref());
        if !same_type.any(is) {
            Arc::make_mut(&mut self.groups).push(Arc::new(shared));
        }
    }

    /// Removes and returns a filter.
    pub(crate) fn leave(&mut self, number: u64) -> Option<Removed> {
        let index = (self.groups.iter()).position(|group| group.contains(number))?;
        let groups = Arc::make_mut(&mut self.groups);
        let filter = make_mut(&mut groups[index]).remove(number);
        if groups[index].is_empty() {
            groups.remove(index);
        }
        filter
    }

    /// Removes and returns all filters.
    pub(crate) fn take(&mut self) -> RemovedFilters<E> {
        let groups = std::mem::take(&mut self.groups);
        RemovedFilters {
            _shared: groups
                .iter()
                .filter_map(|group| group.take_shared())
                .collect(),
            _groups: groups,
        }
    }

    /// Calls `f` for the queue of each filter.
    pub(crate) fn for_each_queue(&self, mut f: impl FnMut(&dyn AnyQueue)) {
        self.groups
            .iter()
            .for_each(|group| group.for_each_queue(&mut f));
    }

    /// Returns the filters that joined after `evaluation`, if there are any.
    #[inline]
    pub(crate) fn newer_than(&self, evaluation: &Evaluation) -> Option<FilterSnapshot<E>> {
        if self.is_empty() || self.newest_filter <= evaluation.newest_filter() {
            return None;
        }
        Some(FilterSnapshot {
            groups: Arc::clone(&self.groups),
            after: evaluation.newest_filter(),
            newest_filter: self.newest_filter,
        })
    }
}

/// Makes a group mutable, by copying a group that a snapshot shares.
fn make_mut<E>(group: &mut Arc<dyn AnyGroup<E>>) -> &mut dyn AnyGroup<E> {
    if Arc::get_mut(group).is_none() {
        *group = group.copy();
    }
    Arc::get_mut(group).expect("a fresh copy has one owner")
}

/// All filters, which have left the registry, to be dropped without the lock.
pub(crate) struct RemovedFilters<E> {
    _groups: Arc<Vec<Arc<dyn AnyGroup<E>>>>,
    _shared: Vec<Removed>,
}

/// The filters at a moment, to be evaluated and dropped without the lock.
pub(crate) struct FilterSnapshot<E> {
    groups: Arc<Vec<Arc<dyn AnyGroup<E>>>>,
    /// The number of the last filter that was evaluated before.
    after: u64,
    /// The number of the newest filter at the moment of the snapshot, which may have left already.
    newest_filter: u64,
}

impl<E> FilterSnapshot<E> {
    /// Evaluates the filters that `earlier` does not have the results of, and adds their matches to
    /// `found`. Runs user code without a lock, and may panic.
    pub(super) fn evaluate(
        &self,
        event: &E,
        earlier: Option<&FilterMatches>,
        found: &mut FilterMatches,
    ) {
        found.newest_filter = self.newest_filter;
        for group in self.groups.iter() {
            let numbers = self.after + 1..=self.newest_filter;
            group.evaluate(numbers, event, earlier, found);
        }
    }
}
