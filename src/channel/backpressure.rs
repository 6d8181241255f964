//! Backpressure: admitting publishers, and granting places to the publishers that wait.
//!
//! A publisher is checked for room when it is polled and no publisher before it sleeps. Every step
//! that may make room, or that changes the first waiting publisher, ends with
//! [`State::serve_queue`]; a step without that call could leave a publisher asleep beside free
//! room.

use std::task::Waker;
use std::time::Duration;

use super::{Admission, State};
use crate::channel::effects::Effects;
use crate::channel::machine::{Place, Request, Room};
use crate::channel::subscriber::SubscriberState;
use crate::channel::wait_queue::{QueueKey, Removed, WaitQueue};
use crate::util::clock::Instant;

/// A publisher that waits in the queue if it must.
pub(super) struct QueueSlot<'a> {
    /// The publisher's entry, if it is queued.
    pub(super) key: &'a mut Option<QueueKey>,
    /// The waker of the publisher's task.
    pub(super) waker: &'a Waker,
    /// An owned clone of `waker`, if there is one.
    pub(super) spare: &'a mut Option<Waker>,
}

/// How long after the front the other waiting publishers check for overdue subscribers. Tokio's timers
/// have this resolution.
const GRACE: Duration = Duration::from_millis(1);

/// Whether a publisher waits for room.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Publisher {
    Waits,
    /// The publisher goes past full windows: what it waits for might wait for the publisher.
    NeverWaits,
}

/// What becomes of a publisher that is polled.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// The channel is closed.
    Closed,
    /// The publisher never waits.
    PastWindows,
    /// The publisher has a granted place.
    Granted,
    /// The publisher is admitted if there is room.
    Next,
    /// The publisher waits behind a sleeping publisher.
    Behind,
}

impl<E> State<E> {
    // ---- Admission --------------------------------------------------------------------------

    /// Returns what becomes of a publisher that is polled; `key` is its entry in the queue.
    pub(super) fn standing(&self, publisher: Publisher, key: Option<QueueKey>) -> Standing {
        if self.machine.is_closed() {
            Standing::Closed
        } else if publisher == Publisher::NeverWaits {
            Standing::PastWindows
        } else if key.is_some_and(|key| self.queue.has_place(key)) {
            Standing::Granted
        } else if !self.queue.has_sleeper_before(key)
            // All sleeping publishers wake when the blocking subscribers are overdue, and any of
            // these publishers may be polled first, or alone.
            || self.machine.are_all_overdue(Instant::now)
        {
            Standing::Next
        } else {
            Standing::Behind
        }
    }

    /// Admits the publisher, or queues it. `has_room` is for [`Standing::Next`]. Returns `None`, and
    /// changes nothing, if an owned waker is needed and `slot` has none.
    pub(super) fn try_admit(
        &mut self,
        request: Request,
        standing: Standing,
        has_room: bool,
        slot: &mut QueueSlot<'_>,
        effects: &mut Effects<E>,
    ) -> Option<Admission<Room>> {
        let mut room = match standing {
            Standing::Closed => {
                self.leave_queue(slot.key.take(), effects);
                return Some(Admission::Closed);
            }
            Standing::PastWindows => Room::PastWindows,
            Standing::Granted => {
                let key = slot.key.take();
                let has_place = key.is_some_and(|key| self.queue.take_place(key));
                debug_assert!(has_place, "a granted publisher has a place");
                self.machine.take_grant();
                return Some(Admission::Done(Room::Reserved));
            }
            Standing::Next if has_room => Room::Free,
            Standing::Next | Standing::Behind => {
                let deadline = self.machine.start_clocks(Instant::now);
                // The blocking subscribers may be overdue as soon as a publisher waits.
                let is_overdue = deadline.is_some() && self.machine.are_all_overdue(Instant::now);
                if is_overdue && standing == Standing::Next {
                    // A permit keeps the blocking subscribers, whose clocks have just started.
                    self.pause_if_none_waits();
                    Room::Free
                } else if !self.competes_with_granted(*slot.key) {
                    return self.sleep(request, standing, deadline, slot, effects);
                } else if slot.key.is_some_and(|key| self.queue.take_over(key)) {
                    self.take_displaced()
                } else {
                    return self.yield_to_granted(request, slot, effects);
                }
            }
        };
        // A place is granted only if every window has room for it. So the overdue members have room but
        // for granted places: take one over, and disconnect nobody.
        if room == Room::Free && self.has_room_but_for_grants() {
            self.queue.displace(self.queue.next_grant());
            room = self.take_displaced();
        }
        if room == Room::Free && self.machine.is_turn_over() && self.machine.can_grant() {
            return self.yield_turn(request, slot, effects);
        }
        self.leave_queue(slot.key.take(), effects);
        Some(Admission::Done(room))
    }

    /// Returns whether a publisher without room is to take over a granted place, after yielding once
    /// to the publisher that has the place. It overtakes no sleeping publisher.
    fn competes_with_granted(&self, key: Option<QueueKey>) -> bool {
        self.queue.granted() > 0
            && !self.queue.has_sleeper_before(key)
            // While reading makes room as well, the grant monitor waits longer than a publisher can.
            && (self.machine.is_held_by_reserved() || !self.can_monitor_grants())
    }

    /// Takes the place of a publisher that was just displaced.
    fn take_displaced(&mut self) -> Room {
        // No publisher waits for the filter queues just found full.
        self.machine.unblock_queues(Instant::now);
        self.machine.take_grant();
        Room::Reserved
    }

    /// Returns whether members block publishers beside granted places.
    pub(super) fn has_room_but_for_grants(&self) -> bool {
        self.machine.has_blockers() && self.queue.granted() > 0
    }

    /// Ends the turn of the publishers that find room: this one gets a place, and yields to the
    /// publishers that were granted places before.
    fn yield_turn(
        &mut self,
        request: Request,
        slot: &mut QueueSlot<'_>,
        effects: &mut Effects<E>,
    ) -> Option<Admission<Room>> {
        let queued =
            self.yield_once(slot, effects, |queue, key| queue.grant_polled(key, request))?;
        self.machine.grant();
        self.machine.begin_turn();
        self.pause_if_none_waits();
        Some(queued)
    }

    /// Queues the publisher awake. Places are granted and not taken yet, perhaps to publishers that
    /// are kept without being polled. The tasks that are ready are polled once, before this publisher
    /// takes over a place.
    fn yield_to_granted(
        &mut self,
        request: Request,
        slot: &mut QueueSlot<'_>,
        effects: &mut Effects<E>,
    ) -> Option<Admission<Room>> {
        let queued = self.yield_once(slot, effects, |queue, key| {
            queue.yield_to_granted(key, request)
        })?;
        self.checked = *slot.key;
        Some(queued)
    }

    /// Queues the publisher by `enter`, and wakes its task, so that it is polled after the tasks that
    /// are ready. `enter` returns the publisher's key, and the waker that it had left.
    fn yield_once(
        &mut self,
        slot: &mut QueueSlot<'_>,
        effects: &mut Effects<E>,
        enter: impl FnOnce(&mut WaitQueue, Option<QueueKey>) -> (QueueKey, Option<Waker>),
    ) -> Option<Admission<Room>> {
        let waker = slot.spare.take()?;
        let (key, old) = enter(&mut self.queue, *slot.key);
        *slot.key = Some(key);
        effects.drop_waker(old);
        effects.wake(Some(waker));
        Some(Admission::Queued { deadline: None })
    }

    /// Queues the publisher asleep, or replaces its waker.
    fn sleep(
        &mut self,
        request: Request,
        standing: Standing,
        mut deadline: Option<Instant>,
        slot: &mut QueueSlot<'_>,
        effects: &mut Effects<E>,
    ) -> Option<Admission<Room>> {
        if standing == Standing::Next {
            // The queues that block are now those of this publisher. Before the waker: without one, the
            // next attempt may find that it is behind others, which must not wait for these queues.
            self.stalled.is_unchecked = false;
            self.checked = *slot.key;
        }
        let queue = &mut self.queue;
        let key = match *slot.key {
            Some(key) if queue.would_wake(key, slot.waker) => key,
            key => {
                let (key, old) = queue.sleep(key, request, slot.spare.take()?);
                effects.drop_waker(old);
                key
            }
        };
        *slot.key = Some(key);
        if !queue.set_timer(key, deadline) {
            // The front may be kept without being polled. All others check a little later.
            deadline = deadline.and_then(|deadline| deadline.checked_add(GRACE));
        }
        if standing == Standing::Next {
            self.checked = Some(key);
        }
        #[cfg(feature = "rt")]
        {
            self.note_sleeper();
            self.monitor_grants(effects);
        }
        Some(Admission::Queued { deadline })
    }

    // ---- Grants -----------------------------------------------------------------------------

    /// Grants every free place to the publisher that has waited longest without one. Also wakes
    /// the front if it must poll at another time than its timer is set to.
    #[inline]
    pub(super) fn serve_queue(&mut self, effects: &mut Effects<E>) {
        if !self.queue.has_no_waiters() || self.checked.is_some() {
            self.serve_waiters(effects);
        }
        self.notify_if_none_queued(effects);
    }

    fn serve_waiters(&mut self, effects: &mut Effects<E>) {
        // A closed channel rejects every waiter, and all of them are awake.
        if self.machine.is_closed() {
            return;
        }
        let was_unchecked = std::mem::take(&mut self.stalled.is_unchecked);
        loop {
            let front = self.queue.front();
            if front != self.checked {
                // The event of the front may concern other filters.
                self.checked = None;
                self.machine.unblock_queues(Instant::now);
            }
            let Some(front) = front else { break };
            match self.machine.check_place(front.request, Instant::now) {
                Place::Free => {
                    self.machine.grant();
                    effects.wake(self.queue.grant_front());
                    continue;
                }
                Place::Unknown => {
                    self.stalled.is_unchecked = true;
                    effects.wake(self.queue.wake_front());
                    // Reading a full filter queue may make room for the front, or for those behind
                    // it, before the front is polled: have it reported. The queue blocks the front as
                    // it blocks a permit, whose event is not known either.
                    if !self.machine.has_blockers() {
                        self.machine.block_all_full_queues(Instant::now);
                        self.machine.start_clocks(Instant::now);
                        self.checked = Some(front);
                    }
                }
                Place::Taken => {
                    // The front may wait for subscribers that have begun to block meanwhile.
                    let deadline = self.machine.start_clocks(Instant::now);
                    if deadline.is_some_and(|deadline| !self.queue.has_timer(deadline)) {
                        self.stalled.is_unchecked = true;
                        effects.wake(self.queue.wake_front());
                    }
                    // The filter queues that block the front may not concern the sleeping publishers.
                    self.stalled.is_unchecked |= was_unchecked && self.queue.is_front_awake();
                }
            }
            break;
        }
        self.pause_if_none_waits();
        #[cfg(feature = "rt")]
        self.monitor_grants(effects);
    }

    /// Takes back the granted places for which a new member has no room.
    pub(super) fn revoke_grants(&mut self, joined: &SubscriberState) {
        while self.machine.is_overgranted(joined) {
            self.queue.revoke_last();
            self.machine.release_grant();
        }
    }

    /// Takes a publisher out of the queue, if it is queued: it is admitted or rejected, or gives up.
    pub(super) fn leave_queue(&mut self, key: Option<QueueKey>, effects: &mut Effects<E>) {
        let Some(key) = key else { return };
        match self.queue.remove(key) {
            Removed::Waiter(waker) => effects.drop_waker(waker),
            Removed::Place if seeded_bug!("dropped-grant-keeps-place") => {}
            Removed::Place => self.machine.release_grant(),
        }
        self.pause_if_none_waits();
    }

    /// Stops the clocks of blocking subscribers while no publisher waits for them.
    fn pause_if_none_waits(&mut self) {
        if self.queue.has_no_waiters() {
            self.machine.pause(Instant::now);
            #[cfg(feature = "rt")]
            self.note_no_waiters();
        }
    }
}
