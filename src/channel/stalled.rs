//! Stalled grants: places granted to publishers that are kept without being polled.
//!
//! A publishing future may be kept and not polled, for example by `select!` in a loop, or by a sink
//! whose `send` timed out. Its granted place must not delay other publishers. So a place that was not
//! taken for some time goes to another publisher:
//!
//! - a publisher that is polled yields once, and then takes the place over ([`State::try_admit`]);
//! - for the publishers that sleep in a runtime, the channel spawns a task
//!   ([`GrantMonitor`](super::grant_monitor::GrantMonitor)), which checks the grants each millisecond.
//!
//! A waiter that was woken without a place, to check for room itself, may be kept as well. Then the
//! next sleeping publisher is woken to check.

use std::sync::Weak;

use super::{Channel, State};
use crate::channel::effects::Effects;
use crate::channel::wait_queue::GrantNumber;
#[cfg(feature = "rt")]
use crate::{
    channel::effects::Effect,
    channel::grant_monitor::{GrantMonitor, MonitorGrants},
    util::spawn::Spawner,
};

/// While reading would make room as well, only one in this many checks looks for stalled grants. Sleeping
/// publishers can wait for the readers, and a granted publisher is late if its thread is not scheduled.
const LONG_CHECK: u64 = 10;

/// The search for stalled grants.
pub(super) struct StalledGrants {
    /// The number of the next grant, at the last check.
    next_at_check: GrantNumber,
    /// The number of the next grant, at the last multiple of [`LONG_CHECK`] checks.
    next_at_long_check: GrantNumber,
    checks: u64,
    /// A waiter was woken to check for room itself, or to set its timer, and no publisher has checked
    /// since.
    pub(super) is_unchecked: bool,
    /// Whether the task of the grant monitor runs.
    is_monitored: bool,
    /// Whether any publisher that is queued has slept in a runtime. Its places may be freed on threads
    /// outside of any runtime.
    #[cfg(feature = "rt")]
    slept_in_runtime: bool,
    #[cfg(feature = "rt")]
    channel: Weak<dyn MonitorGrants>,
}

impl StalledGrants {
    pub(super) fn new<E: Send + Sync + 'static>(channel: &Weak<Channel<E>>) -> Self {
        #[cfg(not(feature = "rt"))]
        let _ = channel;
        Self {
            next_at_check: GrantNumber::default(),
            next_at_long_check: GrantNumber::default(),
            checks: 0,
            is_unchecked: false,
            is_monitored: false,
            #[cfg(feature = "rt")]
            slept_in_runtime: false,
            #[cfg(feature = "rt")]
            channel: Weak::clone(channel) as _,
        }
    }
}

impl<E> State<E> {
    /// Returns whether the places for which publishers sleep may stall, and no task monitors them.
    #[inline]
    fn must_monitor_grants(&self) -> bool {
        self.may_stall() && !self.stalled.is_monitored
    }

    /// Returns whether publishers sleep while places are granted, or while a woken waiter has yet to check
    /// for room.
    #[inline]
    fn may_stall(&self) -> bool {
        self.queue.has_sleepers() && (self.queue.granted() > 0 || self.stalled.is_unchecked)
    }

    /// Returns whether a task monitors granted places, or can be spawned to.
    pub(super) fn can_monitor_grants(&self) -> bool {
        #[cfg(feature = "rt")]
        let can_spawn = self.stalled.slept_in_runtime || Spawner::try_current().is_some();
        #[cfg(not(feature = "rt"))]
        let can_spawn = false;
        self.stalled.is_monitored || can_spawn
    }

    /// Grants places that have not been taken for some checks to sleeping publishers. Returns whether
    /// there is more to monitor.
    fn reassign_stalled(&mut self, effects: &mut Effects<E>) -> bool {
        if self.stalled.is_unchecked {
            effects.wake(self.queue.wake_first_sleeper());
        }
        let next_grant = self.queue.next_grant();
        let StalledGrants {
            next_at_check,
            next_at_long_check,
            checks,
            ..
        } = &mut self.stalled;
        let mut stalled = std::mem::replace(next_at_check, next_grant);
        *checks += 1;
        if !self.machine.is_held_by_reserved() {
            if *checks % LONG_CHECK != 0 {
                return self.may_stall();
            }
            stalled = std::mem::replace(next_at_long_check, next_grant);
        }
        // Take all stalled places at once. With one place in each check, many kept futures would delay the
        // sleeping publishers by a check each.
        let mut are_free = false;
        while self.may_stall() && self.queue.displace(stalled) {
            self.machine.release_grant();
            are_free = true;
        }
        if are_free {
            self.serve_queue(effects);
        }
        self.may_stall()
    }

    /// Spawns the grant monitor, if publishers need it and a runtime is known.
    #[cfg(feature = "rt")]
    #[inline]
    pub(super) fn monitor_grants(&mut self, effects: &mut Effects<E>) {
        if self.must_monitor_grants() && !seeded_bug!("stalled-grants-unmonitored") {
            self.spawn_monitor(effects);
        }
    }

    #[cfg(feature = "rt")]
    #[cold]
    fn spawn_monitor(&mut self, effects: &mut Effects<E>) {
        let spawner = Spawner::try_current();
        if spawner.is_some() || self.stalled.slept_in_runtime {
            self.stalled.is_monitored = true;
            self.stalled.next_at_check = self.queue.next_grant();
            let monitor = GrantMonitor::new(&self.stalled.channel);
            effects.push(Effect::MonitorGrants(Box::new((spawner, monitor))));
        }
    }

    /// Notes that a publisher has gone to sleep.
    #[cfg(feature = "rt")]
    #[inline]
    pub(super) fn note_sleeper(&mut self) {
        if !self.stalled.slept_in_runtime {
            self.stalled.slept_in_runtime = Spawner::try_current().is_some();
        }
    }

    /// Notes that no publisher waits for a place.
    #[cfg(feature = "rt")]
    #[inline]
    pub(super) fn note_no_waiters(&mut self) {
        self.stalled.slept_in_runtime = false;
    }
}

#[cfg(feature = "rt")]
impl<E: Send + Sync> MonitorGrants for Channel<E> {
    fn check_grants(&self) -> bool {
        self.run(|state, effects| {
            // Record the end of the task under this lock: the next publisher to sleep spawns another task.
            state.stalled.is_monitored = state.reassign_stalled(effects);
            state.stalled.is_monitored
        })
    }

    fn monitor_lost(&self) {
        self.run(|state, effects| {
            state.stalled.is_monitored = false;
            // The present runtime is shutting down, and would drop another task at once. Each
            // sleeping publisher is polled in its own runtime, and spawns a task there.
            effects.wake(state.queue.wake_all());
        });
    }
}
