//! Subscribers that have read everything, each with the waker that the next event calls.

use std::task::Waker;

/// # Invariants
/// 1. `spots[key]`, if it is of this `round`, is the index of `key`'s entry in `parked`.
/// 2. Waking everybody begins a new round, so it costs the same for one as for a thousand.
#[derive(Default)]
pub(crate) struct Parking {
    parked: Vec<(usize, Waker)>,
    spots: Vec<Spot>,
    round: u64,
}

#[derive(Clone, Copy)]
struct Spot {
    /// 0 = never parked.
    round: u64,
    index: usize,
}

impl Parking {
    /// How many are parked.
    pub(crate) fn len(&self) -> usize {
        self.parked.len()
    }

    fn index(&self, key: usize) -> Option<usize> {
        self.spots
            .get(key)
            .filter(|spot| spot.round == self.round + 1)
            .map(|spot| spot.index)
    }

    /// Whether `key` is parked already, to be woken by an equal waker.
    pub(crate) fn would_wake(&self, key: usize, waker: &Waker) -> bool {
        self.index(key)
            .is_some_and(|index| self.parked[index].1.will_wake(waker))
    }

    /// Parks `key`, and gives the waker it replaces back.
    pub(crate) fn park(&mut self, key: usize, waker: Waker) -> Option<Waker> {
        if let Some(index) = self.index(key) {
            return Some(std::mem::replace(&mut self.parked[index].1, waker));
        }
        self.note(key, self.parked.len());
        self.parked.push((key, waker));
        None
    }

    /// Takes one out.
    pub(crate) fn unpark(&mut self, key: usize) -> Option<Waker> {
        let index = self.index(key)?;
        self.spots[key].round = 0;
        let (_, waker) = self.parked.swap_remove(index);
        if let Some(&(moved, _)) = self.parked.get(index) {
            self.note(moved, index);
        }
        Some(waker)
    }

    /// Takes everybody out.
    pub(crate) fn unpark_all(&mut self) -> Vec<(usize, Waker)> {
        self.round += 1;
        let room = Vec::with_capacity(self.parked.len());
        std::mem::replace(&mut self.parked, room)
    }

    fn note(&mut self, key: usize, index: usize) {
        if key >= self.spots.len() {
            self.spots.resize(key + 1, Spot { round: 0, index: 0 });
        }
        self.spots[key] = Spot {
            round: self.round + 1,
            index,
        };
    }
}
