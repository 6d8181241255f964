//! Filters: predicates that publishers evaluate outside of every lock, before an event is queued.
//!
//! Filters with the same type of predicate form a group, which is evaluated in a loop without
//! dynamic calls. A plain list of boxed predicates would need a third less code, and makes
//! publishing to 10,000 filters about a quarter slower (workload W7 of the benches). The subscribers of
//! [`topics`] are a group as well, in which the key of the event is looked up.

use std::any::Any;

use crate::channel::filter::key_log::Appended;
use crate::channel::filter::queue::{FilterQueue, Pushed};
use crate::channel::ticket::Ticket;
use crate::subscriber_id::SubscriberId;
use crate::util::one_or_many::OneOrMany;
use crate::util::panic_guard::drop_caught;
use crate::util::sync::Arc;

mod any_group;
pub(crate) mod any_queue;
mod group;
pub(crate) mod interest;
pub(crate) mod key_log;
pub(crate) mod queue;
pub(crate) mod reading;
mod registry;
pub(crate) mod topics;
pub(crate) mod user_code;

pub(crate) use interest::Interest;
pub(crate) use registry::{FilterRegistry, FilterSnapshot, RemovedFilters};

/// The value that a predicate returned for an event, and the queue for that value.
struct Match<T> {
    queue: Arc<FilterQueue<T>>,
    /// Before delivery the new value; after delivery an overwritten or refused value. Dropped
    /// without the lock.
    value: Option<T>,
}

impl<T> Drop for Match<T> {
    fn drop(&mut self) {
        if let Some(value) = self.value.take() {
            drop_caught(value);
        }
    }
}

/// The matches of a filter group with an event.
struct GroupMatches<T, G = ()> {
    matches: OneOrMany<Match<T>>,
    /// What the group has found out about the event, for its next evaluation.
    known: G,
}

/// [`GroupMatches`] without the type of the values.
trait AnyMatches: Send {
    /// Returns the number of matches.
    fn count(&self) -> usize;

    /// Returns the number of matching queues that are open and not of observers.
    fn count_awaited(&self) -> usize;

    /// Calls `f` for each matching queue that may have no room for an event beside `reserved`.
    fn for_each_full(&self, reserved: u64, f: &mut dyn FnMut(SubscriberId));

    /// Appends the values to the queues, except for closed queues, and calls `f` for each append.
    fn deliver(&mut self, seq: u64, ticket: Option<&Arc<Ticket>>, f: &mut dyn FnMut(Pushed<'_>));

    /// Appends the event to a key log, if there is one that has readers.
    fn append(&mut self, _seq: u64, _ticket: Option<&Arc<Ticket>>) -> Option<Appended> {
        None
    }

    /// Returns [`GroupMatches::known`].
    fn known(&self) -> &dyn Any;

    /// Returns whether the event is to be appended to the key log at this address.
    fn appends_to(&self, _log: *const ()) -> bool {
        false
    }
}

impl<T: Send, G: Send + 'static> AnyMatches for GroupMatches<T, G> {
    fn count(&self) -> usize {
        self.matches.len()
    }

    fn count_awaited(&self) -> usize {
        let matches = self.matches.iter();
        matches.filter(|found| found.queue.is_awaited()).count()
    }

    fn for_each_full(&self, reserved: u64, f: &mut dyn FnMut(SubscriberId)) {
        let queues = self.matches.iter().map(|found| &found.queue);
        let full = queues.filter(|queue| !queue.has_room(reserved));
        full.for_each(|queue| f(queue.subscriber().id));
    }

    fn deliver(&mut self, seq: u64, ticket: Option<&Arc<Ticket>>, f: &mut dyn FnMut(Pushed<'_>)) {
        for Match { queue, value } in self.matches.iter_mut() {
            if let Some(pushed) = queue.push(seq, value, ticket) {
                f(pushed);
            }
        }
    }

    fn known(&self) -> &dyn Any {
        &self.known
    }
}

/// The result of evaluating all filters for an event. `None` without filters, which keeps the
/// publish future small.
#[derive(Default)]
pub(crate) struct Evaluation(Option<Box<FilterMatches>>);

#[derive(Default)]
pub(crate) struct FilterMatches {
    /// The number of the newest filter that was evaluated.
    newest_filter: u64,
    groups: OneOrMany<Box<dyn AnyMatches>>,
    /// Whether any of the groups has an event for a key log.
    has_logged: bool,
    /// The subscribers whose predicates panicked.
    panicked: Vec<SubscriberId>,
}

impl Evaluation {
    /// Returns the matches, if any filter was evaluated.
    #[inline]
    pub(crate) fn matches(&mut self) -> Option<&mut FilterMatches> {
        self.0.as_deref_mut()
    }

    #[inline]
    fn newest_filter(&self) -> u64 {
        self.0.as_ref().map_or(0, |matches| matches.newest_filter)
    }

    /// Evaluates the filters of a snapshot. Runs user code, and is never called under a lock.
    ///
    /// # Panics
    /// If a key function or a key of topics panics. Nothing has changed then.
    pub(crate) fn evaluate<E>(&mut self, filters: &FilterSnapshot<E>, event: &E) {
        // A panic changes nothing: a partial result would deliver the event twice, if the publisher is
        // polled again.
        let mut found = Box::<FilterMatches>::default();
        filters.evaluate(event, self.0.as_deref(), &mut found);
        match &mut self.0 {
            None => self.0 = Some(found),
            Some(matches) => matches.extend(*found),
        }
    }
}

impl Drop for Evaluation {
    /// The drop is not inlined: most publishers evaluate no filter and have nothing to drop.
    #[inline]
    fn drop(&mut self) {
        #[inline(never)]
        fn drop_matches(matches: Box<FilterMatches>) {
            drop(matches);
        }
        if let Some(matches) = self.0.take() {
            drop_matches(matches);
        }
    }
}

impl FilterMatches {
    /// Adds the matches of a group.
    fn push(&mut self, group: impl AnyMatches + 'static) {
        self.groups.push(Box::new(group));
    }

    /// Adds the results of newer filters.
    fn extend(&mut self, newer: Self) {
        self.newest_filter = newer.newest_filter;
        newer
            .groups
            .into_iter()
            .for_each(|group| self.groups.push(group));
        self.has_logged |= newer.has_logged;
        self.panicked.extend(newer.panicked);
    }

    /// Returns the number of matches.
    pub(crate) fn count(&self) -> usize {
        self.groups.iter().map(|group| group.count()).sum()
    }

    /// Returns the number of matching subscribers that are attached and no observers.
    pub(crate) fn count_awaited(&self) -> usize {
        (self.groups.iter().map(|group| group.count_awaited())).sum()
    }

    /// Calls `f` for each matching subscriber without room for an event beside `reserved`. A
    /// subscriber may also be disconnected, or have made room since.
    pub(crate) fn for_each_full(&self, reserved: u64, mut f: impl FnMut(SubscriberId)) {
        for group in self.groups.iter() {
            group.for_each_full(reserved, &mut f);
        }
    }

    /// Appends the values to the queues, except for closed queues, and calls `f` for each append.
    pub(crate) fn deliver(
        &mut self,
        seq: u64,
        ticket: Option<&Arc<Ticket>>,
        mut f: impl FnMut(Pushed<'_>),
    ) {
        for group in self.groups.iter_mut() {
            group.deliver(seq, ticket, &mut f);
        }
    }

    /// Appends the event to the key logs of its keys.
    #[inline]
    pub(crate) fn append(
        &mut self,
        seq: u64,
        ticket: Option<&Arc<Ticket>>,
    ) -> impl Iterator<Item = Appended> {
        (self.groups.iter_mut()).filter_map(move |group| group.append(seq, ticket))
    }

    /// Returns whether any of the groups has an event for a key log.
    #[inline]
    pub(crate) fn has_logged(&self) -> bool {
        self.has_logged
    }

    /// Returns the subscribers whose predicates panicked; empty when called again.
    pub(crate) fn take_panicked(&mut self) -> Vec<SubscriberId> {
        std::mem::take(&mut self.panicked)
    }
}
