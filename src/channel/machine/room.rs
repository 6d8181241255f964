//! Room: whether a publisher has room, and the subscribers it waits for.
//!
//! The channel asks [`Machine::check_room`] for the publisher at the front of the wait queue.
//! Members with full windows become blocking (see [`Blockers`](super::blockers::Blockers)), and
//! report their next read. While the publisher waits, [`Machine::start_clocks`] counts the time.
//! Once every blocking member is overdue, the publisher has room, and storing the event
//! disconnects the blocking members.

use super::{Machine, Members, Request};
use crate::channel::effects::Effects;
use crate::channel::subscriber::cursor::CursorState;
use crate::end_reason::DisconnectCause;
use crate::subscriber_id::SubscriberId;
use crate::util::clock::Instant;

impl<E> Machine<E> {
    /// Returns whether a publisher has what it requests: each lossless subscriber has room for
    /// another event or is overdue, and for a permit, fewer than `capacity` are out.
    ///
    /// Filtered subscribers are checked separately, by `block_full_queues` and
    /// `block_all_full_queues`, before this.
    pub(crate) fn check_room(&mut self, request: Request, now: impl FnOnce() -> Instant) -> bool {
        self.block_full_readers();
        let is_bound = request == Request::Permit && !seeded_bug!("permits-exceed-capacity");
        if is_bound && self.reserved == self.capacity {
            return false;
        }
        self.blockers.is_empty() || self.overdue_helps() && self.blockers.are_overdue(now)
    }

    /// Finds the log readers without room for another event beside all permits, and makes them
    /// blocking.
    fn block_full_readers(&mut self) {
        let claimed = self.log.tail() + self.reserved;
        while let Some(id) = self.lossless.pop_due(claimed) {
            let Some(member) = self.current(id) else {
                continue;
            };
            let subscriber = &member.subscriber;
            let is_full =
                |cursor: CursorState| cursor.position() + subscriber.window as u64 <= claimed;
            // Check again after requesting reports: a read in between is not reported, and the
            // publisher would wait for ever.
            if is_full(subscriber.cursor.load()) && is_full(subscriber.cursor.request_reports()) {
                self.blockers.block(id.number, &mut self.members);
            } else {
                self.push_full_at(id.number);
            }
        }
    }

    /// Returns whether disconnecting every blocking member would give publishers room. While all
    /// of the capacity is reserved, only the use or the drop of a permit gives room.
    fn overdue_helps(&self) -> bool {
        self.reserved < self.capacity
    }

    /// Counts the time of the blocking members: a publisher waits for them. Returns when the front
    /// publisher must check again without being notified.
    pub(crate) fn start_clocks(&mut self, now: impl Fn() -> Instant) -> Option<Instant> {
        let tail = self.log.tail();
        let has_unread = |members: &Members<E>, key| {
            let member = members.get(key);
            let has_read_all = match &member.queue {
                Some(queue) => queue.len() == 0,
                None => member.subscriber.cursor.load().position() == tail,
            };
            !has_read_all || seeded_bug!("disconnects-for-permits")
        };
        self.blockers
            .start_clocks(&mut self.members, has_unread, now);
        self.blockers.timer(self.overdue_helps())
    }

    /// Stops the time of the blocking members: no publisher waits.
    pub(crate) fn pause(&mut self, now: impl FnOnce() -> Instant) {
        self.blockers.pause(now);
    }

    /// Returns whether handler `id` blocks publishers, and would also if only its `own` permits
    /// were out, which were given inside of the handler. Such permits and unread events hold room
    /// until the handler returns: a publisher inside of the handler would wait for itself. Other
    /// permits are used or dropped meanwhile.
    pub(crate) fn is_blocking_itself(&self, id: SubscriberId, own: u64) -> bool {
        self.find(id).is_some_and(|member| {
            member.blocker.is_blocking() && member.subscriber.full_at() <= self.log.tail() + own
        })
    }

    /// Ends the blocking of a member: it has read, has room again, or has left.
    pub(super) fn unblock(&mut self, key: u64) {
        self.blockers.unblock(key, &mut self.members);
    }

    // ---- Overdue members --------------------------------------------------------------------

    /// Disconnects the blocking members: all of them are overdue.
    pub(super) fn disconnect_all_overdue(&mut self, effects: &mut Effects<E>) {
        while let Some(&key) = self.blockers.numbers().last() {
            self.disconnect_overdue(key, effects);
        }
    }

    pub(super) fn disconnect_overdue(&mut self, key: u64, effects: &mut Effects<E>) {
        let id = self.member(key).subscriber.id;
        self.disconnect(id, DisconnectCause::Overdue, effects);
        #[cfg(feature = "tracing")]
        self.trace_left(id, DisconnectCause::Overdue, effects);
    }

    /// Gives a permit although the blocking members, if any, are overdue. These stay attached until
    /// the permit's event is stored, which may never happen.
    pub(super) fn pass_overdue(&mut self, now: impl Fn() -> Instant) {
        self.overdue_at_permit.extend(self.blockers.numbers());
        self.unblock_queues(now);
    }

    /// Disconnects the log readers in `overdue_at_permit` without room for the permit's event,
    /// which is about to be stored. (For filtered subscribers, `admits` decides, because only
    /// members with interest in the event need room.)
    pub(super) fn disconnect_passed(&mut self, effects: &mut Effects<E>) {
        let tail = self.log.tail();
        for key in self.overdue_at_permit.clone() {
            let member = self.member(key);
            if member.queue.is_none() && member.subscriber.full_at() <= tail {
                self.disconnect_overdue(key, effects);
            }
        }
    }

    /// Returns whether the member was overdue when a permit was given, which may still be out.
    pub(super) fn was_overdue_at_permit(&self, key: u64) -> bool {
        self.overdue_at_permit.contains(&key)
    }

    // ---- Permits ----------------------------------------------------------------------------

    /// Clears `overdue_at_permit` if no permit is out any more.
    pub(super) fn clear_overdue_at_permit(&mut self) {
        if self.reserved == 0 {
            self.overdue_at_permit.clear();
        }
    }

    /// Takes back a permit whose event will not be stored.
    pub(crate) fn release_reserved(&mut self) {
        self.reserved -= 1;
        self.clear_overdue_at_permit();
        let claimed = self.log.tail() + self.reserved;
        // Unblock the readers to which this permit had left no room. Unblocking moves the last
        // member to `index`, so `index` stays.
        let mut index = 0;
        while let Some(&key) = self.blockers.numbers().get(index) {
            let member = self.member(key);
            if member.queue.is_none() && member.subscriber.full_at() > claimed {
                self.unblock(key);
                self.push_full_at(key);
            } else {
                index += 1;
            }
        }
        self.unblock_queues_with_room();
        self.assert_invariants();
    }

    // ---- The index of full windows ----------------------------------------------------------

    /// Enters when the member's window becomes full, by its present position.
    pub(super) fn push_full_at(&mut self, key: u64) {
        let subscriber = &self.members.get(key).subscriber;
        if subscriber.overflow.is_lossless() {
            self.lossless.push(subscriber);
        } else {
            self.lossy.push(subscriber);
        }
    }

    /// Removes the entries of former members, if these outnumber the current members.
    pub(super) fn drop_stale_entries(&mut self) {
        let readers = self.members.readers();
        // Count the blocking readers: their entries come back when they unblock.
        let entries = self.lossless.len() + self.lossy.len() + self.blockers.readers();
        if entries > 2 * readers + 16 {
            self.lossless.retain(self.members.attached_lookup());
            self.lossy.retain(self.members.attached_lookup());
        }
        self.lossless.give_back(readers);
        self.lossy.give_back(readers);
    }
}
