//! The clock that measures `WaitAtMost`: only time in which publishers wait is counted.

use std::time::Duration;

use crate::util::clock::Instant;

/// A stopwatch that runs while publishers wait for blocking members.
///
/// Deadlines are readings of this clock and not of the system's. Stopping the clock therefore
/// suspends the deadlines of all members at once, and takes O(1).
#[derive(Default)]
pub(super) struct WaitClock {
    /// The reading when the clock was last started or stopped.
    counted: Duration,
    /// The time of the last start; `None` while the clock is stopped.
    started: Option<Instant>,
}

impl WaitClock {
    pub(super) fn is_running(&self) -> bool {
        self.started.is_some()
    }

    /// Returns the reading at `now`, which is called only while the clock is running.
    #[inline]
    pub(super) fn read(&self, now: impl FnOnce() -> Instant) -> Duration {
        match self.started {
            Some(started) => self.counted + now().saturating_duration_since(started),
            None => self.counted,
        }
    }

    /// Starts the clock unless it is running, and returns the reading.
    #[inline]
    pub(super) fn start(&mut self, now: impl FnOnce() -> Instant) -> Duration {
        if self.is_running() {
            return self.read(now);
        }
        self.started = Some(now());
        self.counted
    }

    /// Stops the clock and keeps the reading.
    pub(super) fn stop(&mut self, now: impl FnOnce() -> Instant) {
        self.counted = self.read(now);
        self.started = None;
    }

    /// Stops the clock and resets the reading to that of the last start, without reading the
    /// system's clock. Valid only if no [`Waited`] of the running period is left.
    #[inline]
    pub(super) fn halt(&mut self) {
        self.started = None;
    }

    /// Returns when the reading will be `at` if the clock keeps running. `None` if the clock is
    /// stopped, or if the moment is not representable.
    pub(super) fn moment(&self, at: Duration) -> Option<Instant> {
        self.started?.checked_add(at.saturating_sub(self.counted))
    }
}

/// How long publishers have waited for a member to read.
#[derive(Clone, Copy)]
pub(super) struct Waited {
    /// The time counted in earlier blocking periods, since the member last read.
    before: Duration,
    /// The clock's reading when the present blocking period began.
    since: Duration,
}

impl Waited {
    /// Begins to count, with the clock's reading `now`.
    #[inline]
    pub(super) fn from(now: Duration) -> Self {
        Self {
            before: Duration::ZERO,
            since: now,
        }
    }

    /// Returns the time counted up to the clock's reading `now`.
    pub(super) fn so_far(self, now: Duration) -> Duration {
        self.before + now.saturating_sub(self.since)
    }

    /// Ends the blocking period at the clock's reading `now`, and keeps the time counted.
    pub(super) fn suspend(self, now: Duration) -> Self {
        Self {
            before: self.so_far(now),
            since: now,
        }
    }

    /// Begins another blocking period at the clock's reading `now`.
    pub(super) fn resume(self, now: Duration) -> Self {
        Self { since: now, ..self }
    }

    /// Returns the clock's reading at which `time` will have been counted; `None` if the reading
    /// is not representable.
    #[inline]
    pub(super) fn deadline(self, time: Duration) -> Option<Duration> {
        self.since.checked_add(time.saturating_sub(self.before))
    }
}

#[cfg(all(test, not(any(genevent_shuttle, genevent_loom))))]
mod tests {
    use super::*;

    #[test]
    fn time_in_which_the_clock_is_stopped_is_not_counted() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let seconds = Duration::from_secs;
        let mut clock = WaitClock::default();
        let waited = Waited::from(clock.start(|| at(0)));
        clock.stop(|| at(3));
        assert_eq!(clock.moment(seconds(5)), None);
        clock.start(|| at(10));
        assert_eq!(waited.so_far(clock.read(|| at(11))), seconds(4));
        assert_eq!(waited.deadline(seconds(5)), Some(seconds(5)));
        assert_eq!(clock.moment(seconds(5)), Some(at(12)));
    }

    #[test]
    fn a_suspended_wait_keeps_its_time_and_goes_on_from_there() {
        let seconds = Duration::from_secs;
        let suspended = Waited::from(seconds(1)).suspend(seconds(4));
        let resumed = suspended.resume(seconds(10));
        assert_eq!(resumed.so_far(seconds(12)), seconds(5));
        assert_eq!(resumed.deadline(seconds(5)), Some(seconds(12)));
        assert_eq!(resumed.deadline(Duration::MAX), None);
    }
}
