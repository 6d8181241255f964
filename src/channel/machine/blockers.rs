//! The members blocking publishers, and since when.
//!
//! A member is *blocking* from the moment the machine finds its window full until the member reads
//! (or its window gets room by other means, or the member leaves). While a publisher waits for a
//! blocking member, the member is *timed*: its time counts towards its `WaitAtMost`. When the
//! deadlines of all blocking members have passed, the front publisher need not wait any longer.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::channel::machine::wait_clock::{WaitClock, Waited};
use crate::util::clock::Instant;
use crate::util::shrink::Shrink;

/// The part of a member owned by [`Blockers`]: its index in `Blockers::numbers`, if the member blocks.
#[derive(Default)]
pub(crate) struct BlockerSlot(Option<usize>);

impl BlockerSlot {
    #[inline]
    pub(crate) fn is_blocking(&self) -> bool {
        self.0.is_some()
    }
}

/// The members, as [`Blockers`] sees them.
pub(crate) trait BlockerSlots {
    fn slot(&self, number: u64) -> &BlockerSlot;

    /// Returns whether the member is filtered.
    fn has_queue(&self, number: u64) -> bool;

    fn blocker_mut(&mut self, number: u64) -> BlockerMut<'_>;
}

/// A member, as [`Blockers`] sees it.
pub(crate) struct BlockerMut<'a> {
    pub(crate) slot: &'a mut BlockerSlot,
    /// How long publishers may wait for the member to read; `None`: for ever.
    pub(crate) max_wait: Option<Duration>,
    pub(crate) has_queue: bool,
}

/// The blocking members.
///
/// ```text
/// numbers:  [ timed: publishers wait for these | permits hold the room of these ]
/// waited:   [ how long, for each               ]
/// ```
///
/// # Invariants
/// 1. Member `numbers[i]` has the slot `Some(i)`, and no other member has an index. A member
///    is therefore removed in O(1), however many block.
/// 2. `waited[i]` is the time of member `numbers[i]`. Starting clocks therefore looks at no member twice.
///    A member in `suspended` does not block.
/// 3. The clock runs only while a member is timed: time in which no publisher waits for a member must
///    not count.
/// 4. `deadlines` has an entry for each timed member with a `WaitAtMost`, unless its deadline is
///    not representable. If all blocking members have an entry, publishers wait until the last.
/// 5. `queues` counts the blocking members with a filter queue.
#[derive(Default)]
pub(crate) struct Blockers {
    /// The numbers of the blocking members.
    numbers: Vec<u64>,
    /// How long publishers have waited for each timed member since it last read.
    waited: Vec<Waited>,
    queues: usize,
    clock: WaitClock,
    /// Readings of the clock at which members become overdue.
    deadlines: BTreeSet<(Duration, u64)>,
    /// Filtered members for which publishers have waited, and which do not block the publisher now
    /// at the front. Their time is kept until they read or have room.
    suspended: BTreeMap<u64, Waited>,
}

/// Capacity for this many blocking members is never given back.
const MIN_CAPACITY: usize = 16;

impl Blockers {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// Returns the numbers of the blocking members.
    #[inline]
    pub(crate) fn numbers(&self) -> &[u64] {
        &self.numbers
    }

    /// Returns how many blocking members read the log.
    pub(crate) fn readers(&self) -> usize {
        self.numbers.len() - self.queues
    }

    /// Returns the numbers of the blocking members with a filter queue.
    pub(crate) fn queues(&self, members: &impl BlockerSlots) -> Vec<u64> {
        if self.queues == 0 {
            return Vec::new();
        }
        let numbers = self.numbers.iter().copied();
        (numbers.filter(|&number| members.has_queue(number))).collect()
    }

    /// Returns the numbers of the suspended members.
    pub(crate) fn suspended(&self) -> impl Iterator<Item = u64> {
        self.suspended.keys().copied()
    }

    /// Returns whether reads of a member, which has this `slot`, make a difference to publishers.
    #[inline]
    pub(crate) fn need_reports(&self, number: u64, slot: &BlockerSlot) -> bool {
        slot.is_blocking() || self.suspended.contains_key(&number)
    }

    // ---- Blocking ---------------------------------------------------------------------------

    /// Adds a member, which must not be blocking.
    #[inline]
    pub(crate) fn block(&mut self, number: u64, members: &mut impl BlockerSlots) {
        let member = members.blocker_mut(number);
        debug_assert!(!member.slot.is_blocking(), "blockers: invariant 1");
        member.slot.0 = Some(self.numbers.len());
        self.queues += usize::from(member.has_queue);
        self.numbers.push(number);
    }

    /// Removes a member, if it is blocking or suspended: the member has read, has room again, or has
    /// left. Returns how long publishers have waited for a blocking member, if it is timed.
    pub(super) fn unblock(
        &mut self,
        number: u64,
        members: &mut impl BlockerSlots,
    ) -> Option<Waited> {
        let member = members.blocker_mut(number);
        let Some(index) = member.slot.0.take() else {
            self.suspended.remove(&number);
            return None;
        };
        self.queues -= usize::from(member.has_queue);

        let is_timed = index < self.waited.len();
        let waited = is_timed.then(|| self.waited.swap_remove(index));
        if let Some(waited) = waited {
            if let Some(deadline) = deadline(waited, member.max_wait) {
                self.deadlines.remove(&(deadline, number));
            }
            if self.waited.is_empty() {
                self.clock.halt();
            }
        }
        // Usually, a single member blocks.
        if self.numbers.len() == 1 {
            self.numbers.clear();
            return waited;
        }
        // Close the gap with the last member. If the gap is among the timed members, the last
        // timed member moves there first: timed members stay together (invariant 2).
        let mut gap = index;
        if is_timed {
            gap = self.waited.len();
            self.numbers.swap(index, gap);
        }
        self.numbers.swap_remove(gap);
        self.update_index(index, members);
        self.update_index(gap, members);
        waited
    }

    /// Removes a filtered member, because the publisher now at the front need not wait for it, and
    /// stops its time. The time goes on if the member blocks again before reading.
    pub(crate) fn suspend(
        &mut self,
        number: u64,
        now: impl FnOnce() -> Instant,
        members: &mut impl BlockerSlots,
    ) {
        // Read the clock before the removal, which may stop it.
        let now = self.clock.read(now);
        if let Some(waited) = self.unblock(number, members) {
            self.suspended.insert(number, waited.suspend(now));
        }
    }

    /// Continues the time of a blocking member, if it was suspended.
    pub(crate) fn resume(
        &mut self,
        number: u64,
        now: impl FnOnce() -> Instant,
        members: &mut impl BlockerSlots,
    ) {
        if let Some(waited) = self.suspended.remove(&number) {
            let index = members.slot(number).0;
            let index = index.expect("a suspended member blocks before it resumes");
            let waited = waited.resume(self.clock.read(now));
            self.start_clock(index, waited, members);
        }
    }

    /// Restores invariant 1 for the member moved to `index`.
    #[inline]
    fn update_index(&mut self, index: usize, members: &mut impl BlockerSlots) {
        if let Some(&number) = self.numbers.get(index) {
            members.blocker_mut(number).slot.0 = Some(index);
        }
    }

    // ---- Time -------------------------------------------------------------------------------

    /// Counts the time of blocking members from now on: a publisher waits. Members for which
    /// `is_waited_for` is false have read everything, and permits hold their room: the time of
    /// these does not count.
    pub(crate) fn start_clocks<M: BlockerSlots>(
        &mut self,
        members: &mut M,
        is_waited_for: impl Fn(&M, u64) -> bool,
        now: impl Fn() -> Instant,
    ) {
        if seeded_bug!("time-limit-restarts-per-publisher") {
            self.deadlines.clear();
            self.waited.clear();
        }
        // Members that were timed before the last publisher left go on where they stopped.
        if !self.waited.is_empty() && !self.clock.is_running() {
            self.clock.start(&now);
        }
        // Reading the system's clock takes as long as the rest: one reading is for all members.
        let mut reading = None;
        for index in self.waited.len()..self.numbers.len() {
            if is_waited_for(members, self.numbers[index]) {
                let reading = *reading.get_or_insert_with(|| self.clock.start(&now));
                self.start_clock(index, Waited::from(reading), members);
            }
        }
    }

    /// Makes the member at `index` a timed member.
    #[inline]
    fn start_clock(&mut self, index: usize, waited: Waited, members: &mut impl BlockerSlots) {
        let number = self.numbers[index];
        if let Some(deadline) = deadline(waited, members.blocker_mut(number).max_wait) {
            self.deadlines.insert((deadline, number));
        }
        let timed = self.waited.len();
        if index != timed {
            self.numbers.swap(index, timed);
            self.update_index(index, members);
            self.update_index(timed, members);
        }
        self.waited.push(waited);
    }

    /// Returns whether no publisher waits for the reading of some blocking member, which has read
    /// everything. Valid after [`start_clocks`](Self::start_clocks).
    #[inline]
    pub(crate) fn has_untimed(&self) -> bool {
        self.waited.len() < self.numbers.len()
    }

    /// Stops the time of all members: no publisher waits. Their time is kept until they read or
    /// have room.
    pub(crate) fn pause(&mut self, now: impl FnOnce() -> Instant) {
        if self.clock.is_running() && !seeded_bug!("clock-runs-without-waiters") {
            self.clock.stop(now);
        }
    }

    /// Returns the reading at which all blocking members will be overdue; `None` if a member is
    /// never overdue, or is not timed.
    #[inline]
    fn latest_deadline(&self) -> Option<Duration> {
        let &(last, _) = self.deadlines.last()?;
        (self.deadlines.len() == self.numbers.len()).then_some(last)
    }

    /// Returns whether all blocking members have been waited for as long as they may.
    #[inline]
    pub(crate) fn are_overdue(&self, now: impl FnOnce() -> Instant) -> bool {
        (self.latest_deadline()).is_some_and(|deadline| deadline <= self.clock.read(now))
    }

    /// Returns when the front publisher must check again without being notified. `overdue_helps`:
    /// the publisher has room once all members are overdue.
    #[inline]
    pub(crate) fn timer(&self, overdue_helps: bool) -> Option<Instant> {
        let deadline = self.latest_deadline().filter(|_| overdue_helps);
        self.clock.moment(deadline?)
    }

    /// Returns how long publishers have waited for a blocking member with this slot.
    pub(crate) fn blocking_for(&self, slot: &BlockerSlot, now: Instant) -> Option<Duration> {
        let waited = self.waited.get(slot.0?)?;
        Some(waited.so_far(self.clock.read(|| now)))
    }

    // ---- Upkeep -----------------------------------------------------------------------------

    /// Gives memory back if there is far more of it than `members` need.
    pub(crate) fn give_back(&mut self, members: usize) {
        self.numbers.shrink_if_sparse_for(members, MIN_CAPACITY);
        self.waited.shrink_if_sparse_for(members, MIN_CAPACITY);
    }

    /// Asserts the invariants.
    pub(crate) fn check(&self, members: &impl BlockerSlots) {
        for (index, &number) in self.numbers.iter().enumerate() {
            assert_eq!(members.slot(number).0, Some(index), "blockers: invariant 1");
        }
        assert!(
            self.waited.len() <= self.numbers.len(),
            "blockers: invariant 2"
        );
        for number in self.suspended() {
            assert!(!members.slot(number).is_blocking(), "blockers: invariant 2");
        }
        assert!(
            !self.waited.is_empty() || !self.clock.is_running(),
            "blockers: invariant 3"
        );
        assert!(
            self.deadlines.len() <= self.waited.len(),
            "blockers: invariant 4"
        );
        let numbers = self.numbers.iter().copied();
        let queues = numbers.filter(|&number| members.has_queue(number));
        assert_eq!(queues.count(), self.queues, "blockers: invariant 5");
    }
}

/// Returns the reading of the clock at which a member is overdue, if ever.
#[inline]
fn deadline(waited: Waited, max_wait: Option<Duration>) -> Option<Duration> {
    waited.deadline(max_wait?)
}

#[cfg(all(test, not(any(genevent_shuttle, genevent_loom))))]
mod tests;
