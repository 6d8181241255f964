//! Publishers that wait for room: first come, first served, one woken for each place.

use std::collections::{BTreeMap, BTreeSet};
use std::task::Waker;

use crate::clock::Instant;
use crate::inspect::SubscriberId;
use crate::ring::Claim;

/// A place in the [`Line`], and what it is waited for; later places are greater.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Turn {
    number: u64,
    pub(crate) claim: Claim,
}

/// # Invariants
/// 1. A publisher is in one of `waiting` and `called`.
/// 2. Whoever is called looks for itself when it is next polled; the others are woken by the
///    waker that is here.
/// 3. `inside` holds those that wait inside of a handler, which must not wait for itself.
#[derive(Default)]
pub(crate) struct Line {
    waiting: BTreeMap<Turn, Waker>,
    called: BTreeSet<Turn>,
    inside: BTreeMap<Turn, SubscriberId>,
    taken: u64,
    /// When the head will look again by itself.
    alarm: Option<Instant>,
}

impl Line {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.called.is_empty()
    }

    #[inline]
    pub(crate) fn is_head(&self, turn: Turn) -> bool {
        self.head() == Some(turn)
    }

    pub(crate) fn head(&self) -> Option<Turn> {
        let waiting = self.waiting.keys().next();
        let called = self.called.first();
        waiting.into_iter().chain(called).min().copied()
    }

    /// The head waits, and does not yet know that it had better look.
    pub(crate) fn is_head_asleep(&self) -> bool {
        let head = self.waiting.keys().next();
        head.is_some_and(|head| self.called.first().is_none_or(|called| head < called))
    }

    /// Whether the head will look again at `time` without being called.
    pub(crate) fn has_alarm(&self, time: Instant) -> bool {
        self.alarm == Some(time)
    }

    /// The head will look again at `time`.
    pub(crate) fn set_alarm(&mut self, time: Option<Instant>) {
        self.alarm = time;
    }

    /// Stands at the end of the line.
    pub(crate) fn join(&mut self, claim: Claim, waker: Waker) -> Turn {
        let turn = Turn {
            number: self.taken,
            claim,
        };
        self.taken += 1;
        self.waiting.insert(turn, waker);
        turn
    }

    /// Whether `waker` would be woken for `turn`, as things are.
    pub(crate) fn would_wake(&self, turn: Turn, waker: &Waker) -> bool {
        (self.waiting.get(&turn)).is_some_and(|known| known.will_wake(waker))
    }

    /// Waits on, to be woken by `waker`; gives the waker it replaces back.
    pub(crate) fn stay(&mut self, turn: Turn, waker: Waker) -> Option<Waker> {
        self.called.remove(&turn);
        self.waiting.insert(turn, waker)
    }

    /// Waits inside of this handler, if of any.
    pub(crate) fn set_inside(&mut self, turn: Turn, handler: Option<SubscriberId>) {
        match handler {
            Some(handler) => drop(self.inside.insert(turn, handler)),
            None if self.inside.is_empty() => {}
            None => drop(self.inside.remove(&turn)),
        }
    }

    /// Those that wait inside of a handler that `is_blocking` are told to look.
    pub(crate) fn call_inside(&mut self, is_blocking: impl Fn(SubscriberId) -> bool) -> Vec<Waker> {
        let Self {
            waiting,
            called,
            inside,
            ..
        } = self;
        let stuck = inside.iter().filter(|(_, handler)| is_blocking(**handler));
        let stuck = stuck.filter_map(|(&turn, _)| {
            let waker = waiting.remove(&turn)?;
            called.insert(turn);
            Some(waker)
        });
        stuck.collect()
    }

    /// Leaves the line: stored, closed or cancelled.
    pub(crate) fn leave(&mut self, turn: Turn) -> Option<Waker> {
        if self.is_head(turn) {
            self.alarm = None;
        }
        if !self.inside.is_empty() {
            self.inside.remove(&turn);
        }
        self.called.remove(&turn);
        self.waiting.remove(&turn)
    }

    /// The first `places` are told to look, unless they have been: there is room for so many, or
    /// another time to look at the clock.
    pub(crate) fn call(&mut self, places: usize) -> impl Iterator<Item = Waker> {
        std::iter::from_fn(move || {
            let (&first, _) = self.waiting.first_key_value()?;
            if self.called_before(first, places) {
                return None;
            }
            self.called.insert(first);
            self.waiting.remove(&first)
        })
    }

    /// Whether at least so many `places` belong to those that were called and stand before `turn`.
    fn called_before(&self, turn: Turn, places: usize) -> bool {
        let enough = self.called.len() >= places;
        // Most often all of them do. Who was called and looked too early has none before it.
        enough
            && (self.called.last().is_some_and(|&last| last < turn)
                || self.called.range(..turn).take(places).count() >= places)
    }
}
