//! The members blocking publishers, and since when.
//!
//! A member is *blocking* from the moment the machine finds its window full until the member reads
//! (or its window gets room by other means, or the member leaves). While a publisher waits for a
//! blocking member, the member is *timed*: its time counts towards its `WaitAtMost`. When the
//! deadlines of all blocking members have passed, the front publisher need not wait any longer.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::channel::machine::wait_clock::{WaitClock, Waited};
use crate::util::clock::Instant;
use crate::util::shrink::Shrink;

/// The part of a member owned by [`Blockers`].
pub(crate) struct BlockerSlot {
    /// The member's index in `Blockers::numbers`.
    index: Option<usize>,
    /// How long publishers have waited for the member since it last read.
    waited: Option<Waited>,
    has_queue: bool,
}

impl BlockerSlot {
    /// Creates the slot of a new member. `has_queue`: the member is filtered.
    pub(crate) fn new(has_queue: bool) -> Self {
        Self {
            index: None,
            waited: None,
            has_queue,
        }
    }

    #[inline]
    pub(crate) fn is_blocking(&self) -> bool {
        self.index.is_some()
    }

    /// Returns whether the member's reads make no difference to publishers.
    #[inline]
    pub(crate) fn needs_no_reports(&self) -> bool {
        self.index.is_none() && self.waited.is_none()
    }
}

/// The members, as [`Blockers`] sees them.
pub(crate) trait BlockerSlots {
    fn slot(&self, number: u64) -> &BlockerSlot;

    fn slot_mut(&mut self, number: u64) -> &mut BlockerSlot;

    /// Returns the slot, and how long publishers may wait for the member to read; `None`: for ever.
    fn slot_and_max_wait(&mut self, number: u64) -> (&mut BlockerSlot, Option<Duration>);
}

/// The blocking members.
///
/// ```text
/// numbers:  [ timed: publishers wait for these | permits hold the room of these ]
///                                              ^ timed
/// ```
///
/// # Invariants
/// 1. Member `numbers[i]` has `slot.index == Some(i)`, and no other member has an index. A member
///    is therefore removed in O(1), however many block.
/// 2. `slot.waited` is set for the members `numbers[..timed]` and for the members in `suspended`,
///    which do not block. Starting clocks therefore looks at no member twice.
/// 3. The clock runs only while `timed > 0`: time in which no publisher waits for a member must
///    not count.
/// 4. `deadlines` has an entry for each timed member with a `WaitAtMost`, unless its deadline is
///    not representable. If all blocking members have an entry, publishers wait until the last.
/// 5. `queues` counts the blocking members with a filter queue.
#[derive(Default)]
pub(crate) struct Blockers {
    /// The numbers of the blocking members.
    numbers: Vec<u64>,
    timed: usize,
    queues: usize,
    clock: WaitClock,
    /// Readings of the clock at which members become overdue.
    deadlines: BTreeSet<(Duration, u64)>,
    /// Filtered members for which publishers have waited, and which do not block the publisher now
    /// at the front. Their time is kept until they read or have room.
    suspended: BTreeSet<u64>,
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
        (numbers.filter(|&number| members.slot(number).has_queue)).collect()
    }

    /// Returns the numbers of the suspended members.
    pub(crate) fn suspended(&self) -> &BTreeSet<u64> {
        &self.suspended
    }

    // ---- Blocking ---------------------------------------------------------------------------

    /// Adds a member, which must not be blocking.
    #[inline]
    pub(crate) fn block(&mut self, number: u64, members: &mut impl BlockerSlots) {
        let slot = members.slot_mut(number);
        debug_assert!(!slot.is_blocking(), "blockers: invariant 1");
        slot.index = Some(self.numbers.len());
        self.queues += usize::from(slot.has_queue);
        self.numbers.push(number);
    }

    /// Removes a member, if it is blocking or suspended, and forgets how long publishers have
    /// waited for it: the member has read, has room again, or has left.
    pub(crate) fn unblock(&mut self, number: u64, members: &mut impl BlockerSlots) {
        let (slot, max_wait) = members.slot_and_max_wait(number);
        let waited = slot.waited.take();
        let Some(index) = slot.index.take() else {
            if waited.is_some() {
                self.suspended.remove(&number);
            }
            return;
        };
        self.queues -= usize::from(slot.has_queue);

        let is_timed = index < self.timed;
        if is_timed {
            if let Some(deadline) = deadline(waited, max_wait) {
                self.deadlines.remove(&(deadline, number));
            }
            self.timed -= 1;
            if self.timed == 0 {
                self.clock.halt();
            }
        }
        // Usually, a single member blocks.
        if self.numbers.len() == 1 {
            self.numbers.clear();
            return;
        }
        // Close the gap with the last member. If the gap is among the timed members, the last
        // timed member moves there first: timed members stay together (invariant 2).
        let mut gap = index;
        if is_timed {
            self.numbers.swap(index, self.timed);
            gap = self.timed;
        }
        self.numbers.swap_remove(gap);
        self.update_index(index, members);
        self.update_index(gap, members);
    }

    /// Removes a filtered member, because the publisher now at the front need not wait for it, and
    /// stops its time. The time goes on if the member blocks again before reading.
    pub(crate) fn suspend(
        &mut self,
        number: u64,
        now: impl FnOnce() -> Instant,
        members: &mut impl BlockerSlots,
    ) {
        let slot = members.slot(number);
        let waited = slot
            .waited
            .map(|waited| waited.suspend(self.clock.read(now)));
        self.unblock(number, members);
        if waited.is_some() {
            members.slot_mut(number).waited = waited;
            self.suspended.insert(number);
        }
    }

    /// Continues the time of a blocking member, if it was suspended.
    pub(crate) fn resume(
        &mut self,
        number: u64,
        now: impl FnOnce() -> Instant,
        members: &mut impl BlockerSlots,
    ) {
        if self.suspended.remove(&number) {
            let slot = members.slot(number);
            let (Some(index), Some(waited)) = (slot.index, slot.waited) else {
                unreachable!("a suspended member has waited, and blocks before it resumes");
            };
            let waited = waited.resume(self.clock.read(now));
            self.start_clock(index, waited, members);
        }
    }

    /// Restores invariant 1 for the member moved to `index`.
    #[inline]
    fn update_index(&mut self, index: usize, members: &mut impl BlockerSlots) {
        if let Some(&number) = self.numbers.get(index) {
            members.slot_mut(number).index = Some(index);
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
            self.timed = 0;
        }
        // Members that were timed before the last publisher left go on where they stopped.
        if self.timed > 0 && !self.clock.is_running() {
            self.clock.start(&now);
        }
        for index in self.timed..self.numbers.len() {
            if is_waited_for(members, self.numbers[index]) {
                let waited = Waited::from(self.clock.start(&now));
                self.start_clock(index, waited, members);
            }
        }
    }

    /// Makes the member at `index` a timed member.
    #[inline]
    fn start_clock(&mut self, index: usize, waited: Waited, members: &mut impl BlockerSlots) {
        let number = self.numbers[index];
        let (slot, max_wait) = members.slot_and_max_wait(number);
        slot.waited = Some(waited);
        if let Some(deadline) = deadline(Some(waited), max_wait) {
            self.deadlines.insert((deadline, number));
        }
        if index != self.timed {
            self.numbers.swap(index, self.timed);
            self.update_index(index, members);
            self.update_index(self.timed, members);
        }
        self.timed += 1;
    }

    /// Returns whether no publisher waits for the reading of some blocking member, which has read
    /// everything. Valid after [`start_clocks`](Self::start_clocks).
    #[inline]
    pub(crate) fn has_untimed(&self) -> bool {
        self.timed < self.numbers.len()
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
        let waited = slot.waited.filter(|_| slot.is_blocking())?;
        Some(waited.so_far(self.clock.read(|| now)))
    }

    // ---- Upkeep -----------------------------------------------------------------------------

    /// Gives memory back if there is far more of it than `members` need.
    pub(crate) fn give_back(&mut self, members: usize) {
        self.numbers.shrink_if_sparse_for(members, MIN_CAPACITY);
    }

    /// Asserts the invariants.
    pub(crate) fn check(&self, members: &impl BlockerSlots) {
        let slot = |&number: &u64| members.slot(number);
        for (index, slot) in self.numbers.iter().map(slot).enumerate() {
            assert_eq!(slot.index, Some(index), "blockers: invariant 1");
            let is_timed = index < self.timed;
            assert_eq!(slot.waited.is_some(), is_timed, "blockers: invariant 2");
        }
        for slot in self.suspended.iter().map(slot) {
            assert!(
                slot.waited.is_some() && !slot.is_blocking(),
                "blockers: invariant 2"
            );
        }
        assert!(
            self.timed > 0 || !self.clock.is_running(),
            "blockers: invariant 3"
        );
        assert!(self.deadlines.len() <= self.timed, "blockers: invariant 4");
        let queues = self.numbers.iter().map(slot).filter(|slot| slot.has_queue);
        assert_eq!(queues.count(), self.queues, "blockers: invariant 5");
    }
}

/// Returns the reading of the clock at which a member is overdue, if ever.
#[inline]
fn deadline(waited: Option<Waited>, max_wait: Option<Duration>) -> Option<Duration> {
    waited?.deadline(max_wait?)
}

#[cfg(all(test, not(any(genevent_shuttle, genevent_loom))))]
mod tests;
