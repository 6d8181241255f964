//! Publishers that wait for room: first come, first served, one woken at a time.

use std::collections::BTreeMap;
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
/// 1. Whoever is called is the head, or could only wait for itself; nobody else is.
/// 2. A publisher that is not called has a waker here.
/// 3. `head` is the first of `waiting`.
/// 4. `inside` holds those that wait inside of a handler, which must not wait for itself.
#[derive(Default)]
pub(crate) struct Line {
    waiting: BTreeMap<Turn, Option<Waker>>,
    /// Asked for more often than anything else.
    head: Option<Turn>,
    inside: BTreeMap<Turn, SubscriberId>,
    taken: u64,
    /// The head has been woken, and looks for itself when it is next polled.
    called: bool,
    /// When the head will look again by itself.
    alarm: Option<Instant>,
}

impl Line {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.head.is_none()
    }

    #[inline]
    pub(crate) fn is_head(&self, turn: Turn) -> bool {
        self.head == Some(turn)
    }

    #[inline]
    pub(crate) fn head(&self) -> Option<Turn> {
        self.head
    }

    /// Somebody waits, and does not yet know that there is room.
    #[inline]
    pub(crate) fn wants_room(&self) -> bool {
        !self.called && !self.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether the head has been woken, and has yet to look.
    pub(crate) fn is_called(&self) -> bool {
        self.called
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
        self.waiting.insert(turn, Some(waker));
        self.head.get_or_insert(turn);
        turn
    }

    /// Whether `waker` would be woken for `turn`, as things are.
    pub(crate) fn would_wake(&self, turn: Turn, waker: &Waker) -> bool {
        matches!(self.waiting.get(&turn), Some(Some(known)) if known.will_wake(waker))
    }

    /// Waits on, to be woken by `waker`; gives the waker it replaces back.
    pub(crate) fn stay(&mut self, turn: Turn, waker: Waker) -> Option<Waker> {
        if self.is_head(turn) {
            self.called = false;
        }
        self.waiting.get_mut(&turn)?.replace(waker)
    }

    /// Waits inside of this handler, if of any.
    pub(crate) fn set_inside(&mut self, turn: Turn, handler: Option<SubscriberId>) {
        match handler {
            Some(handler) => drop(self.inside.insert(turn, handler)),
            None if self.inside.is_empty() => {}
            None => drop(self.inside.remove(&turn)),
        }
    }

    /// Whether anybody waits inside of a handler.
    #[inline]
    pub(crate) fn has_inside(&self) -> bool {
        !self.inside.is_empty()
    }

    /// Those that wait inside of a handler that `is_blocking` are told to look.
    pub(crate) fn call_inside(&mut self, is_blocking: impl Fn(SubscriberId) -> bool) -> Vec<Waker> {
        let inside = self.inside.iter();
        let stuck = inside.filter(|(_, handler)| is_blocking(**handler));
        let stuck = stuck.filter_map(|(turn, _)| self.waiting.get_mut(turn)?.take());
        stuck.collect()
    }

    /// Leaves the line: stored, closed or cancelled.
    pub(crate) fn leave(&mut self, turn: Turn) -> Option<Waker> {
        if !self.inside.is_empty() {
            self.inside.remove(&turn);
        }
        let waker = self.waiting.remove(&turn).flatten();
        if self.is_head(turn) {
            self.called = false;
            self.alarm = None;
            self.head = self.waiting.keys().next().copied();
        }
        waker
    }

    /// The head is told to look: there is room, or another time to look at the clock.
    pub(crate) fn call_head(&mut self) -> Option<Waker> {
        self.called = true;
        self.waiting.values_mut().next()?.take()
    }

    /// Everybody is told: there will be no room any more.
    pub(crate) fn call_all(&mut self) -> impl Iterator<Item = Waker> {
        self.waiting.values_mut().filter_map(Option::take)
    }
}
