//! The invariants of [`WaitQueue`] and of its grants, asserted in debug builds.

use super::{WaitQueue, Waiter};

impl WaitQueue {
    /// Asserts the invariants. Called after every step of the channel.
    #[inline]
    pub(crate) fn assert_invariants(&self) {
        if cfg!(debug_assertions) {
            self.check_invariants();
        }
    }

    fn check_invariants(&self) {
        if !self.check_pace.is_due(self.waiters.len(), 64) {
            return;
        }
        let numbers = self.waiters.iter().map(|waiter| waiter.key.number);
        let is_sorted = numbers.is_sorted_by(|a, b| a < b);
        assert!(is_sorted, "wait queue: invariant 1");
        let is_live = |waiter: &Waiter| waiter.live;
        let front = self.waiters.front();
        assert!(front.is_none_or(is_live), "wait queue: invariant 2");
        let tombstones = self.waiters.iter().filter(|waiter| !waiter.live).count();
        assert_eq!(tombstones, self.tombstones, "wait queue: invariant 2");
        let most = self.waiters.len() / 2;
        assert!(tombstones <= most, "wait queue: invariant 2");
        let sleepers = || self.waiters.iter().filter(|waiter| waiter.waker.is_some());
        assert_eq!(sleepers().count(), self.asleep, "wait queue: invariant 3");
        assert!(sleepers().all(is_live), "wait queue: invariant 3");
        self.granted.check();
    }
}
