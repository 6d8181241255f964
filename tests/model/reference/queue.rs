//! The queue of publishers: granted places, and the woken publishers.

use std::task::Poll;

use super::{CallId, Progress, Reference, Room, Standing, Who, Wish};

/// How many milliseconds after the front the other waiters check for overdue subscribers.
const GRACE: u64 = 1;

impl Reference {
    fn standing(&self, id: CallId) -> Option<Standing> {
        match self.calls[id].progress {
            Progress::Queued(standing) => Some(standing),
            _ => None,
        }
    }

    fn set_standing(&mut self, id: CallId, standing: Standing) {
        self.calls[id].progress = Progress::Queued(standing);
    }

    pub(super) fn queued(&self, is_wanted: impl Fn(Standing) -> bool) -> Vec<CallId> {
        let mut queued = self.queue.clone();
        queued.retain(|&id| self.standing(id).is_some_and(&is_wanted));
        queued
    }

    /// The publishers with a granted place.
    pub(super) fn granted(&self) -> Vec<CallId> {
        self.queued(|standing| matches!(standing, Standing::Granted(_)))
    }

    /// The publishers without a place.
    pub(super) fn waiters(&self) -> Vec<CallId> {
        self.queued(|standing| matches!(standing, Standing::Asleep | Standing::Awake))
    }

    pub(super) fn has_sleepers(&self) -> bool {
        !self
            .queued(|standing| standing == Standing::Asleep)
            .is_empty()
    }

    /// Whether an earlier waiter than this publisher sleeps.
    fn has_sleeper_before(&self, id: CallId) -> bool {
        let before = self.queue.iter().take_while(|&&queued| queued != id);
        let mut standings = before.map(|&queued| self.standing(queued));
        standings.any(|standing| standing == Some(Standing::Asleep))
    }

    /// How many publishers are queued.
    pub(crate) fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Whether the longest waiting publisher was woken, and not polled since.
    pub(crate) fn is_front_notified(&self) -> bool {
        let front = self.waiters().first().copied();
        let front = front.and_then(|front| self.standing(front));
        !self.granted().is_empty() || front == Some(Standing::Awake)
    }

    // ---- Polling a publisher -------------------------------------------------------------

    /// Queues the publisher, or returns its room; `None` if the manager is closed.
    pub(super) fn poll_room(&mut self, id: CallId) -> Poll<Option<Room>> {
        self.calls[id].alarm = None;
        if self.closed {
            self.remove(id);
            return Poll::Ready(None);
        }
        if let Some(Standing::Granted(_)) = self.standing(id) {
            self.evaluate_call(id);
            self.remove(id);
            return Poll::Ready(Some(Room::Granted));
        }
        let is_first = !self.has_sleeper_before(id);
        // All sleepers are woken when the blocking subscribers are overdue.
        let is_next = is_first || self.are_all_overdue();
        if is_next {
            self.evaluate_call(id);
        }
        if is_next && (self.check(self.wish(id)) || self.are_overdue_at_once()) {
            if self.has_room_but_for_grants() {
                self.displace(self.grants);
                self.unblock_filtered();
                self.remove(id);
                return Poll::Ready(Some(Room::Granted));
            }
            if self.is_turn_over() && self.can_grant() {
                self.yield_turn(id);
                return Poll::Pending;
            }
            self.remove(id);
            return Poll::Ready(Some(Room::Free));
        }
        if is_first && self.competes_with_granted() {
            if self.takes_over(id) {
                self.unblock_filtered();
                self.remove(id);
                return Poll::Ready(Some(Room::Granted));
            }
            self.yield_to_granted(id);
            return Poll::Pending;
        }
        if is_next {
            self.stalled.is_unchecked = false;
        }
        self.sleep(id);
        if is_next {
            self.checked = Some(id);
        }
        Poll::Pending
    }

    /// Whether subscribers block publishers beside granted places.
    pub(super) fn has_room_but_for_grants(&self) -> bool {
        !self.blocking().is_empty() && !self.granted().is_empty()
    }

    /// The publisher gets a place, and wakes itself.
    fn yield_turn(&mut self, id: CallId) {
        self.enter(id);
        self.grant(id);
        self.turn_began = self.published();
        self.calls[id].woken = true;
    }

    /// The publisher waits, and wakes itself.
    fn yield_to_granted(&mut self, id: CallId) {
        self.enter(id);
        self.wake(id);
        self.calls[id].woken = true;
        self.calls[id].yielded_to = Some(self.grants);
        self.checked = Some(id);
    }

    fn sleep(&mut self, id: CallId) {
        self.enter(id);
        self.set_standing(id, Standing::Asleep);
        self.start_clocks();
        let end = self.end_of_limits();
        if self.waiters()[0] == id {
            self.timer = end.map(|end| (id, end));
            self.calls[id].alarm = end;
        } else {
            self.calls[id].alarm = end.map(|end| end + GRACE);
        }
        self.monitor_grants();
    }

    /// Queues the publisher as a waiter, at its position.
    fn enter(&mut self, id: CallId) {
        if !self.queue.contains(&id) {
            self.queue.push(id);
        }
        if !matches!(self.standing(id), Some(Standing::Asleep | Standing::Awake)) {
            self.set_standing(id, Standing::Awake);
            self.calls[id].yielded_to = None;
            if self.waiters()[0] == id {
                self.timer = None;
            }
        }
    }

    fn remove(&mut self, id: CallId) {
        self.queue.retain(|&queued| queued != id);
        self.calls[id].progress = Progress::Lazy;
    }

    /// Whether a publisher must yield, in spite of free room, to the granted publishers: these and
    /// this publisher share the smallest window.
    fn is_turn_over(&self) -> bool {
        let granted = self.granted().len();
        let lossless = self
            .attached()
            .into_iter()
            .filter(|&who| self.is_lossless(who));
        let windows = lossless.map(|who| self.readers[who].window);
        let turn = (windows.min().unwrap_or(self.capacity) / (granted + 1)).max(1);
        granted > 0 && self.turn_began + turn <= self.published()
    }

    /// Whether a publisher without room takes over a granted place, after yielding. In a runtime, a
    /// publisher takes over only if no reading would make room.
    fn competes_with_granted(&self) -> bool {
        !self.granted().is_empty() && (self.is_held_by_reserved() || !self.in_runtime)
    }

    /// Takes over the first place, if the place was granted before this publisher yielded.
    fn takes_over(&mut self, id: CallId) -> bool {
        let yielded_to = self.calls[id].yielded_to;
        yielded_to.is_some_and(|yielded_to| self.displace(yielded_to))
    }

    /// Takes the first granted place from its publisher, if the place is among the first `grants`.
    pub(super) fn displace(&mut self, grants: usize) -> bool {
        let Some(&first) = self.granted().first() else {
            return false;
        };
        let is_old = self.standing(first).is_some_and(
            |standing| matches!(standing, Standing::Granted(number) if number < grants),
        );
        if is_old {
            self.set_standing(first, Standing::Displaced);
        }
        is_old
    }

    // ---- The other publishers ---------------------------------------------------------------

    /// Whether a place can be granted, for any event.
    fn can_grant(&self) -> bool {
        self.blocking().is_empty() && !self.is_fully_reserved() && self.have_filters_room()
    }

    /// Gives a place to a queued publisher.
    fn grant(&mut self, id: CallId) {
        if self.granted().is_empty() {
            self.turn_began = self.published();
        }
        self.wake(id);
        self.calls[id].yielded_to = None;
        self.set_standing(id, Standing::Granted(self.grants));
        self.grants += 1;
    }

    pub(super) fn wake(&mut self, id: CallId) {
        if self.standing(id) == Some(Standing::Asleep) {
            self.set_standing(id, Standing::Awake);
            self.calls[id].woken = true;
            self.timer = self.timer.filter(|&(front, _)| front != id);
        }
    }

    /// Grants each free place to the first waiter. If there is none, the first waiter may have to
    /// check for itself, or to set its timer.
    pub(super) fn serve(&mut self) {
        if self.closed {
            return;
        }
        let was_unchecked = std::mem::take(&mut self.stalled.is_unchecked);
        loop {
            let front = self.waiters().first().copied();
            if front != self.checked {
                // The event of the front may concern other filters.
                self.checked = None;
                self.unblock_filtered();
            }
            let Some(front) = front else { break };
            self.block_full_readers();
            let is_bound = matches!(self.wish(front), Wish::Permit) && self.is_fully_reserved();
            if self.can_grant() {
                self.grant(front);
                continue;
            }
            if self.blocking().is_empty() && !is_bound || self.are_all_overdue() {
                self.stalled.is_unchecked = true;
                self.wake(front);
                if self.blocking().is_empty() {
                    self.block_full_filtered();
                    self.start_clocks();
                    self.checked = Some(front);
                }
            } else {
                self.start_clocks();
                let end = self.end_of_limits().map(|end| (front, end));
                if end.is_some() && end != self.timer {
                    self.stalled.is_unchecked = true;
                    self.wake(front);
                }
                let is_awake = self.standing(front) == Some(Standing::Awake);
                self.stalled.is_unchecked |= was_unchecked && is_awake;
            }
            break;
        }
        self.monitor_grants();
    }

    /// Takes back the newest places for which a new subscriber has no room.
    pub(super) fn revoke_grants(&mut self, who: Who) {
        let window = self.readers[who].window;
        while self.is_lossless(who) && self.reserved() > window {
            let Some(&newest) = self.granted().last() else {
                break;
            };
            self.enter(newest);
            self.unblock_with_room();
        }
    }

    /// Removes a dropped or timed-out publisher.
    pub(super) fn leave_queue(&mut self, id: CallId) {
        if self.queue.contains(&id) {
            self.remove(id);
            self.unblock_with_room();
            self.serve();
        }
    }

    pub(crate) fn close(&mut self) {
        self.closed = true;
        for id in self.granted() {
            self.set_standing(id, Standing::Displaced);
        }
        for id in self.waiters() {
            self.wake(id);
        }
        self.unblock_with_room();
    }

    // ---- Promises ---------------------------------------------------------------------------

    /// Whether the first publisher sleeps in spite of room: a lost wake-up.
    pub(crate) fn has_lost_wakeup(&self) -> bool {
        let first = self.queue.first().filter(|&&first| self.sleeps(first));
        first.is_some_and(|&first| self.has_room(self.wish(first), self.reserved()))
    }

    /// Whether a publisher sleeps although the waiters up to it need no reader: they would have room
    /// without the granted places. Such a publisher waits for publishers alone, which may never be
    /// polled.
    pub(crate) fn is_held_up(&self) -> bool {
        let needs_reader = |&id: &CallId| {
            let wish = self.wish(id);
            let has_unread = |&who: &Who| !self.readers[who].unread.is_empty();
            let mut full = self.full(wish, self.reserved()).into_iter();
            !self.has_room(wish, self.permits) || full.any(|who| has_unread(&who))
        };
        let waiters = self.waiters().into_iter();
        let mut unhindered = waiters.take_while(|id| !needs_reader(id));
        unhindered.any(|id| self.sleeps(id))
    }

    /// Whether the publisher sleeps, and its timer has not fired.
    fn sleeps(&self, id: CallId) -> bool {
        self.standing(id) == Some(Standing::Asleep) && !self.calls[id].woken
    }
}
