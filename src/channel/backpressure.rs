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
    /// The publisher goes past full windows: code of a handler might wait for its own handler.
    NeverWaits,
}

/// The rule that decides about a polled publisher.
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

    /// Returns the standing of a polled publisher, with its entry in the queue.
    pub(super) fn standing(&self, publisher: Publisher, key: Option<QueueKey>) -> Standing {
        if self.machine.is_closed() {
            Standing::Closed
        } else if publisher == Publisher::NeverWaits {
            Standing::PastWindows
        } else if key.is_some_and(|key| self.queue.has_place(key)) {
            Standing::Granted
        } else if !self.queue.has_sleeper_before(key)
            // All sleeping publishers wake when the blocking subscribers are overdue. The first to be
            // polled, perhaps the only one, must disconnect these subscribers.
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
        // A place is granted only if every window has room. So the overdue members block because of granted
        // places, and not of unread events: take a granted place over, and disconnect no subscriber.
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

    /// Returns whether a publisher without room takes over a granted place, once it has yielded to the
    /// publisher that was granted the place. A publisher behind a sleeping publisher waits.
    fn competes_with_granted(&self, key: Option<QueueKey>) -> bool {
        self.queue.granted() > 0
            && !self.queue.has_sleeper_before(key)
            // If reading would make room, leave the place to the grant monitor, which gives the granted
            // publisher more time.
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

    /// Ends the turn of the publishers that find room: this publisher is granted a place, and yields to the
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

    /// Queues the publisher awake, so that all tasks that are ready are polled once before this publisher
    /// takes over a granted place. The granted publishers may be among these tasks, or be kept without
    /// being polled.
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

    /// Queues the publisher by `enter`, and wakes its task, which is then polled after the tasks that are
    /// ready. `enter` returns the publisher's key, and its waker from an earlier poll.
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
            // The filter queues that block now are full for this publisher. Record that before the waker is
            // needed: without a waker, the next attempt may find the publisher behind others, which must not
            // wait for these queues.
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
            // The front may be kept without being polled, so all others check too, a little later.
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

    /// Grants each free place to the publisher that has waited longest without a place. Also wakes the
    /// front if its timer is set to another time than it must poll at.
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
                    // A read of a full filter queue may make room before the front is polled, so the read
                    // must be reported. The queue blocks the front as it blocks a permit, whose event is
                    // not known either.
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
