//! The invariants of [`Machine`] and of its parts, asserted in debug builds.

use super::Machine;

impl<E> Machine<E> {
    #[inline]
    pub(super) fn assert_invariants(&self) {
        if cfg!(debug_assertions) {
            self.check_invariants();
        }
    }

    fn check_invariants(&self) {
        self.turns.check();
        self.log.check(self.members.readers());
        if !self.check_pace.is_due(self.members.len(), 64) {
            return;
        }
        self.members.check(self.log.retains());
        self.blockers.check(&self.members);
        let attached = || self.members.iter().filter(|member| member.is_attached());
        let readers = || attached().filter(|member| member.queue.is_none());
        // Counting the entries is O(members) for each member.
        let are_few = self.members.len() <= 64;
        for member in readers() {
            let position = member.subscriber.cursor.load().position();
            let window = member.subscriber.window as u64;
            assert!(position <= self.log.tail(), "invariant 1");
            let most = self.capacity + self.past_windows;
            assert!(self.log.tail() - position <= most, "invariant 1");
            assert!(window <= self.capacity, "invariant 1");
            assert!(self.log.first() <= position + 1, "invariant 2");
            if are_few {
                let number = member.subscriber.id.number;
                let entries = self.lossless.count(number) + self.lossy.count(number);
                let blocking = usize::from(member.blocker.is_blocking());
                assert_eq!(entries + blocking, 1, "invariant 3");
            }
        }
        let blocking = || attached().filter(|member| member.blocker.is_blocking());
        for member in blocking() {
            assert!(member.subscriber.cursor.load().must_report(), "invariant 4");
        }
        let lossless = blocking().filter(|member| member.subscriber.overflow.is_lossless());
        let blockers = self.blockers.numbers().len();
        assert_eq!(lossless.count(), blockers, "invariant 4");
        let most = self.capacity + self.past_windows;
        assert!(self.reserved <= most, "invariant 5");
        assert!(self.turns.granted() <= self.reserved, "invariant 5");
        let retention = usize::from(self.log.retains());
        let entries = self.lossless.len() + self.lossy.len() + self.blockers.readers();
        let most = 2 * self.members.readers() + 16 + retention;
        assert!(entries <= most, "invariant 6");
        let is_slow = self.closed || !self.filters.is_empty();
        assert_eq!(self.fast_path_disabled, is_slow, "invariant 8");
        let lossless = attached().filter(|member| member.subscriber.overflow.is_lossless());
        for member in lossless.filter(|member| member.queue.is_some()) {
            let key = member.subscriber.id.number;
            assert!(
                !Self::is_crowded(member) || self.crowded.contains(&key),
                "invariant 9"
            );
        }
        for key in &self.crowded {
            assert!(self.member(*key).is_attached(), "invariant 9");
        }
    }
}
