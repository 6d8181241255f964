//! The pauses between attempts.

use std::time::Duration;

/// The pauses between attempts: each twice the previous pause, up to a maximum.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use genevent_nats::Backoff;
///
/// let backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
/// assert_eq!(backoff.after(1), Duration::from_millis(100));
/// assert_eq!(backoff.after(2), Duration::from_millis(200));
/// assert_eq!(backoff.after(9), Duration::from_secs(1));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    max: Duration,
}

/// The longest pause: the timers of tokio take no time without end.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

impl Backoff {
    /// Creates a backoff that begins with `first` and stays at `max`, or at a year if `max` is longer.
    #[must_use]
    pub const fn new(first: Duration, max: Duration) -> Self {
        Self { first, max }
    }

    /// Returns the pause after `attempts` failed attempts, from 1.
    #[must_use]
    pub fn after(&self, attempts: u64) -> Duration {
        let doubled = u32::try_from(attempts.saturating_sub(1)).unwrap_or(u32::MAX);
        let factor = 1_u32.checked_shl(doubled).unwrap_or(u32::MAX);
        (self.first.saturating_mul(factor).min(self.max)).min(LONGEST)
    }
}

impl Default for Backoff {
    /// Returns the pauses from 100 milliseconds to 30 seconds.
    fn default() -> Self {
        Self::new(Duration::from_millis(100), Duration::from_secs(30))
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[test]
    fn the_longest_pause_can_be_waited_for() {
        let endless = Backoff::new(Duration::MAX, Duration::MAX);
        assert_eq!(endless.after(u64::MAX), LONGEST);
        assert!(Instant::now().checked_add(endless.after(1)).is_some());
    }
}
