//! Subscribers that have read everything, each with the waker that the next event calls.

use std::task::Waker;

use crate::foreign::wake;

/// A subscriber that sleeps.
pub(crate) struct Parked {
    key: usize,
    waker: Waker,
}

impl Parked {
    /// Wakes it; not under the lock.
    #[inline]
    pub(crate) fn wake(self) {
        wake(self.waker);
    }
}

/// Subscribers that were taken out to be woken. One alone needs no memory of its own.
#[must_use = "they sleep until they are woken"]
pub(crate) struct Unparked {
    one: Option<Parked>,
    more: Vec<Parked>,
}

impl Unparked {
    /// Wakes them; not under the lock.
    #[inline]
    pub(crate) fn wake(self) {
        self.one.into_iter().for_each(Parked::wake);
        self.more.into_iter().for_each(Parked::wake);
    }
}

/// # Invariants
/// 1. `spots[key]`, if it is of this `round`, is the index of `key`'s entry in `parked`.
/// 2. Taking everybody out begins a new round, so that costs the same for one as for a thousand.
pub(crate) struct Parking {
    parked: Vec<Parked>,
    spots: Vec<Spot>,
    /// One more than the number of times that everybody was woken.
    round: u64,
}

#[derive(Clone, Copy)]
struct Spot {
    /// 0 = not parked.
    round: u64,
    index: usize,
}

impl Parking {
    pub(crate) fn new() -> Self {
        Self {
            parked: Vec::new(),
            spots: Vec::new(),
            round: 1,
        }
    }

    /// How many are parked.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.parked.len()
    }

    #[inline]
    fn index(&self, key: usize) -> Option<usize> {
        let spot = self.spots.get(key)?;
        (spot.round == self.round).then_some(spot.index)
    }

    /// Whether `key` is parked already, to be woken by an equal waker.
    #[inline]
    pub(crate) fn would_wake(&self, key: usize, waker: &Waker) -> bool {
        self.index(key)
            .is_some_and(|index| self.parked[index].waker.will_wake(waker))
    }

    /// Parks `key`, and gives the waker it replaces back.
    #[inline]
    pub(crate) fn park(&mut self, key: usize, waker: Waker) -> Option<Parked> {
        let parked = Parked { key, waker };
        if let Some(index) = self.index(key) {
            return Some(std::mem::replace(&mut self.parked[index], parked));
        }
        self.note(key, self.parked.len());
        self.parked.push(parked);
        None
    }

    /// Takes one out.
    pub(crate) fn unpark(&mut self, key: usize) -> Option<Parked> {
        let index = self.index(key)?;
        self.spots[key].round = 0;
        let out = self.parked.swap_remove(index);
        if let Some(moved) = self.parked.get(index) {
            self.note(moved.key, index);
        }
        Some(out)
    }

    /// Takes everybody out.
    #[inline]
    pub(crate) fn unpark_all(&mut self) -> Unparked {
        self.round += 1;
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

    #[inline]
    fn note(&mut self, key: usize, index: usize) {
        if key >= self.spots.len() {
            self.spots.resize(key + 1, Spot { round: 0, index: 0 });
        }
        self.spots[key] = Spot {
            round: self.round,
            index,
        };
    }
}
