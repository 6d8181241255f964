//! The members of a channel: the subscribers, and how many of them read the log.

use crate::channel::machine::blockers::{BlockerMut, BlockerSlot, BlockerSlots};
use crate::subscriber_id::SubscriberId;
use crate::util::number_table::NumberTable;

mod group;
mod member;

pub(super) use group::{Group, GroupHandler, HandlerTurn};
pub(super) use member::Member;

/// All members by the numbers of their ids, and the counts for publishing.
///
/// # Invariants
/// 1. Numbers are issued in ascending order from 1, and never twice: an id never names two
///    subscribers, and [`NumberTable`] stays sorted by inserting at its end.
/// 2. `readers` counts the attached members without a filter queue, `filtered` the attached members
///    with a filter queue.
/// 3. `heads` is `readers` with each group counted once for each of its handlers. `awaited_heads` is
///    `heads` without observers, and `filtered_observers` counts the observers in `filtered`. They make the
///    audience of an event.
/// 4. `log_users` is `readers`, plus 1 while the log retains events. At zero, an event is not
///    stored at all. The sum is kept because each publish compares it.
pub(super) struct Members<E> {
    manager: u64,
    table: NumberTable<Member<E>>,
    ids_issued: u64,
    readers: usize,
    heads: usize,
    awaited_heads: usize,
    filtered: usize,
    filtered_observers: usize,
    log_users: usize,
}

impl<E> Members<E> {
    /// Creates an empty table for the channel of `manager`. `retains`: the log retains events.
    pub(super) fn new(manager: u64, retains: bool) -> Self {
        Self {
            manager,
            table: NumberTable::new(),
            ids_issued: 0,
            readers: 0,
            heads: 0,
            awaited_heads: 0,
            filtered: 0,
            filtered_observers: 0,
            log_users: usize::from(retains),
        }
    }

    // ---- Coming and going -------------------------------------------------------------------

    /// Returns the id of the next subscriber.
    pub(super) fn issue_id(&mut self) -> SubscriberId {
        self.ids_issued += 1;
        SubscriberId {
            manager: self.manager,
            number: self.ids_issued,
        }
    }

    /// Inserts an attached member, whose id was the last issued.
    pub(super) fn insert(&mut self, member: Member<E>) {
        let is_observer = member.subscriber.is_observer;
        if member.queue.is_some() {
            self.filtered += 1;
            self.filtered_observers += usize::from(is_observer);
        } else {
            self.readers += 1;
            self.log_users += 1;
            self.heads += member.heads();
            self.awaited_heads += member.awaited_heads();
        }
        self.table.insert(member.subscriber.id.number, member);
    }

    /// Detaches a member: events are no longer stored for it. Returns `false` if the member was
    /// detached before.
    pub(super) fn detach(&mut self, number: u64) -> bool {
        let member = self.get_mut(number);
        let was_attached = member.detach();
        let is_filtered = member.queue.is_some();
        let is_observer = member.subscriber.is_observer;
        let (heads, awaited_heads) = (member.heads(), member.awaited_heads());
        match (was_attached, is_filtered) {
            (false, _) => {}
            (true, true) => {
                self.filtered -= 1;
                self.filtered_observers -= usize::from(is_observer);
            }
            (true, false) => {
                self.readers -= 1;
                self.log_users -= 1;
                self.heads -= heads;
                self.awaited_heads -= awaited_heads;
            }
        }
        was_attached
    }

    /// Adds a handler to a group.
    pub(super) fn join_group(&mut self, number: u64, handler: GroupHandler) {
        let member = self.get_mut(number);
        member.group_mut().join(handler);
        if member.is_attached() {
            self.heads += 1;
            self.awaited_heads += 1;
        }
    }

    /// Removes a handler from a group. Returns the handler, and whether the group is attached.
    pub(super) fn leave_group(
        &mut self,
        number: u64,
        handler: SubscriberId,
    ) -> Option<(GroupHandler, bool)> {
        let member = self.get_mut(number);
        let left = member.group_mut().leave(handler)?;
        let is_attached = member.is_attached();
        if is_attached {
            self.heads -= 1;
            self.awaited_heads -= 1;
        }
        Some((left, is_attached))
    }

    /// Removes a detached member.
    pub(super) fn remove(&mut self, number: u64) {
        let removed = self.table.remove(number);
        debug_assert!(removed.is_some_and(|member| !member.is_attached()));
    }

    /// Records the end of retention.
    pub(super) fn stop_retaining(&mut self) {
        self.log_users = self.readers;
    }

    // ---- Lookup -----------------------------------------------------------------------------

    #[inline]
    pub(super) fn get(&self, number: u64) -> &Member<E> {
        self.table.get(number).expect(MEMBER)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, number: u64) -> &mut Member<E> {
        self.table.get_mut(number).expect(MEMBER)
    }

    /// Returns the member with this id, attached or not; `None` also for an id of another manager.
    pub(super) fn find(&self, id: SubscriberId) -> Option<&Member<E>> {
        let is_own = id.manager == self.manager;
        is_own.then(|| self.table.get(id.number)).flatten()
    }

    /// Returns the member with this number, attached or not.
    pub(super) fn find_number(&self, number: u64) -> Option<&Member<E>> {
        self.table.get(number)
    }

    /// Returns a predicate for the numbers of attached members. Fast for ascending numbers.
    pub(super) fn attached_lookup(&self) -> impl FnMut(u64) -> bool {
        let mut lookup = self.table.ascending_lookup();
        move |number| lookup(number).is_some_and(Member::is_attached)
    }

    /// Iterates over all members, attached or not, in the order of their ids.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Member<E>> {
        self.table.iter()
    }

    /// Iterates over all members, attached or not, in the order of their ids.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Member<E>> {
        self.table.iter_mut()
    }

    // ---- Counts -----------------------------------------------------------------------------

    /// Returns how many members there are, attached or not.
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// Returns how many members are attached.
    pub(super) fn attached(&self) -> usize {
        self.readers + self.filtered
    }

    /// Returns how many attached members read the log.
    #[inline]
    pub(super) fn readers(&self) -> usize {
        self.readers
    }

    /// Returns how many subscribers read the log: attached members, and handlers of groups in place of
    /// their groups.
    #[inline]
    pub(super) fn heads(&self) -> usize {
        self.heads
    }

    /// Returns how many of the [`heads`](Self::heads) are no observers.
    #[inline]
    pub(super) fn awaited_heads(&self) -> usize {
        self.awaited_heads
    }

    /// Returns how many subscribers there are: the heads, and the attached members with a filter queue.
    pub(super) fn subscribers(&self) -> usize {
        self.heads + self.filtered
    }

    /// Returns whether any attached member with a filter queue is an observer.
    #[inline]
    pub(super) fn has_filtered_observers(&self) -> bool {
        self.filtered_observers > 0
    }

    /// Returns how many attached members have a filter queue.
    #[inline]
    pub(super) fn filtered(&self) -> usize {
        self.filtered
    }

    /// Returns how many readers an event is stored for: attached log readers, and retention.
    #[inline]
    pub(super) fn log_users(&self) -> usize {
        self.log_users
    }

    /// Asserts the invariants; `retains`: the log retains events.
    pub(super) fn check(&self, retains: bool) {
        let attached = || self.iter().filter(|member| member.is_attached());
        let readers = attached().filter(|member| member.queue.is_none()).count();
        assert_eq!(readers, self.readers, "members: invariant 2");
        assert_eq!(
            attached().count() - readers,
            self.filtered,
            "members: invariant 2"
        );
        let observers = || attached().filter(|member| member.subscriber.is_observer);
        let filtered = observers().filter(|member| member.queue.is_some()).count();
        assert_eq!(filtered, self.filtered_observers, "members: invariant 3");
        let log_readers = || attached().filter(|member| member.queue.is_none());
        let heads: usize = log_readers().map(Member::heads).sum();
        assert_eq!(heads, self.heads, "members: invariant 3");
        let awaited: usize = log_readers().map(Member::awaited_heads).sum();
        assert_eq!(awaited, self.awaited_heads, "members: invariant 3");
        let log_users = self.readers + usize::from(retains);
        assert_eq!(self.log_users, log_users, "members: invariant 4");
    }
}

impl<E> BlockerSlots for Members<E> {
    #[inline]
    fn slot(&self, number: u64) -> &BlockerSlot {
        &self.get(number).blocker
    }

    fn has_queue(&self, number: u64) -> bool {
        self.get(number).queue.is_some()
    }

    #[inline]
    fn blocker_mut(&mut self, number: u64) -> BlockerMut<'_> {
        let member = self.get_mut(number);
        BlockerMut {
            max_wait: member.subscriber.overflow.max_wait(),
            has_queue: member.queue.is_some(),
            slot: &mut member.blocker,
        }
    }
}

const MEMBER: &str = "a subscriber stays a member until its stream and its deliveries are gone";

#[cfg(all(test, not(any(genevent_shuttle, genevent_loom))))]
mod tests {
    use std::panic::Location;

    use super::*;
    use crate::channel::filter::interest::Predicate;
    use crate::channel::machine::Machine;
    use crate::options::{Overflow, SubscribeOptions};

    fn with_members(retain: usize) -> (Machine<()>, Vec<SubscriberId>) {
        let mut machine = Machine::new(4, Overflow::Wait, retain);
        let join = |machine: &mut Machine<()>| {
            let (subscriber, _) = machine.join(SubscribeOptions::new(), Location::caller());
            subscriber.id
        };
        let mut ids = vec![join(&mut machine), join(&mut machine)];
        let all = Predicate::new(|(): &()| Some(()));
        let (queue, ..) = machine.join_filtered(SubscribeOptions::new(), Location::caller(), all);
        ids.push(queue.subscriber().id);
        (machine, ids)
    }

    #[test]
    fn detaching_a_member_twice_counts_once() {
        for retain in [0, 2] {
            let (mut machine, ids) = with_members(retain);
            let members = &mut machine.members;
            let retention = usize::from(retain > 0);
            assert_eq!((members.readers(), members.filtered()), (2, 1));
            assert_eq!(members.log_users(), 2 + retention);
            for id in &ids {
                assert!(members.detach(id.number));
                assert!(!members.detach(id.number));
            }
            assert_eq!((members.attached(), members.len()), (0, 3));
            assert_eq!(members.log_users(), retention);
            members.check(retain > 0);
            for id in ids {
                members.remove(id.number);
            }
            assert_eq!(members.len(), 0);
        }
    }

    #[test]
    fn ids_of_another_manager_are_not_found() {
        let (machine, ids) = with_members(0);
        let (other, others) = with_members(0);
        assert_eq!(ids[0].number, others[0].number);
        assert!(machine.members.find(ids[0]).is_some());
        assert!(machine.members.find(others[0]).is_none());
        assert!(other.members.find(ids[0]).is_none());
    }
}
