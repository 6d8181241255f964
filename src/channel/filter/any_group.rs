//! A group of filters as the registry sees it.

use std::any::Any;
use std::ops::RangeInclusive;

use super::FilterMatches;
use crate::channel::filter::any_queue::AnyQueue;
use crate::channel::filter::user_code::Removed;
use crate::util::sync::Arc;

/// A group of filters, without the types of its values and predicates.
pub(super) trait AnyGroup<E>: Send + Sync {
    /// Evaluates the filters with these numbers, and adds their matches to `found`. `earlier` has the
    /// results for the filters before. Runs user code without a lock, and may panic.
    fn evaluate(
        &self,
        numbers: RangeInclusive<u64>,
        event: &E,
        earlier: Option<&FilterMatches>,
        found: &mut FilterMatches,
    );

    fn copy(&self) -> Arc<dyn AnyGroup<E>>;

    fn is_empty(&self) -> bool;

    fn contains(&self, number: u64) -> bool;

    fn remove(&mut self, number: u64) -> Option<Removed>;

    /// Removes and returns the filters that owners outside of the registry share with it.
    fn take_shared(&self) -> Option<Removed>;

    fn for_each_queue(&self, f: &mut dyn FnMut(&dyn AnyQueue));

    fn as_any(&self) -> &dyn Any;

    fn as_any_mut(&mut self) -> &mut dyn Any;
}
