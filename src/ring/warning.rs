//! Who has held publishers for so long that somebody should know: feature `tracing`.

use std::time::Duration;

use super::Ring;
use crate::clock::Instant;
use crate::effects::{Effect, Effects};
use crate::sync::Arc;
use crate::trace::News;

impl<E> Ring<E> {
    /// Warns of whoever holds publishers for longer.
    pub(crate) fn set_warn_after(&mut self, time: Option<Duration>) {
        self.warn_after = time;
    }

    /// A publisher has begun to wait for the member.
    pub(super) fn plan_warning(&mut self, key: u64, since: Instant) {
        if self.member(key).warned {
            return;
        }
        let at = self.warn_after.and_then(|time| since.checked_add(time));
        self.warnings.extend(at.map(|at| (at, key)));
    }

    /// It is not in the way any more.
    pub(super) fn cancel_warning(&mut self, key: u64) {
        let warn_after = self.member(key).since.zip(self.warn_after);
        if let Some(at) = warn_after.and_then(|(since, time)| since.checked_add(time)) {
            self.warnings.remove(&(at, key));
        }
        self.member_mut(key).warned = false;
    }

    /// When the head of the line must look at the clock.
    pub(super) fn next_look(&self) -> Option<Instant> {
        let warning = self.warnings.first().map(|&(at, _)| at);
        warning.into_iter().chain(self.last_end()).min()
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
            if now < at {
                break;
            }
            self.warnings.pop_first();
            let member = self.member_mut(key);
            member.warned = true;
            let place = Arc::clone(&member.place);
            let info = Box::new(self.info(Some(now), &place));
            effects.push(Effect::Tell(News::Holds(info, waiting)));
        }
        self.next_look()
    }
}
