//! Subscribers that have read everything, each with the waker that the next event calls.

use std::task::Waker;

use crate::channel::subscriber::SubscriberState;
use crate::util::panic_guard::wake;
use crate::util::shrink::Shrink;

/// A subscriber that sleeps.
pub(crate) struct ParkedReader {
    key: u64,
    waker: Waker,
}

impl ParkedReader {
    /// Wakes it; not under the lock.
    #[inline]
    pub(crate) fn wake(self) {
        wake(self.waker);
    }
}

/// Subscribers that were taken out to be woken. One alone needs no memory of its own.
#[must_use = "they sleep until they are woken"]
pub(crate) struct Unparked {
    one: Option<ParkedReader>,
    more: Vec<ParkedReader>,
}

impl Unparked {
    /// Wakes them; not under the lock.
    #[inline]
    pub(crate) fn wake(self) {
        self.one.into_iter().for_each(ParkedReader::wake);
        self.more.into_iter().for_each(ParkedReader::wake);
    }
}

/// Room for so many is kept when there are fewer subscribers.
const KEPT: usize = 16;

/// # Invariants
/// 1. A place that is of this `generation` has the index of its entry in `parked`.
/// 2. Taking everybody out begins a new round, so that costs the same for one as for a thousand.
pub(crate) struct ParkedReaders {
    parked: Vec<ParkedReader>,
    /// One more than the number of times that everybody was woken.
    generation: u64,
}

impl ParkedReaders {
    pub(crate) fn new() -> Self {
        Self {
            parked: Vec::new(),
            generation: 1,
        }
    }

    /// How many are parked.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.parked.len()
    }

    #[inline]
    fn index(&self, place: &SubscriberState) -> Option<usize> {
        let is_parked = place.slots.generation.get() == self.generation;
        is_parked.then(|| usize::try_from(place.slots.index.get()).expect(INDEX))
    }

    /// Whether it is parked already, to be woken by an equal waker.
    #[inline]
    pub(crate) fn would_wake(&self, place: &SubscriberState, waker: &Waker) -> bool {
        self.index(place)
            .is_some_and(|index| self.parked[index].waker.will_wake(waker))
    }

    /// Parks it, and gives the waker it replaces back.
    #[inline]
    pub(crate) fn park(&mut self, place: &SubscriberState, waker: Waker) -> Option<ParkedReader> {
        let key = place.id.number;
        let parked = ParkedReader { key, waker };
        if let Some(index) = self.index(place) {
            return Some(std::mem::replace(&mut self.parked[index], parked));
        }
        place.slots.generation.set(self.generation);
        place.slots.index.set(self.parked.len() as u64);
        self.parked.push(parked);
        None
    }

    /// Takes one out; `place_of` knows them all.
    pub(crate) fn unpark<'a>(
        &mut self,
        key: u64,
        place_of: impl Fn(u64) -> &'a SubscriberState,
    ) -> Option<ParkedReader> {
        let place = place_of(key);
        let index = self.index(place)?;
        place.slots.generation.set(0);
        let out = self.parked.swap_remove(index);
        if let Some(moved) = self.parked.get(index) {
            place_of(moved.key).slots.index.set(index as u64);
        }
        Some(out)
    }

    /// Gives memory back, if so few `subscribers` are there that much of it is not needed.
    pub(crate) fn give_back(&mut self, subscribers: usize) {
        self.parked.shrink_if_sparse_for(subscribers, KEPT);
    }

    /// Takes everybody out.
    #[inline]
    pub(crate) fn unpark_all(&mut self) -> Unparked {
        self.generation += 1;
        if self.parked.len() <= 1 {
            return Unparked {
                one: self.parked.pop(),
                more: Vec::new(),
            };
        }
        let room = Vec::with_capacity(self.parked.len());
        Unparked {
            one: None,
            more: std::mem::replace(&mut self.parked, room),
        }
    }
}

const INDEX: &str = "it was a usize";
