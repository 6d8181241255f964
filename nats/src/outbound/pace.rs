//! The present limit of unconfirmed events.

/// The present limit of unconfirmed events.
///
/// Each event under way names its predecessor, and the broker refuses an event whose predecessor is
/// not the stream's last message. This check keeps the order when a connection breaks. Another publisher of
/// the same stream breaks the chain as well. So after a refusal a single event at a time is sent, which
/// needs no predecessor; after some calm the number doubles, up to the limit.
#[derive(Debug)]
pub(super) struct Pace {
    /// The most events, as the user chose.
    limit: usize,
    allowed: usize,
    /// The confirmations in a row that double `allowed`.
    needed: u32,
    /// The confirmations since `allowed` changed.
    calm: u32,
}

/// The longest time of calm before `allowed` doubles, in confirmations.
const LONGEST: u32 = 256;

impl Pace {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            allowed: limit,
            needed: 1,
            calm: 0,
        }
    }

    /// Returns how many events may be unconfirmed.
    pub(super) fn allowed(&self) -> usize {
        self.allowed
    }

    /// Notes a confirmation.
    pub(super) fn confirmed(&mut self) {
        if self.allowed == self.limit {
            self.needed = 1;
            return;
        }
        self.calm += 1;
        if self.calm >= self.needed {
            self.calm = 0;
            self.allowed = self.allowed.saturating_mul(2).min(self.limit);
        }
    }

    /// Notes a break of the chain.
    pub(super) fn broken(&mut self) {
        self.allowed = 1;
        self.calm = 0;
        self.needed = (self.needed * 2).min(LONGEST);
    }
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, Pace};

    #[test]
    fn a_broken_chain_narrows_to_one_and_calm_widens_again() {
        let mut pace = Pace::new(8);
        assert_eq!(pace.allowed(), 8);
        pace.broken();
        assert_eq!(pace.allowed(), 1);
        for _ in 0..6 {
            pace.confirmed();
        }
        assert_eq!(pace.allowed(), 8);
    }

    #[test]
    fn lasting_contention_is_probed_ever_more_rarely() {
        let mut pace = Pace::new(8);
        for _ in 0..100 {
            pace.broken();
        }
        for _ in 1..LONGEST {
            pace.confirmed();
            assert_eq!(pace.allowed(), 1);
        }
        pace.confirmed();
        assert_eq!(pace.allowed(), 2);
    }

    #[test]
    fn a_limit_without_bound_is_reached_without_overflow() {
        let mut pace = Pace::new(usize::MAX);
        pace.broken();
        for _ in 0..1000 {
            pace.confirmed();
        }
        assert_eq!(pace.allowed(), usize::MAX);
    }
}
