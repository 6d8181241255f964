//! Who is in the way of publishers, since when, and for how long they may be.

use super::{Claim, MEMBER, Member, Ring, Room};
use crate::clock::Instant;
use crate::cursor::Word;
use crate::effects::Effects;
use crate::end::DisconnectCause;
use crate::inspect::SubscriberId;

impl<E> Member<E> {
    /// When publishers will have waited long enough for it to take an event, if they may not wait
    /// for ever, and one has begun to wait for what it has not read.
    fn end(&self) -> Option<Instant> {
        let patience = self.place.overflow.patience()?;
        self.since?.checked_add(patience)
    }
}

impl<E> Ring<E> {
    /// Whether publishers wait for `id`, as far as was looked.
    pub(crate) fn is_blocking(&self, id: SubscriberId) -> bool {
        self.find(id)
            .is_some_and(|member| member.blocking.is_some())
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
        } else if self.last_end().is_some_and(|end| end <= now()) {
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
            let since = now();
            member.since = Some(since);
            let end = member.end();
            self.count_as_held(index, since, end);
        }
        (self.looked, self.looked_at) = (self.blocking.len(), tail);
        self.next_look()
    }

    /// When the head of the line must look at the clock.
    #[cfg(not(all(feature = "tracing", feature = "rt")))]
    fn next_look(&self) -> Option<Instant> {
        self.last_end()
    }

    /// The blocking member at `index` has been waited for `since` then, and may be until `end`.
    #[inline]
    #[cfg_attr(
        not(all(feature = "tracing", feature = "rt")),
        expect(unused_variables, reason = "nobody is warned")
    )]
    fn count_as_held(&mut self, index: usize, since: Instant, end: Option<Instant>) {
        let key = self.blocking[index];
        if let Some(end) = end {
            self.ends.insert((end, key));
        }
        if index != self.held {
            self.swap_blocking(index, self.held);
        }
        self.held += 1;
        #[cfg(all(feature = "tracing", feature = "rt"))]
        self.plan_warning(key, since);
    }

    #[cold]
    fn swap_blocking(&mut self, one: usize, other: usize) {
        self.blocking.swap(one, other);
        for index in [one, other] {
            let key = self.blocking[index];
            self.member_mut(key).blocking = Some(index);
        }
    }

    /// When all that are in the way will have had their time; `None` if one of them has no limit,
    /// or nobody has begun to wait for it, or permits have every place, which no time gives back.
    pub(super) fn last_end(&self) -> Option<Instant> {
        if self.reserved == self.capacity {
            return None;
        }
        let &(last, _) = self.ends.last()?;
        (self.ends.len() == self.blocking.len()).then_some(last)
    }

    /// Those in the way have had their time.
    pub(super) fn clear_the_way(&mut self, effects: &mut Effects<E>) {
        while let Some(&key) = self.blocking.last() {
            let id = self.member(key).place.id;
            self.disconnect(id, DisconnectCause::Overdue, effects);
            #[cfg(feature = "tracing")]
            self.tell_left(
                id,
                "disconnected: it made publishers wait for too long",
                effects,
            );
        }
    }

    /// A promised place is not needed.
    pub(crate) fn give_back(&mut self) {
        self.reserved -= 1;
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
        if let Some(since) = member.since {
            // It was in the way of another publisher, and has taken nothing since.
            let end = member.end();
            self.aside.remove(&key);
            self.count_as_held(index, since, end);
        }
    }

    /// The member is not, or no longer: it took an event, has room again, or left.
    pub(super) fn unblock(&mut self, key: u64) {
        #[cfg(all(feature = "tracing", feature = "rt"))]
        self.cancel_warning(key);
        let member = self.members.get_mut(key).expect(MEMBER);
        let Some(mut index) = member.blocking.take() else {
            if member.since.take().is_some() {
                self.aside.remove(&key);
            }
            return;
        };
        if let Some(end) = member.end() {
            self.ends.remove(&(end, key));
        }
        member.since = None;
        self.blocking_lanes -= usize::from(member.lane.is_some());
        // Mostly it is one alone.
        if self.blocking.len() == 1 {
            self.blocking.clear();
            (self.held, self.looked) = (0, 0);
            return;
        }
        if index < self.held {
            self.held -= 1;
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
