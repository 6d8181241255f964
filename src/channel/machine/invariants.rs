//! What always holds, asserted in debug builds.

use super::Machine;

impl<E> Machine<E> {
    #[inline]
    pub(super) fn assert_invariants(&self) {
        if cfg!(debug_assertions) {
            self.check_invariants();
        }
    }

    fn check_invariants(&self) {
        // Each step looks at every subscriber: not with thousands of them.
        if self.members.len() > 64 {
            return;
        }
        self.log.check(self.attached);
        let attached = || self.members.iter().filter(|m| m.attached);
        let readers = || attached().filter(|m| m.queue.is_none());
        assert_eq!(readers().count(), self.attached, "invariant 2");
        assert_eq!(attached().count(), self.attached(), "invariant 8");
        for member in readers() {
            let position = member.subscriber.cursor.load().position();
            let window = member.subscriber.window as u64;
            assert!(position <= self.log.tail(), "invariant 1");
            assert!(self.log.tail() - position <= self.capacity, "invariant 1");
            assert!(window <= self.capacity, "invariant 1");
            assert!(self.log.first() <= position + 1, "invariant 2");
            let id = member.subscriber.id;
            let entries = self.lossless.count(id) + self.lossy.count(id);
            let blocking = usize::from(member.blocking.is_some());
            assert_eq!(entries + blocking, 1, "invariant 3");
        }
        for (index, &key) in self.blocking.iter().enumerate() {
            let member = self.member(key);
            assert_eq!(member.blocking, Some(index), "invariant 4");
            assert_eq!(member.waited.is_some(), index < self.timed, "invariant 6");
        }
        assert!(self.timed > 0 || !self.clock.is_running(), "invariant 6");
        let blocking = attached().filter(|member| member.blocking.is_some());
        assert_eq!(blocking.count(), self.blocking.len(), "invariant 4");
        assert!(self.reserved <= self.capacity, "invariant 5");
        let keeper = usize::from(self.log.retains());
        assert_eq!(self.log_readers, self.attached + keeper, "invariant 7");
        let blocking = readers().filter(|m| m.blocking.is_some()).count();
        let lanes = self.blocking.len() - blocking;
        assert_eq!(lanes, self.blocking_queue_count, "invariant 10");
        let limits = self.lossless.len() + self.lossy.len() + blocking;
        assert!(limits <= 2 * self.attached + 16 + keeper, "invariant 9");
    }
}
