//! What one subscriber received, checked.

/// Counts events numbered from 0, and notes whether they came in order.
#[derive(Clone, Copy)]
pub(crate) struct Tally {
    count: u64,
    sum: u64,
    in_order: bool,
}

impl Tally {
    pub(crate) fn new() -> Self {
        Self {
            count: 0,
            sum: 0,
            in_order: true,
        }
    }

    pub(crate) fn see(&mut self, number: u64) {
        self.in_order &= number == self.count;
        self.count += 1;
        self.sum = self.sum.wrapping_add(number);
    }

    /// # Panics
    /// Unless all of `events` came, once each and in order.
    pub(crate) fn check(self, events: u64) {
        let sum = u128::from(events) * u128::from(events.saturating_sub(1)) / 2;
        assert_eq!(self.count, events, "every event came once");
        assert!(self.in_order, "the events came in order");
        assert_eq!(self.sum, sum as u64, "the events came unharmed");
    }
}
