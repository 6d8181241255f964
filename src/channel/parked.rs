//! Parked subscribers: subscribers without unread events, each with the waker that the next event
//! wakes.
//!
//! Storing an event wakes all parked subscribers. Taking all of them out is a pointer swap under the
//! lock: the entries go with the `Vec`, and a new generation makes every stored index invalid.

use std::task::Waker;

use crate::channel::subscriber::SubscriberState;
use crate::util::panic_guard::wake;
use crate::util::shrink::Shrink;

/// The entry of a parked subscriber.
struct ParkedReader {
    key: u64,
    waker: Waker,
}

/// Subscribers that were taken out to be woken. A single subscriber, the common case, needs no
/// allocation.
#[must_use = "unparked subscribers sleep until `wake` is called"]
pub(crate) struct Unparked {
    one: Option<ParkedReader>,
    more: Vec<ParkedReader>,
}

impl Unparked {
    /// Wakes all of the subscribers. Must not be called under the lock: wakers are user code.
    #[inline]
    pub(crate) fn wake(self) {
        self.one.into_iter().for_each(|parked| wake(parked.waker));
        self.more.into_iter().for_each(|parked| wake(parked.waker));
    }
}

/// The capacity kept when there are fewer subscribers.
const MIN_CAPACITY: usize = 16;

/// The entries of all parked subscribers.
///
/// # Invariants
/// 1. A subscriber whose slot `generation` equals this `generation` has an entry in `parked`, at its
///    slot `index`. Unparking a subscriber would otherwise remove the entry of another.
/// 2. Taking all entries out starts a new generation, so no slot needs a reset.
pub(crate) struct ParkedReaders {
    parked: Vec<ParkedReader>,
    /// The number of times that all entries were taken out, from 1.
    generation: u64,
}

impl ParkedReaders {
    pub(crate) fn new() -> Self {
        Self {
            parked: Vec::new(),
            generation: 1,
        }
    }

    /// Returns the number of parked subscribers.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.parked.len()
    }

    /// Returns the index of the subscriber's entry, if the subscriber is parked.
    #[inline]
    fn index(&self, subscriber: &SubscriberState) -> Option<usize> {
        let is_parked = subscriber.slots().generation.get() == self.generation;
        is_parked.then(|| usize::try_from(subscriber.slots().index.get()).expect(INDEX))
    }

    /// Returns whether the subscriber is parked with a waker equal to `waker`.
    #[inline]
    pub(crate) fn would_wake(&self, subscriber: &SubscriberState, waker: &Waker) -> bool {
        self.index(subscriber)
            .is_some_and(|index| self.parked[index].waker.will_wake(waker))
    }

    /// Parks the subscriber, or replaces its waker. Returns the replaced waker.
    #[inline]
    pub(crate) fn park(&mut self, subscriber: &SubscriberState, waker: Waker) -> Option<Waker> {
        if let Some(index) = self.index(subscriber) {
            return Some(std::mem::replace(&mut self.parked[index].waker, waker));
        }
        let key = subscriber.id.number;
        subscriber.slots().generation.set(self.generation);
        subscriber.slots().index.set(self.parked.len() as u64);
        self.parked.push(ParkedReader { key, waker });
        None
    }

    /// Takes out the waker of a subscriber. `subscriber_of` finds the state of any other parked
    /// subscriber.
    pub(crate) fn unpark<'a>(
        &mut self,
        subscriber: &SubscriberState,
        subscriber_of: impl Fn(u64) -> &'a SubscriberState,
    ) -> Option<Waker> {
        let index = self.index(subscriber)?;
        subscriber.slots().generation.set(0);
        let out = self.parked.swap_remove(index);
        if let Some(moved) = self.parked.get(index) {
            subscriber_of(moved.key).slots().index.set(index as u64);
        }
        Some(out.waker)
    }

    /// Gives spare memory back when there are only few `subscribers`.
    pub(crate) fn give_back(&mut self, subscribers: usize) {
        self.parked.shrink_if_sparse_for(subscribers, MIN_CAPACITY);
    }

    /// Takes out all entries.
    #[inline]
    pub(crate) fn unpark_all(&mut self) -> Unparked {
        self.generation += 1;
        if self.parked.len() <= 1 {
            return Unparked {
                one: self.parked.pop(),
                more: Vec::new(),
            };
        }
        // As many will probably park again.
        let empty = Vec::with_capacity(self.parked.len());
        Unparked {
            one: None,
            more: std::mem::replace(&mut self.parked, empty),
        }
    }
}

const INDEX: &str = "`index` is only set from a usize";
