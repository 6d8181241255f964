//! Whom an event concerns: filters, asked by the publisher before any queue and outside of every
//! lock.

use crate::channel::filter::queue::{FilterQueue, Pushed};
use crate::channel::ticket::Ticket;
use crate::subscriber_id::SubscriberId;
use crate::util::panic_guard::drop_caught;
use crate::util::sync::Arc;

mod group;
mod one_or_many;
pub(crate) mod queue;
mod registry;

pub(crate) use registry::{FilterRegistry, FilterSnapshot, RemovedFilter};

use one_or_many::OneOrMany;

/// What a filter made of an event, on its way into the lane behind it.
struct Match<T> {
    lane: Arc<FilterQueue<T>>,
    /// Or what was found overwritten, or out of place: dropped without the lock.
    value: Option<T>,
}

impl<T> Drop for Match<T> {
    fn drop(&mut self) {
        if let Some(value) = self.value.take() {
            drop_caught(value);
        }
    }
}

/// What the filters of a row made of an event.
struct GroupMatches<T> {
    found: OneOrMany<Match<T>>,
    /// Those that panicked.
    panicked: Vec<SubscriberId>,
}

/// The same, whatever they give.
trait AnyMatches: Send {
    /// How many want it.
    fn count(&self) -> usize;

    /// Those that may have no room for one more than `promised`.
    fn for_each_full(&self, promised: u64, look: &mut dyn FnMut(SubscriberId));

    /// Puts it into those that are not cut.
    fn deliver(&mut self, seq: u64, ticket: Option<&Arc<Ticket>>, tell: &mut dyn FnMut(Pushed<'_>));

    /// Those that panicked, once.
    fn take_panicked(&mut self) -> Vec<SubscriberId>;
}

impl<T: Send> AnyMatches for GroupMatches<T> {
    fn count(&self) -> usize {
        self.found.len()
    }

    fn for_each_full(&self, promised: u64, look: &mut dyn FnMut(SubscriberId)) {
        let lanes = self.found.iter().map(|found| &found.lane);
        let full = lanes.filter(|lane| !lane.has_room(promised));
        full.for_each(|lane| look(lane.place().id));
    }

    fn deliver(
        &mut self,
        seq: u64,
        ticket: Option<&Arc<Ticket>>,
        tell: &mut dyn FnMut(Pushed<'_>),
    ) {
        for Match { lane, value } in self.found.iter_mut() {
            if let Some(told) = lane.push(seq, value, ticket) {
                tell(told);
            }
        }
    }

    fn take_panicked(&mut self) -> Vec<SubscriberId> {
        std::mem::take(&mut self.panicked)
    }
}

/// What the filters made of one event. Nothing, while there are none: most publishers wait
/// without.
#[derive(Default)]
pub(crate) struct Evaluation(Option<Box<FilterMatches>>);

#[derive(Default)]
pub(crate) struct FilterMatches {
    /// The number of the newest filter that was asked.
    seen: u64,
    wanted: OneOrMany<Box<dyn AnyMatches>>,
}

impl Evaluation {
    /// If there were filters to ask.
    #[inline]
    pub(crate) fn matches(&mut self) -> Option<&mut FilterMatches> {
        self.0.as_deref_mut()
    }

    #[inline]
    fn seen(&self) -> u64 {
        self.0.as_ref().map_or(0, |answers| answers.seen)
    }

    /// Asks the filters; not under a lock.
    pub(crate) fn evaluate<E>(&mut self, filters: &FilterSnapshot<E>, event: &E) {
        let answers = self.0.get_or_insert_default();
        filters.evaluate(event, |wanted| answers.wanted.push(wanted));
        answers.seen = filters.newest;
    }
}

impl Drop for Evaluation {
    /// Out of line for most publishers, which have nothing to drop here.
    #[inline]
    fn drop(&mut self) {
        #[inline(never)]
        fn let_go(answers: Box<FilterMatches>) {
            drop(answers);
        }
        if let Some(answers) = self.0.take() {
            let_go(answers);
        }
    }
}

impl FilterMatches {
    /// How many want the event.
    pub(crate) fn count(&self) -> usize {
        self.wanted.iter().map(|wanted| wanted.count()).sum()
    }

    /// Those of them that may have no room for one event more than `promised`, or are gone.
    pub(crate) fn for_each_full(&self, promised: u64, mut look: impl FnMut(SubscriberId)) {
        for wanted in self.wanted.iter() {
            wanted.for_each_full(promised, &mut look);
        }
    }

    /// Puts what they want into their lanes.
    pub(crate) fn deliver(
        &mut self,
        seq: u64,
        ticket: Option<&Arc<Ticket>>,
        mut tell: impl FnMut(Pushed<'_>),
    ) {
        for wanted in self.wanted.iter_mut() {
            wanted.deliver(seq, ticket, &mut tell);
        }
    }

    /// Those whose filter panicked, once.
    pub(crate) fn take_panicked(&mut self) -> impl Iterator<Item = SubscriberId> {
        (self.wanted.iter_mut()).flat_map(|wanted| wanted.take_panicked())
    }
}
