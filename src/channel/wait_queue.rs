//! Publishers that wait for room: first come, first served, one woken at a time.

use std::collections::{BTreeMap, VecDeque};
use std::task::Waker;

use crate::channel::machine::Request;
use crate::subscriber_id::SubscriberId;
use crate::util::clock::Instant;
use crate::util::shrink::Shrink;

/// A place in the [`WaitQueue`], and what it is waited for; later places have greater numbers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct QueueKey {
    number: u64,
    pub(crate) claim: Request,
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
/// 3. `handler_waiters` holds those that wait inside of a handler, which must not wait for itself.
/// 4. The numbers of the places rise. Somebody stands in the first one, and in at least half of
///    them.
#[derive(Default)]
pub(crate) struct WaitQueue {
    waiters: VecDeque<Waiter>,
    /// How many of the places were left.
    tombstones: usize,
    handler_waiters: BTreeMap<u64, SubscriberId>,
    next_number: u64,
    /// When the head will look again by itself.
    timer_at: Option<Instant>,
}

struct Waiter {
    turn: QueueKey,
    live: bool,
    waker: Option<Waker>,
}

/// Room for so many is kept when a long line is gone.
const RETAINED_CAPACITY: usize = 16;

impl WaitQueue {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.waiters.is_empty()
    }

    #[inline]
    pub(crate) fn is_front(&self, turn: QueueKey) -> bool {
        self.front() == Some(turn)
    }

    #[inline]
    pub(crate) fn front(&self) -> Option<QueueKey> {
        self.waiters.front().map(|waiter| waiter.turn)
    }

    /// How many stand in it.
    pub(crate) fn len(&self) -> usize {
        self.waiters.len() - self.tombstones
    }

    /// Whether the head has been woken, and has yet to look: then its waker has gone (invariant 2).
    pub(crate) fn is_front_notified(&self) -> bool {
        let head = self.waiters.front();
        head.is_some_and(|head| head.waker.is_none())
    }

    /// Whether the head will look again at `time` without being called.
    pub(crate) fn has_timer(&self, time: Instant) -> bool {
        self.timer_at == Some(time)
    }

    /// The head will look again at `time`.
    pub(crate) fn set_timer(&mut self, time: Option<Instant>) {
        self.timer_at = time;
    }

    /// Stands at the end of the line.
    pub(crate) fn enqueue(&mut self, claim: Request, waker: Waker) -> QueueKey {
        let turn = QueueKey {
            number: self.next_number,
            claim,
        };
        self.next_number += 1;
        self.waiters.push_back(Waiter {
            turn,
            live: true,
            waker: Some(waker),
        });
        turn
    }

    /// Whether `waker` would be woken for `turn`, as things are.
    pub(crate) fn would_wake(&self, turn: QueueKey, waker: &Waker) -> bool {
        let known = self.index(turn.number).map(|at| &self.waiters[at].waker);
        matches!(known, Some(Some(known)) if known.will_wake(waker))
    }

    /// Waits on, to be woken by `waker`; gives the waker it replaces back.
    pub(crate) fn rearm(&mut self, turn: QueueKey, waker: Waker) -> Option<Waker> {
        self.waiter_mut(turn.number)?.waker.replace(waker)
    }

    /// Waits inside of this handler, if of any.
    pub(crate) fn set_handler(&mut self, turn: QueueKey, handler: Option<SubscriberId>) {
        match handler {
            Some(handler) => drop(self.handler_waiters.insert(turn.number, handler)),
            None => drop(self.handler_waiters.remove(&turn.number)),
        }
    }

    /// Whether anybody waits inside of a handler.
    #[inline]
    pub(crate) fn has_handler_waiters(&self) -> bool {
        !self.handler_waiters.is_empty()
    }

    /// Those that wait inside of a handler that `waits_for_itself` are told to look.
    pub(crate) fn notify_handler_waiters(
        &mut self,
        waits_for_itself: impl Fn(SubscriberId) -> bool,
    ) -> Vec<Waker> {
        let handler_waiters = self.handler_waiters.iter();
        let stuck = handler_waiters.filter(|(_, handler)| waits_for_itself(**handler));
        let stuck: Vec<_> = stuck.map(|(number, _)| *number).collect();
        let wakers = stuck
            .into_iter()
            .filter_map(|number| self.waiter_mut(number)?.waker.take());
        wakers.collect()
    }

    /// Leaves the line: stored, closed or cancelled.
    pub(crate) fn remove(&mut self, turn: QueueKey) -> Option<Waker> {
        self.handler_waiters.remove(&turn.number);
        let waiter = self.waiter_mut(turn.number)?;
        waiter.live = false;
        let waker = waiter.waker.take();
        self.tombstones += 1;
        if self.is_front(turn) {
            self.timer_at = None;
            while self.waiters.front().is_some_and(|waiter| !waiter.live) {
                self.waiters.pop_front();
                self.tombstones -= 1;
            }
        }
        if self.tombstones > self.waiters.len() / 2 {
            self.waiters.retain(|waiter| waiter.live);
            self.tombstones = 0;
        }
        self.waiters.shrink_if_sparse(RETAINED_CAPACITY);
        waker
    }

    /// The head is told to look: there is room, or another time to look at the clock. It may have
    /// been told already.
    pub(crate) fn notify_front(&mut self) -> Option<Waker> {
        self.waiters.front_mut()?.waker.take()
    }

    /// Everybody is told: there will be no room any more.
    pub(crate) fn notify_all(&mut self) -> impl Iterator<Item = Waker> {
        self.waiters
            .iter_mut()
            .filter_map(|waiter| waiter.waker.take())
    }

    fn waiter_mut(&mut self, number: u64) -> Option<&mut Waiter> {
        let at = self.index(number)?;
        self.waiters.get_mut(at)
    }

    /// Where the place of this number is: most often it is the first.
    #[inline]
    fn index(&self, number: u64) -> Option<usize> {
        if self.waiters.front()?.turn.number == number {
            return Some(0);
        }
        (self.waiters)
            .binary_search_by_key(&number, |waiter| waiter.turn.number)
            .ok()
    }
}

#[cfg(all(test, not(any(genevent_shuttle, genevent_loom))))]
mod tests {
    use super::*;

    fn stand(line: &mut WaitQueue) -> QueueKey {
        line.enqueue(Request::Event, Waker::noop().clone())
    }

    #[test]
    fn those_who_leave_take_no_more_room_than_those_who_stay() {
        let mut line = WaitQueue::default();
        let head = stand(&mut line);
        for stay in 1..100 {
            stand(&mut line);
            for _ in 0..100 {
                let turn = stand(&mut line);
                drop(line.remove(turn));
            }
            assert_eq!(line.len(), 1 + stay);
            assert!(line.waiters.len() <= 2 * line.len() + 1);
        }
        assert!(line.is_front(head));
    }

    #[test]
    fn an_empty_line_keeps_little_room() {
        let mut line = WaitQueue::default();
        let turns: Vec<_> = (0..1_000).map(|_| stand(&mut line)).collect();
        for turn in turns {
            drop(line.remove(turn));
        }
        assert!(line.is_empty());
        assert!(line.waiters.capacity() <= RETAINED_CAPACITY);
    }
}
