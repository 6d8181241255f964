//! Who has held publishers for so long that somebody should know: feature `tracing`.

use std::time::Duration;

use super::Machine;
use crate::channel::effects::{Effect, Effects};
use crate::channel::trace::Record;
use crate::util::clock::Instant;
use crate::util::sync::Arc;

impl<E> Machine<E> {
    /// Warns of whoever holds publishers for longer.
    pub(crate) fn set_warn_after(&mut self, time: Option<Duration>) {
        self.warn_after = time;
    }

    /// A publisher has begun to wait for the member.
    pub(super) fn plan_warning(&mut self, key: u64) {
        if !self.member(key).warned {
            let at = self.time_of_warning(key);
            self.warnings.extend(at.map(|at| (at, key)));
        }
    }

    /// What the clock will tell when it is time to warn of the member.
    fn time_of_warning(&self, key: u64) -> Option<Duration> {
        self.member(key).waited?.end(self.warn_after?)
    }

    /// It is not in the way any more.
    pub(super) fn cancel_warning(&mut self, key: u64) {
        if let Some(at) = self.time_of_warning(key) {
            self.warnings.remove(&(at, key));
        }
        self.member_mut(key).warned = false;
    }

    /// When the head of the line must look at the clock.
    pub(super) fn next_timer(&self) -> Option<Instant> {
        let warning = self.warnings.first().map(|&(at, _)| at);
        let next = warning.into_iter().chain(self.latest_deadline()).min();
        self.clock.moment(next?)
    }

    /// Warns of those whose time has come, once, while so many publishers are `waiting`; gives
    /// when to look again.
    pub(crate) fn warn(
        &mut self,
        waiting: usize,
        now: impl Fn() -> Instant,
        effects: &mut Effects<E>,
    ) -> Option<Instant> {
        while let Some(&(at, key)) = self.warnings.first() {
            let now = now();
            if self.clock.read(|| now) < at {
                break;
            }
            self.warnings.pop_first();
            let member = self.member_mut(key);
            member.warned = true;
            let place = Arc::clone(&member.subscriber);
            let info = Box::new(self.info(Some(now), &place));
            effects.push(Effect::Trace(Record::Holds(place, info, waiting)));
        }
        self.next_timer()
    }
}
