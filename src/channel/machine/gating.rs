//! Who is in the way of publishers, since when, and for how long they may be.

use std::time::Duration;

use super::{MEMBER, Machine, Member, Request, Room, Waited};
use crate::channel::effects::Effects;
use crate::channel::subscriber::cursor::CursorState;
use crate::end_reason::DisconnectCause;
use crate::subscriber_id::SubscriberId;
use crate::util::clock::Instant;

impl<E> Member<E> {
    /// What the clock will tell when publishers have waited long enough for it to take an event,
    /// if they may not wait for ever, and one has begun to wait for what it has not read.
    fn deadline(&self) -> Option<Duration> {
        let patience = self.subscriber.overflow.max_wait()?;
        self.waited?.end(patience)
    }
}

impl<E> Machine<E> {
    /// Whether publishers wait for handler `id`, as far as was looked, and would wait for it also if
    /// of all permits only `own` were out, which the handler has. Other permits are used or dropped
    /// without it; its own, and its unread events, hold room until the handler goes on.
    pub(crate) fn is_blocking_itself(&self, id: SubscriberId, own: u64) -> bool {
        self.find(id).is_some_and(|member| {
            member.blocking.is_some() && member.subscriber.full_at() <= self.log.tail() + own
        })
    }

    /// Whether every waiting subscriber has room for one more event, and for a permit, whether a
    /// place is left to promise. Subscribers that have no room are watched from now on, and report
    /// when they read on.
    pub(crate) fn room(&mut self, claim: Request, now: impl FnOnce() -> Instant) -> Room {
        let claimed = self.log.tail() + self.reserved;
        while let Some(id) = self.lossless.pop_due(claimed) {
            let Some(member) = self.current(id) else {
                continue;
            };
            let full =
                |word: CursorState| word.position() + member.subscriber.window as u64 <= claimed;
            if full(member.subscriber.cursor.load())
                && full(member.subscriber.cursor.request_reports())
            {
                self.block(id.number);
            } else {
                self.push_limit(id.number);
            }
        }
        let is_bound = claim == Request::Permit && !seeded_bug!("permits-without-bound");
        if is_bound && self.reserved == self.capacity {
            Room::Full
        } else if self.blocking.is_empty() {
            Room::Free
        } else if self
            .latest_deadline()
            .is_some_and(|end| end <= self.clock.read(now))
        {
            Room::Overdue
        } else {
            Room::Full
        }
    }

    /// Publishers wait for those in the way, from now on or already. Gives when the head of the
    /// line must look at the clock: when all of these will have had their time, if that is limited
    /// for every one.
    pub(crate) fn start_clocks(&mut self, now: impl Fn() -> Instant) -> Option<Instant> {
        if seeded_bug!("patience-restarts") {
            self.deadlines.clear();
            (self.timed, self.checked_to) = (0, 0);
        }
        if self.timed > 0 && !self.clock.is_running() {
            // Nobody has waited for these for a while.
            self.clock.start(&now);
        }
        let tail = self.log.tail();
        // Those that were looked at since the newest event was stored have no more to read.
        let looked = if self.checked_at == tail {
            self.checked_to
        } else {
            0
        };
        for index in looked.max(self.timed)..self.blocking.len() {
            let key = self.blocking[index];
            let member = self.members.get_mut(key).expect(MEMBER);
            // One that has read everything is not to blame: permits hold its room.
            let has_read_all = match &member.queue {
                Some(lane) => lane.len() == 0,
                None => member.subscriber.cursor.load().position() == tail,
            };
            if has_read_all && !seeded_bug!("permits-blamed-on-readers") {
                continue;
            }
            let waited = Waited {
                before: Duration::ZERO,
                since: self.clock.start(&now),
            };
            self.start_clock(index, waited);
        }
        (self.checked_to, self.checked_at) = (self.blocking.len(), tail);
        self.next_timer()
    }

    /// When the head of the line must look at the clock.
    #[cfg(not(all(feature = "tracing", feature = "rt")))]
    fn next_timer(&self) -> Option<Instant> {
        self.clock.moment(self.latest_deadline()?)
    }

    /// Publishers wait for the blocking member at `index`.
    #[inline]
    fn start_clock(&mut self, index: usize, waited: Waited) {
        let key = self.blocking[index];
        let member = self.members.get_mut(key).expect(MEMBER);
        member.waited = Some(waited);
        if let Some(end) = member.deadline() {
            self.deadlines.insert((end, key));
        }
        if index != self.timed {
            self.swap_blocking(index, self.timed);
        }
        self.timed += 1;
        #[cfg(all(feature = "tracing", feature = "rt"))]
        self.plan_warning(key);
    }

    /// No publisher waits any more: the time of those in the way stands still, also if they were
    /// in the way of the last one. It is kept until they take something or have room.
    pub(crate) fn pause(&mut self, now: impl FnOnce() -> Instant) {
        if self.clock.is_running() && !seeded_bug!("idle-time-counts") {
            self.clock.stop(now);
        }
    }

    #[cold]
    fn swap_blocking(&mut self, one: usize, other: usize) {
        self.blocking.swap(one, other);
        for index in [one, other] {
            let key = self.blocking[index];
            self.member_mut(key).blocking = Some(index);
        }
    }

    /// What the clock will tell when all that are in the way have had their time; `None` if one of
    /// them has no limit, or nobody has begun to wait for it, or permits have every place, which no
    /// time gives back.
    pub(super) fn latest_deadline(&self) -> Option<Duration> {
        if self.reserved == self.capacity {
            return None;
        }
        let &(last, _) = self.deadlines.last()?;
        (self.deadlines.len() == self.blocking.len()).then_some(last)
    }

    /// Those in the way have had their time.
    pub(super) fn disconnect_all_overdue(&mut self, effects: &mut Effects<E>) {
        while let Some(&key) = self.blocking.last() {
            self.disconnect_overdue(key, effects);
        }
    }

    pub(super) fn disconnect_overdue(&mut self, key: u64, effects: &mut Effects<E>) {
        let id = self.member(key).subscriber.id;
        self.disconnect(id, DisconnectCause::Overdue, effects);
        #[cfg(feature = "tracing")]
        self.trace_left(id, DisconnectCause::Overdue, effects);
    }

    /// A permit is given, and those in the way have had their time. Its event may never be stored,
    /// so they stay until it is.
    pub(super) fn pass_by(&mut self, now: impl Fn() -> Instant) {
        self.overdue_at_permit.extend(&self.blocking);
        self.unblock_queues(now);
    }

    /// The event of a permit comes: those that the permit was given past, and that have made no
    /// room for it since, must not hold more than their windows. (Those with a lane are looked at
    /// when it is known to concern them.)
    pub(super) fn clear_the_passed(&mut self, effects: &mut Effects<E>) {
        let tail = self.log.tail();
        for key in self.overdue_at_permit.clone() {
            let member = self.member(key);
            if member.queue.is_none() && member.subscriber.full_at() <= tail {
                self.disconnect_overdue(key, effects);
            }
        }
    }

    /// Whether its time was up when a permit was given that may still be out.
    pub(super) fn was_overdue_at_permit(&self, key: u64) -> bool {
        self.overdue_at_permit.contains(&key)
    }

    /// One permit less is out, and maybe none.
    pub(super) fn forget_passed(&mut self) {
        if self.reserved == 0 {
            self.overdue_at_permit.clear();
        }
    }

    /// A promised place is not needed.
    pub(crate) fn release_reserved(&mut self) {
        self.reserved -= 1;
        self.forget_passed();
        let claimed = self.log.tail() + self.reserved;
        let mut index = 0;
        while let Some(&key) = self.blocking.get(index) {
            let member = self.member(key);
            if member.queue.is_none() && member.subscriber.full_at() > claimed {
                self.unblock(key);
                self.push_limit(key);
            } else {
                index += 1;
            }
        }
        self.unblock_queues_with_room();
        self.assert_invariants();
    }

    /// Notes when the member will be at its limit, if it reads nothing until then.
    pub(super) fn push_limit(&mut self, key: u64) {
        let place = &self.members.get(key).expect(MEMBER).subscriber;
        if place.overflow.is_lossless() {
            self.lossless.push(place);
        } else {
            self.lossy.push(place);
        }
    }

    /// The member is in the way of publishers.
    #[inline]
    pub(super) fn block(&mut self, key: u64) {
        let index = self.blocking.len();
        self.blocking.push(key);
        let member = self.members.get_mut(key).expect(MEMBER);
        member.blocking = Some(index);
        self.blocking_queue_count += usize::from(member.queue.is_some());
    }

    /// The member that has come into the way, the last of these, was in that of another publisher
    /// before and has taken nothing since: its time goes on where it stood.
    pub(super) fn resume(&mut self, key: u64, now: impl FnOnce() -> Instant) {
        if let Some(waited) = self.member(key).waited {
            self.suspended.remove(&key);
            let since = self.clock.read(now);
            self.start_clock(self.blocking.len() - 1, Waited { since, ..waited });
        }
    }

    /// The member is not, or no longer: it took an event, has room again, or left.
    pub(super) fn unblock(&mut self, key: u64) {
        #[cfg(all(feature = "tracing", feature = "rt"))]
        self.cancel_warning(key);
        let member = self.members.get_mut(key).expect(MEMBER);
        let Some(mut index) = member.blocking.take() else {
            if member.waited.take().is_some() {
                self.suspended.remove(&key);
            }
            return;
        };
        if let Some(end) = member.deadline() {
            self.deadlines.remove(&(end, key));
        }
        member.waited = None;
        self.blocking_queue_count -= usize::from(member.queue.is_some());
        // Mostly it is one alone.
        if self.blocking.len() == 1 {
            self.blocking.clear();
            (self.timed, self.checked_to) = (0, 0);
            self.clock.halt();
            return;
        }
        if index < self.timed {
            self.timed -= 1;
            if self.timed == 0 {
                self.clock.halt();
            }
            if index != self.timed {
                self.swap_blocking(index, self.timed);
                self.member_mut(key).blocking = None;
                index = self.timed;
            }
        }
        self.reset_checked(index);
        self.blocking.swap_remove(index);
        if let Some(&moved) = self.blocking.get(index) {
            self.member_mut(moved).blocking = Some(index);
        }
    }

    /// The last of the blocking members comes to this index: if it was not looked at, the next look
    /// begins there.
    fn reset_checked(&mut self, index: usize) {
        let last = self.blocking.len() - 1;
        let all_looked_at = last < self.checked_to;
        self.checked_to = self
            .checked_to
            .min(if all_looked_at { last } else { index });
    }

    /// Those who left stay in the limits until they outnumber the others.
    pub(super) fn drop_stale_entries(&mut self) {
        // Those that are in the way come back to the limits. Those with a lane do not.
        let away = self.blocking.len() - self.blocking_queue_count;
        if self.lossless.len() + self.lossy.len() + away > 2 * self.attached + 16 {
            let mut members = self.members.in_turn();
            let mut is_current = |number| members(number).is_some_and(|member| member.attached);
            self.lossless.retain(&mut is_current);
            self.lossy.retain(is_current);
        }
        self.lossless.give_back(self.attached);
        self.lossy.give_back(self.attached);
    }
}
