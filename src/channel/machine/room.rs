//! Room: whether a publisher has room, and the subscribers it waits for.
//!
//! The channel asks [`Machine::check_room`] for a publisher that is being polled, and
//! [`Machine::check_place`] for the first waiting publisher. Members with full windows become
//! blocking (see [`Blockers`](super::blockers::Blockers)), and report their next read. While a
//! publisher waits, [`Machine::start_clocks`] counts the time. Once every blocking member is
//! overdue, the publisher has room, and storing the event disconnects the blocking members.
//!
//! Permits and granted places reserve room: each takes as much as an unread event, in every window.

use super::{Machine, Members, Request};
use crate::channel::effects::Effects;
use crate::channel::subscriber::SubscriberState;
use crate::channel::subscriber::cursor::CursorState;
use crate::end_reason::DisconnectCause;
use crate::util::clock::Instant;

/// The room of an event to be stored, or of a permit to be given.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    /// Every window has room beside the reserved places, or is that of an overdue member.
    Free,
    /// A reserved place: that of a permit, or a granted place that was taken.
    Reserved,
    /// None: the event goes past full windows.
    PastWindows,
}

/// Whether there is a place for a publisher that waits and is not being polled.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// There is a place for any event.
    Free,
    /// There is none.
    Taken,
    /// The publisher must check in a poll of its own: there is room for some events only, or room
    /// would be made by disconnecting overdue members, or all of the capacity is reserved.
    Unknown,
}

impl<E> Machine<E> {
    /// Returns whether a publisher has what it requests: each lossless subscriber has room for
    /// another event or is overdue, and for a permit, fewer than `capacity` places are reserved.
    ///
    /// Filtered subscribers are checked separately, by `block_full_queues` and
    /// `block_all_full_queues`, before this.
    pub(crate) fn check_room(&mut self, request: Request, now: impl FnOnce() -> Instant) -> bool {
        self.block_full_readers();
        let is_bound = request == Request::Permit && !seeded_bug!("permits-exceed-capacity");
        if is_bound && self.is_fully_reserved() {
            return false;
        }
        self.blockers.is_empty() || self.are_all_overdue(now)
    }

    /// Returns whether a place can be granted to a publisher that is not being polled.
    #[inline]
    pub(crate) fn check_place(&mut self, request: Request, now: impl FnOnce() -> Instant) -> Place {
        self.block_full_readers();
        if !self.blockers.is_empty() {
            return if self.are_all_overdue(now) {
                Place::Unknown
            } else {
                Place::Taken
            };
        }
        match request {
            Request::Permit if self.is_fully_reserved() => Place::Taken,
            _ if self.can_grant() => Place::Free,
            _ => Place::Unknown,
        }
    }

    /// Returns whether a place can be granted for any event.
    #[inline]
    pub(crate) fn can_grant(&mut self) -> bool {
        self.blockers.is_empty() && !self.is_fully_reserved() && self.have_queues_room()
    }

    /// Finds the log readers without room for another event beside all reserved places, and makes
    /// them blocking.
    fn block_full_readers(&mut self) {
        let tail_and_reserved = self.log.tail() + self.reserved;
        while let Some(key) = self.lossless.pop_due(tail_and_reserved) {
            let Some(member) = self.current_number(key) else {
                continue;
            };
            let subscriber = &member.subscriber;
            let is_full = |cursor: CursorState| {
                cursor.position() + subscriber.window as u64 <= tail_and_reserved
            };
            // Check again after requesting reports: a read in between is not reported, and the
            // publisher would wait for ever.
            if is_full(subscriber.cursor.load()) && is_full(subscriber.cursor.request_reports()) {
                self.blockers.block(key, &mut self.members);
            } else {
                self.push_full_at(key);
            }
        }
    }

    /// Returns whether any member blocks publishers.
    pub(crate) fn has_blockers(&self) -> bool {
        !self.blockers.is_empty()
    }

    fn is_fully_reserved(&self) -> bool {
        self.reserved >= self.capacity
    }

    /// Returns whether all blocking members are overdue, and disconnecting them would give
    /// publishers room. While all of the capacity is reserved, only the use or the release of a
    /// reserved place gives room.
    pub(crate) fn are_all_overdue(&self, now: impl FnOnce() -> Instant) -> bool {
        !self.is_fully_reserved() && self.blockers.are_overdue(now)
    }

    /// Counts the time of the blocking members: a publisher waits for them. Returns when a waiting
    /// publisher must check again without being woken.
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
        self.timer()
    }

    /// Returns whether reading would not suffice to make room: only reserved places are left, of
    /// the capacity or of a window. Valid after [`start_clocks`](Self::start_clocks).
    pub(crate) fn is_held_by_reserved(&self) -> bool {
        self.is_fully_reserved() || self.blockers.has_untimed()
    }

    /// Returns when a waiting publisher must check again without being woken.
    pub(super) fn timer(&self) -> Option<Instant> {
        self.blockers.timer(!self.is_fully_reserved())
    }

    /// Stops the time of the blocking members: no publisher waits.
    pub(crate) fn pause(&mut self, now: impl FnOnce() -> Instant) {
        self.blockers.pause(now);
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
    }

    /// Gives a permit although the blocking members, if any, are overdue. These stay attached until
    /// the permit's event is stored, which may never happen.
    pub(super) fn permit_despite_overdue(&mut self, now: impl Fn() -> Instant) {
        self.overdue_at_permit.extend(self.blockers.numbers());
        self.unblock_queues(now);
    }

    /// Disconnects the log readers in `overdue_at_permit` without room for the event of a reserved
    /// place, which is about to be stored. (For filtered subscribers, `admits` decides, because only
    /// members with interest in the event need room.)
    #[inline]
    pub(super) fn disconnect_if_still_full(&mut self, effects: &mut Effects<E>) {
        if !self.overdue_at_permit.is_empty() {
            self.disconnect_still_full(effects);
        }
    }

    #[cold]
    fn disconnect_still_full(&mut self, effects: &mut Effects<E>) {
        let tail = self.log.tail();
        for key in self.overdue_at_permit.clone() {
            let member = self.member(key);
            if member.queue.is_none() && member.subscriber.full_at() <= tail {
                self.disconnect_overdue(key, effects);
            }
        }
    }

    /// Forgets that a member was overdue when a permit was given, if it has room beside all reserved
    /// places now.
    #[inline]
    pub(super) fn forgive_overdue(&mut self, key: u64) {
        if !self.overdue_at_permit.is_empty() && self.has_room_beside_reserved(key) {
            self.overdue_at_permit.remove(&key);
        }
    }

    fn has_room_beside_reserved(&self, key: u64) -> bool {
        let member = self.member(key);
        match member.queue {
            Some(_) => self.has_room(member),
            None => member.subscriber.full_at() > self.log.tail() + self.reserved,
        }
    }

    /// Returns whether the member was overdue when a permit was given, which may still be out.
    pub(super) fn was_overdue_at_permit(&self, key: u64) -> bool {
        self.overdue_at_permit.contains(&key)
    }

    // ---- Reserved places --------------------------------------------------------------------

    /// Forgets that members were overdue when a permit was given, if these have room beside all reserved
    /// places now, or if no place is reserved any more. A granted place counts, too: the permit may have
    /// taken its room.
    #[inline]
    pub(super) fn forgive_overdue_with_room(&mut self) {
        if !self.overdue_at_permit.is_empty() {
            self.forgive_all_with_room();
        }
    }

    #[cold]
    fn forgive_all_with_room(&mut self) {
        let mut overdue = std::mem::take(&mut self.overdue_at_permit);
        overdue.retain(|&key| self.reserved > 0 && !self.has_room_beside_reserved(key));
        self.overdue_at_permit = overdue;
    }

    /// Grants a place to a publisher, which has room for its event by that until it takes the place.
    /// There must be room for any event.
    #[inline]
    pub(crate) fn grant(&mut self) {
        self.reserved += 1;
        self.turns.grant(self.log.tail());
        self.assert_invariants();
    }

    /// Returns whether a publisher that finds room must yield to the granted publishers first.
    #[inline]
    pub(crate) fn is_turn_over(&self) -> bool {
        self.turns.is_over(self.log.tail())
    }

    /// Begins another turn.
    pub(crate) fn begin_turn(&mut self) {
        self.turns.begin(self.log.tail());
    }

    /// Counts a granted place as taken: it is like that of a permit now.
    #[inline]
    pub(crate) fn take_grant(&mut self) {
        self.turns.take();
    }

    /// Takes back a granted place whose publisher is rejected or has left.
    pub(crate) fn release_grant(&mut self) {
        self.turns.take();
        self.release_reserved(1);
    }

    /// Takes back all granted places.
    pub(super) fn release_all_grants(&mut self) {
        let granted = self.turns.take_all();
        self.release_reserved(granted);
    }

    /// Returns whether a new member with this window has no room for the reserved events, although
    /// some of these are only granted places.
    pub(crate) fn is_overgranted(&self, subscriber: &SubscriberState) -> bool {
        self.turns.granted() > 0
            && subscriber.overflow.is_lossless()
            && self.reserved > subscriber.window as u64
            && !seeded_bug!("joiner-keeps-grants")
    }

    /// Takes back a permit whose event will not be stored.
    pub(crate) fn release_permit(&mut self) {
        self.release_reserved(1);
    }

    fn release_reserved(&mut self, places: u64) {
        self.reserved -= places;
        self.forgive_overdue_with_room();
        let tail_and_reserved = self.log.tail() + self.reserved;
        // Unblock the readers to which the places had left no room. Unblocking moves the last
        // member to `index`, so `index` stays.
        let mut index = 0;
        while let Some(&key) = self.blockers.numbers().get(index) {
            let member = self.member(key);
            if member.queue.is_none() && member.subscriber.full_at() > tail_and_reserved {
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

    /// Removes the entry of the member `left`, if it is the newest, and the entries of all former members,
    /// if these outnumber the current members.
    pub(super) fn drop_stale_entries(&mut self, left: u64) {
        self.lossless.remove_newest(left);
        self.lossy.remove_newest(left);
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
