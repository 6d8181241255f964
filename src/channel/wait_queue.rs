//! Publishers that wait for room: first come, first served, one woken at a time.

use std::collections::{BTreeMap, VecDeque};
use std::task::Waker;

use crate::channel::machine::Claim;
use crate::subscriber_id::SubscriberId;
use crate::util::clock::Instant;
use crate::util::shrink::Room;

/// A place in the [`Line`], and what it is waited for; later places have greater numbers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Turn {
    number: u64,
    pub(crate) claim: Claim,
}

/// ```text
///   head                                   end
///  ┌──────────┬──────┬──────────┬──────────┐
///  │ 7 called │ 8 ── │ 9 asleep │ 12 asleep│   8 has left; 10 and 11 as well, long ago
///  └──────────┴──────┴──────────┴──────────┘
/// ```
///
/// # Invariants
/// 1. Whoever is called is the head, or could only wait for itself; nobody else is, unless the
///    manager is closed: then all are.
/// 2. A publisher that is not called has a waker here, and one that is has none.
/// 3. `inside` holds those that wait inside of a handler, which must not wait for itself.
/// 4. The numbers of the places rise. Somebody stands in the first one, and in at least half of
///    them.
#[derive(Default)]
pub(crate) struct Line {
    places: VecDeque<Place>,
    /// How many of the places were left.
    left: usize,
    inside: BTreeMap<u64, SubscriberId>,
    taken: u64,
    /// When the head will look again by itself.
    alarm: Option<Instant>,
}

struct Place {
    turn: Turn,
    here: bool,
    waker: Option<Waker>,
}

/// Room for so many is kept when a long line is gone.
const KEPT: usize = 16;

impl Line {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    #[inline]
    pub(crate) fn is_head(&self, turn: Turn) -> bool {
        self.head() == Some(turn)
    }

    #[inline]
    pub(crate) fn head(&self) -> Option<Turn> {
        self.places.front().map(|place| place.turn)
    }

    /// How many stand in it.
    pub(crate) fn len(&self) -> usize {
        self.places.len() - self.left
    }

    /// Whether the head has been woken, and has yet to look: then its waker has gone (invariant 2).
    pub(crate) fn is_called(&self) -> bool {
        let head = self.places.front();
        head.is_some_and(|head| head.waker.is_none())
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
        self.places.push_back(Place {
            turn,
            here: true,
            waker: Some(waker),
        });
        turn
    }

    /// Whether `waker` would be woken for `turn`, as things are.
    pub(crate) fn would_wake(&self, turn: Turn, waker: &Waker) -> bool {
        let known = self.index(turn.number).map(|at| &self.places[at].waker);
        matches!(known, Some(Some(known)) if known.will_wake(waker))
    }

    /// Waits on, to be woken by `waker`; gives the waker it replaces back.
    pub(crate) fn stay(&mut self, turn: Turn, waker: Waker) -> Option<Waker> {
        self.place_mut(turn.number)?.waker.replace(waker)
    }

    /// Waits inside of this handler, if of any.
    pub(crate) fn set_inside(&mut self, turn: Turn, handler: Option<SubscriberId>) {
        match handler {
            Some(handler) => drop(self.inside.insert(turn.number, handler)),
            None => drop(self.inside.remove(&turn.number)),
        }
    }

    /// Whether anybody waits inside of a handler.
    #[inline]
    pub(crate) fn has_inside(&self) -> bool {
        !self.inside.is_empty()
    }

    /// Those that wait inside of a handler that `waits_for_itself` are told to look.
    pub(crate) fn call_inside(
        &mut self,
        waits_for_itself: impl Fn(SubscriberId) -> bool,
    ) -> Vec<Waker> {
        let inside = self.inside.iter();
        let stuck = inside.filter(|(_, handler)| waits_for_itself(**handler));
        let stuck: Vec<_> = stuck.map(|(number, _)| *number).collect();
        let wakers = stuck
            .into_iter()
            .filter_map(|number| self.place_mut(number)?.waker.take());
        wakers.collect()
    }

    /// Leaves the line: stored, closed or cancelled.
    pub(crate) fn leave(&mut self, turn: Turn) -> Option<Waker> {
        self.inside.remove(&turn.number);
        let place = self.place_mut(turn.number)?;
        place.here = false;
        let waker = place.waker.take();
        self.left += 1;
        if self.is_head(turn) {
            self.alarm = None;
            while self.places.front().is_some_and(|place| !place.here) {
                self.places.pop_front();
                self.left -= 1;
            }
        }
        if self.left > self.places.len() / 2 {
            self.places.retain(|place| place.here);
            self.left = 0;
        }
        self.places.give_back(KEPT);
        waker
    }

    /// The head is told to look: there is room, or another time to look at the clock. It may have
    /// been told already.
    pub(crate) fn call_head(&mut self) -> Option<Waker> {
        self.places.front_mut()?.waker.take()
    }

    /// Everybody is told: there will be no room any more.
    pub(crate) fn call_all(&mut self) -> impl Iterator<Item = Waker> {
        self.places
            .iter_mut()
            .filter_map(|place| place.waker.take())
    }

    fn place_mut(&mut self, number: u64) -> Option<&mut Place> {
        let at = self.index(number)?;
        self.places.get_mut(at)
    }

    /// Where the place of this number is: most often it is the first.
    #[inline]
    fn index(&self, number: u64) -> Option<usize> {
        if self.places.front()?.turn.number == number {
            return Some(0);
        }
        (self.places)
            .binary_search_by_key(&number, |place| place.turn.number)
            .ok()
    }
}

#[cfg(all(test, not(any(genevent_shuttle, genevent_loom))))]
mod tests {
    use super::*;

    fn stand(line: &mut Line) -> Turn {
        line.join(Claim::Event, Waker::noop().clone())
    }

    #[test]
    fn those_who_leave_take_no_more_room_than_those_who_stay() {
        let mut line = Line::default();
        let head = stand(&mut line);
        for stay in 1..100 {
            stand(&mut line);
            for _ in 0..100 {
                let turn = stand(&mut line);
                drop(line.leave(turn));
            }
            assert_eq!(line.len(), 1 + stay);
            assert!(line.places.len() <= 2 * line.len() + 1);
        }
        assert!(line.is_head(head));
    }

    #[test]
    fn an_empty_line_keeps_little_room() {
        let mut line = Line::default();
        let turns: Vec<_> = (0..1_000).map(|_| stand(&mut line)).collect();
        for turn in turns {
            drop(line.leave(turn));
        }
        assert!(line.is_empty());
        assert!(line.places.capacity() <= KEPT);
    }
}
