//! The interest of a filtered subscriber: the events it wants, and the value of each.

use std::marker::PhantomData;

use super::group::Filter;
use super::reading::Reading;
use super::registry::FilterRegistry;
use super::user_code::Panicked;
use crate::channel::filter::queue::FilterQueue;
use crate::channel::filter::queue::replayed::ReplayedValues;
use crate::channel::source::Backlog;
use crate::channel::subscriber::SubscriberState;
use crate::util::sync::Arc;

/// The interest of a subscriber that is about to join.
pub(crate) trait Interest<E> {
    /// The value of a wanted event.
    type Value: Send + 'static;
    /// The interest once the subscriber has joined.
    type Joined: Evaluate<E, Self::Value>;

    /// Enters the interest of a subscriber into the registry. Returns what the subscriber reads, too. Called
    /// under the channel's lock.
    fn join(
        self,
        filters: &mut FilterRegistry<E>,
        subscriber: &Arc<SubscriberState>,
    ) -> (Reading<Self::Value>, Self::Joined);
}

/// The interest of a subscriber, to be asked for retained events.
pub(crate) trait Evaluate<E, T> {
    /// Returns the value of an event, if the event is wanted. Runs user code, and is never called under
    /// a lock.
    ///
    /// # Errors
    /// [`Panicked`], if user code of the subscriber panicked: the subscriber must be disconnected.
    fn value_of(&self, event: &E) -> Result<Option<T>, Panicked>;
}

/// The interest in the events for which a predicate returns a value.
pub(crate) struct Predicate<F, T> {
    predicate: F,
    value: PhantomData<fn() -> T>,
}

impl<F, T> Predicate<F, T> {
    pub(crate) fn new(predicate: F) -> Self {
        Self {
            predicate,
            value: PhantomData,
        }
    }
}

impl<E, T, F> Interest<E> for Predicate<F, T>
where
    T: Send + 'static,
    F: Fn(&E) -> Option<T> + Send + Sync + 'static,
{
    type Value = T;
    type Joined = Arc<Filter<T, F>>;

    fn join(
        self,
        filters: &mut FilterRegistry<E>,
        subscriber: &Arc<SubscriberState>,
    ) -> (Reading<T>, Self::Joined) {
        let queue = Arc::new(FilterQueue::new(Arc::clone(subscriber)));
        let joined = filters.join(Arc::clone(&queue), self.predicate);
        (Reading::Queue(queue), joined)
    }
}

impl<E, T, F: Fn(&E) -> Option<T>> Evaluate<E, T> for Arc<Filter<T, F>> {
    fn value_of(&self, event: &E) -> Result<Option<T>, Panicked> {
        Filter::value_of(self, event)
    }
}

/// Evaluates retained events, from the newest to the oldest, until `most` are wanted. Runs user code, and
/// is never called under a lock.
///
/// Adds the values to `replayed`, which keeps those found so far if a panic ends the evaluation.
///
/// # Errors
/// [`Panicked`], if user code of the subscriber panicked: the subscriber must be disconnected.
pub(crate) fn evaluate_retained<E, T>(
    retained: Backlog<E>,
    most: usize,
    interest: &impl Evaluate<E, T>,
    replayed: &mut ReplayedValues<T>,
) -> Result<(), Panicked> {
    let Backlog { next, segments, .. } = retained;
    for segment in segments.into_iter().rev() {
        for seq in (segment.first().max(next)..=segment.last()).rev() {
            if replayed.len() == most {
                return Ok(());
            }
            if let Some(value) = interest.value_of(segment.get(seq).event())? {
                replayed.push_older(seq, value);
            }
        }
    }
    Ok(())
}
