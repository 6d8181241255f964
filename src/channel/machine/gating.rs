//! Who is in the way of publishers, since when, and for how long they may be.

use std::time::Duration;

use super::{Claim, MEMBER, Member, Ring, Room, Waited};
use crate::channel::effects::Effects;
use crate::channel::subscriber::cursor::Word;
use crate::end_reason::DisconnectCause;
use crate::subscriber_id::SubscriberId;
use crate::util::clock::Instant;

impl<E> Member<E> {
    /// What the clock will tell when publishers have waited long enough for it to take an event,
    /// if they may not wait for ever, and one has begun to wait for what it has not read.
    fn end(&self) -> Option<Duration> {
        let patience = self.place.overflow.patience()?;
        self.waited?.end(patience)
    }
}

impl<E> Ring<E> {
    /// Whether publishers wait for handler `id`, as far as was looked, and would wait for it also if
    /// of all permits only `own` were out, which the handler has. Other permits are used or dropped
    /// without it; its own, and its unread events, hold room until the handler goes on.
    pub(crate) fn is_blocking_itself(&self, id: SubscriberId, own: u64) -> bool {
        self.find(id).is_some_and(|member| {
            member.blocking.is_some() && member.place.limit() <= self.log.tail() + own
        })
    }

    /// Whether every waiting subscriber has room for one more event, and for a permit, whether a
    /// place is left to promise. Subscribers that have no room are watched from now on, and report
    /// when they read on.
    pub(crate) fn room(&mut self, claim: Claim, now: impl FnOnce() -> Instant) -> Room {
        let claimed = self.log.tail() + self.reserved;
        while let Some(id) = self.waits.pop_due(claimed) {
            let Some(member) = self.current(id) else {
                continue;
            };
            let full = |word: Word| word.position() + member.place.window as u64 <= claimed;
            if full(member.place.cursor.load()) && full(member.place.cursor.watch()) {
                self.block(id.number);
            } else {
                self.push_limit(id.number);
            }
        }
        let is_bound = claim == Claim::Permit && !planted!("permits-without-bound");
        if is_bound && self.reserved == self.capacity {
            Room::Full
        } else if self.blocking.is_empty() {
            Room::Free
        } else if self
            .last_end()
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
    pub(crate) fn hold(&mut self, now: impl Fn() -> Instant) -> Option<Instant> {
        if planted!("patience-restarts") {
            self.ends.clear();
            (self.held, self.looked) = (0, 0);
        }
        if self.held > 0 && !self.clock.is_running() {
            // Nobody has waited for these for a while.
            self.clock.start(&now);
        }
        let tail = self.log.tail();
        // Those that were looked at since the newest event was stored have no more to read.
        let looked = if self.looked_at == tail {
            self.looked
        } else {
            0
        };
        for index in looked.max(self.held)..self.blocking.len() {
            let key = self.blocking[index];
            let member = self.members.get_mut(key).expect(MEMBER);
            // One that has read everything is not to blame: permits hold its room.
            let has_read_all = match &member.lane {
                Some(lane) => lane.len() == 0,
                None => member.place.cursor.load().position() == tail,
            };
            if has_read_all && !planted!("permits-blamed-on-readers") {
                continue;
            }
            let waited = Waited {
                before: Duration::ZERO,
                since: self.clock.start(&now),
            };
            self.count_as_held(index, waited);
        }
        (self.looked, self.looked_at) = (self.blocking.len(), tail);
        self.next_look()
    }

    /// When the head of the line must look at the clock.
    #[cfg(not(all(feature = "tracing", feature = "rt")))]
    fn next_look(&self) -> Option<Instant> {
        self.clock.moment(self.last_end()?)
    }

    /// Publishers wait for the blocking member at `index`.
    #[inline]
    fn count_as_held(&mut self, index: usize, waited: Waited) {
        let key = self.blocking[index];
        let member = self.members.get_mut(key).expect(MEMBER);
        member.waited = Some(waited);
        if let Some(end) = member.end() {
            self.ends.insert((end, key));
        }
        if index != self.held {
            self.swap_blocking(index, self.held);
        }
        self.held += 1;
        #[cfg(all(feature = "tracing", feature = "rt"))]
        self.plan_warning(key);
    }

    /// No publisher waits any more: the time of those in the way stands still, also if they were
    /// in the way of the last one. It is kept until they take something or have room.
    pub(crate) fn pause(&mut self, now: impl FnOnce() -> Instant) {
        if self.clock.is_running() && !planted!("idle-time-counts") {
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
    pub(super) fn last_end(&self) -> Option<Duration> {
        if self.reserved == self.capacity {
            return None;
        }
        let &(last, _) = self.ends.last()?;
        (self.ends.len() == self.blocking.len()).then_some(last)
    }

    /// Those in the way have had their time.
    pub(super) fn clear_the_way(&mut self, effects: &mut Effects<E>) {
        while let Some(&key) = self.blocking.last() {
            self.disconnect_overdue(key, effects);
        }
    }

    pub(super) fn disconnect_overdue(&mut self, key: u64, effects: &mut Effects<E>) {
        let id = self.member(key).place.id;
        self.disconnect(id, DisconnectCause::Overdue, effects);
        #[cfg(feature = "tracing")]
        self.tell_left(
            id,
            "disconnected: it made publishers wait for too long",
            effects,
        );
    }

    /// A permit is given, and those in the way have had their time. Its event may never be stored,
    /// so they stay until it is.
    pub(super) fn pass_by(&mut self, now: impl Fn() -> Instant) {
        self.passed.extend(&self.blocking);
        self.step_aside(now);
    }

    /// The event of a permit comes: those that the permit was given past, and that have made no
    /// room for it since, must not hold more than their windows. (Those with a lane are looked at
    /// when it is known to concern them.)
    pub(super) fn clear_the_passed(&mut self, effects: &mut Effects<E>) {
        let tail = self.log.tail();
        for key in self.passed.clone() {
            let member = self.member(key);
            if member.lane.is_none() && member.place.limit() <= tail {
                self.disconnect_overdue(key, effects);
            }
        }
    }

    /// Whether its time was up when a permit was given that may still be out.
    pub(super) fn is_passed(&self, key: u64) -> bool {
        self.passed.contains(&key)
    }

    /// One permit less is out, and maybe none.
    pub(super) fn forget_passed(&mut self) {
        if self.reserved == 0 {
            self.passed.clear();
        }
    }

    /// A promised place is not needed.
    pub(crate) fn give_back(&mut self) {
        self.reserved -= 1;
        self.forget_passed();
        let claimed = self.log.tail() + self.reserved;
        let mut index = 0;
        while let Some(&key) = self.blocking.get(index) {
            let member = self.member(key);
            if member.lane.is_none() && member.place.limit() > claimed {
                self.unblock(key);
                self.push_limit(key);
            } else {
                index += 1;
            }
        }
        self.free_lanes();
        self.assert_invariants();
    }

    /// Notes when the member will be at its limit, if it reads nothing until then.
    pub(super) fn push_limit(&mut self, key: u64) {
        let place = &self.members.get(key).expect(MEMBER).place;
        if place.overflow.makes_wait() {
            self.waits.push(place);
        } else {
            self.yields.push(place);
        }
    }

    /// The member is in the way of publishers.
    #[inline]
    pub(super) fn block(&mut self, key: u64) {
        let index = self.blocking.len();
        self.blocking.push(key);
        let member = self.members.get_mut(key).expect(MEMBER);
        member.blocking = Some(index);
        self.blocking_lanes += usize::from(member.lane.is_some());
    }

    /// The member that has come into the way, the last of these, was in that of another publisher
    /// before and has taken nothing since: its time goes on where it stood.
    pub(super) fn resume(&mut self, key: u64, now: impl FnOnce() -> Instant) {
        if let Some(waited) = self.member(key).waited {
            self.aside.remove(&key);
            let since = self.clock.read(now);
            self.count_as_held(self.blocking.len() - 1, Waited { since, ..waited });
        }
    }

    /// The member is not, or no longer: it took an event, has room again, or left.
    pub(super) fn unblock(&mut self, key: u64) {
        #[cfg(all(feature = "tracing", feature = "rt"))]
        self.cancel_warning(key);
        let member = self.members.get_mut(key).expect(MEMBER);
        let Some(mut index) = member.blocking.take() else {
            if member.waited.take().is_some() {
                self.aside.remove(&key);
            }
            return;
        };
        if let Some(end) = member.end() {
            self.ends.remove(&(end, key));
        }
        member.waited = None;
        self.blocking_lanes -= usize::from(member.lane.is_some());
        // Mostly it is one alone.
        if self.blocking.len() == 1 {
            self.blocking.clear();
            (self.held, self.looked) = (0, 0);
            self.clock.halt();
            return;
        }
        if index < self.held {
            self.held -= 1;
            if self.held == 0 {
                self.clock.halt();
            }
            if index != self.held {
                self.swap_blocking(index, self.held);
                self.member_mut(key).blocking = None;
                index = self.held;
            }
        }
        self.forget_look(index);
        self.blocking.swap_remove(index);
        if let Some(&moved) = self.blocking.get(index) {
            self.member_mut(moved).blocking = Some(index);
        }
    }

    /// The last of the blocking members comes to this index: if it was not looked at, the next look
    /// begins there.
    fn forget_look(&mut self, index: usize) {
        let last = self.blocking.len() - 1;
        let all_looked_at = last < self.looked;
        self.looked = self.looked.min(if all_looked_at { last } else { index });
    }

    /// Those who left stay in the limits until they outnumber the others.
    pub(super) fn forget_stale_limits(&mut self) {
        // Those that are in the way come back to the limits. Those with a lane do not.
        let away = self.blocking.len() - self.blocking_lanes;
        if self.waits.len() + self.yields.len() + away > 2 * self.attached + 16 {
            let mut members = self.members.in_turn();
            let mut is_current = |number| members(number).is_some_and(|member| member.attached);
            self.waits.retain(&mut is_current);
            self.yields.retain(is_current);
        }
        self.waits.give_back(self.attached);
        self.yields.give_back(self.attached);
    }
}
