//! Who is in the way of publishers, since when, and for how long they may be.

use super::{Claim, MEMBER, Ring, Room};
use crate::clock::Instant;
use crate::cursor::Word;
use crate::effects::Effects;
use crate::end::DisconnectCause;
use crate::inspect::SubscriberId;

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
                self.block(id.key);
            } else {
                self.push_limit(id.key);
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

    /// Publishers wait for those in the way, from now on or already. Gives when all of these will
    /// have had their time, if that is limited for every one.
    pub(crate) fn hold(&mut self, now: impl Fn() -> Instant) -> Option<Instant> {
        if planted!("patience-restarts") {
            let begun = std::mem::take(&mut self.ends);
            self.fresh.extend(begun.into_iter().map(|(_, key)| key));
        }
        if self.fresh.is_empty() && self.ends.is_empty() {
            return None;
        }
        for key in std::mem::take(&mut self.fresh) {
            let member = self.members[key].as_mut().expect(MEMBER);
            // One that has read everything is not to blame: permits hold its room.
            let has_read_all = match &member.lane {
                Some(lane) => lane.len() == 0,
                None => member.place.cursor.load().position() == self.log.tail(),
            };
            if has_read_all && !planted!("permits-blamed-on-readers") {
                self.fresh.insert(key);
                continue;
            }
            let patience = member.place.overflow.patience();
            member.end = patience.and_then(|patience| now().checked_add(patience));
            self.ends.extend(member.end.map(|end| (end, key)));
        }
        self.last_end()
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
    pub(super) fn push_limit(&mut self, key: usize) {
        let place = &self.members[key].as_ref().expect(MEMBER).place;
        if place.overflow.makes_wait() {
            self.waits.push(place);
        } else {
            self.yields.push(place);
        }
    }

    /// The member is in the way of publishers.
    pub(super) fn block(&mut self, key: usize) {
        let index = self.blocking.len();
        self.blocking.push(key);
        let member = self.members[key].as_mut().expect(MEMBER);
        member.blocking = Some(index);
        if let Some(end) = member.end {
            // It was in the way of another publisher, and has taken nothing since.
            self.aside.remove(&key);
            self.ends.insert((end, key));
        } else if member.place.overflow.patience().is_some() {
            self.fresh.insert(key);
        }
    }

    /// The member is not, or no longer: it took an event, has room again, or left.
    pub(super) fn unblock(&mut self, key: usize) {
        let member = self.members[key].as_mut().expect(MEMBER);
        match member.end.take() {
            Some(end) if member.blocking.is_none() => {
                debug_assert!(member.lane.is_some() && !self.ends.contains(&(end, key)));
                self.aside.remove(&key);
            }
            Some(end) => drop(self.ends.remove(&(end, key))),
            None => drop(self.fresh.remove(&key)),
        }
        if let Some(index) = member.blocking.take() {
            self.blocking.swap_remove(index);
            if let Some(&moved) = self.blocking.get(index) {
                self.member_mut(moved).blocking = Some(index);
            }
        }
    }

    /// Those who left stay in the limits until they outnumber the others.
    pub(super) fn forget_stale_limits(&mut self) {
        if self.waits.len() + self.yields.len() > 2 * self.attached + 16 {
            let members = &self.members;
            let is_current = |id: SubscriberId| {
                let member = members[id.key].as_ref();
                member.is_some_and(|member| member.place.id == id && member.attached)
            };
            self.waits.retain(is_current);
            self.yields.retain(is_current);
        }
    }
}
