//! For how long publishers have waited for a subscriber: time in which nobody waits does not count.

use std::time::Duration;

use crate::util::clock::Instant;

/// A clock that runs only while publishers wait. It tells how long it has been running in all, so
/// that stopping it takes the same time for one subscriber as for a thousand.
#[derive(Default)]
pub(super) struct WaitClock {
    /// How long it had been running when it was last started.
    counted: Duration,
    started: Option<Instant>,
}

impl WaitClock {
    pub(super) fn is_running(&self) -> bool {
        self.started.is_some()
    }

    /// What it tells at `now`, which is asked for only if the clock is running.
    #[inline]
    pub(super) fn read(&self, now: impl FnOnce() -> Instant) -> Duration {
        match self.started {
            Some(started) => self.counted + now().saturating_duration_since(started),
            None => self.counted,
        }
    }

    /// Starts it, if it is not running; gives what it tells.
    #[inline]
    pub(super) fn start(&mut self, now: impl FnOnce() -> Instant) -> Duration {
        if self.is_running() {
            return self.read(now);
        }
        self.started = Some(now());
        self.counted
    }

    /// Stops it, if it is running.
    pub(super) fn stop(&mut self, now: impl FnOnce() -> Instant) {
        self.counted = self.read(now);
        self.started = None;
    }

    /// Stops it where nobody remembers what it told: without looking at the time.
    #[inline]
    pub(super) fn halt(&mut self) {
        self.started = None;
    }

    /// When it will tell `at`, if it goes on running. `None` if it is not, or if no clock can tell
    /// that moment.
    pub(super) fn moment(&self, at: Duration) -> Option<Instant> {
        self.started?.checked_add(at.saturating_sub(self.counted))
    }
}

/// For how long publishers have waited for a subscriber to take an event.
#[derive(Clone, Copy)]
pub(super) struct Waited {
    /// Before what is counted by the clock.
    pub(super) before: Duration,
    /// What the clock told when they began to wait this time.
    pub(super) since: Duration,
}

impl Waited {
    /// When the clock tells `now`.
    pub(super) fn so_far(self, now: Duration) -> Duration {
        self.before + now.saturating_sub(self.since)
    }

    /// What the clock will tell when they have waited for `time` in all; `None` if it never will.
    #[inline]
    pub(super) fn end(self, time: Duration) -> Option<Duration> {
        self.since.checked_add(time.saturating_sub(self.before))
    }
}
