//! Warnings about subscribers blocking publishers for long (feature `tracing`).

use std::collections::BTreeSet;
use std::time::Duration;

use super::Machine;
use crate::channel::effects::{Effect, Effects};
use crate::channel::machine::wait_clock::Waited;
use crate::channel::trace::Record;
use crate::util::clock::Instant;
use crate::util::sync::Arc;

/// The times at which to warn of each timed member, until the warning is given.
///
/// # Invariants
/// 1. A member has at most a single entry, computed from its [`Waited`] and `warn_after`: the entry
///    can be removed without a search.
#[derive(Default)]
pub(super) struct Warnings {
    /// How long a member may block publishers before a warning is given; `None`: for ever.
    warn_after: Option<Duration>,
    /// Readings of the [`WaitClock`](super::wait_clock::WaitClock) at which warnings are due.
    due: BTreeSet<(Duration, u64)>,
}

impl Warnings {
    /// Creates an empty set, for warnings after `warn_after`.
    pub(super) fn after(warn_after: Option<Duration>) -> Self {
        Self {
            warn_after,
            due: BTreeSet::new(),
        }
    }

    fn entry(&self, number: u64, waited: Waited) -> Option<(Duration, u64)> {
        Some((waited.deadline(self.warn_after?)?, number))
    }

    /// Plans the warning of a member.
    pub(super) fn plan(&mut self, number: u64, waited: Waited) {
        self.due.extend(self.entry(number, waited));
    }

    /// Drops the warning planned with this `waited`, if any.
    pub(super) fn cancel(&mut self, number: u64, waited: Option<Waited>) {
        if let Some(entry) = waited.and_then(|waited| self.entry(number, waited)) {
            self.due.remove(&entry);
        }
    }

    /// Returns the clock's reading at which the next warning is due.
    pub(super) fn next(&self) -> Option<Duration> {
        self.due.first().map(|&(at, _)| at)
    }

    /// Removes and returns a member whose warning is due at the clock's reading `now`.
    pub(super) fn pop_due(&mut self, now: Duration) -> Option<u64> {
        if self.next()? > now {
            return None;
        }
        self.due.pop_first().map(|(_, number)| number)
    }
}

impl<E> Machine<E> {
    /// Sets for how long a member may block publishers before a warning is given.
    pub(crate) fn set_warn_after(&mut self, time: Option<Duration>) {
        self.blockers.set_warn_after(time);
    }

    /// Emits the due warnings, with the number of `waiting` publishers. Returns when to
    /// check again.
    pub(crate) fn warn(
        &mut self,
        waiting: usize,
        now: impl Fn() -> Instant,
        effects: &mut Effects<E>,
    ) -> Option<Instant> {
        loop {
            let now = now();
            let Some(number) = self.blockers.pop_warning(now, &mut self.members) else {
                return self.timer();
            };
            let subscriber = Arc::clone(&self.member(number).subscriber);
            let info = Box::new(self.info(Some(now), &subscriber));
            effects.push(Effect::Trace(Record::Holds(subscriber, info, waiting)));
        }
    }
}
