//! Checks the events a subscriber received.

/// Counts events numbered from 0 and checks their order.
#[derive(Clone, Copy, Default)]
pub(crate) struct Tally {
    count: u64,
    sum: u64,
    /// The least number the next event may have.
    next: u64,
    out_of_order: bool,
}

impl Tally {
    pub(crate) fn see(&mut self, number: u64) {
        self.out_of_order |= number < self.next;
        self.next = number + 1;
        self.count += 1;
        self.sum = self.sum.wrapping_add(number);
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// # Panics
    /// Unless all of `events` were received, once each and in order.
    pub(crate) fn check(self, events: u64) {
        let sum = u128::from(events) * u128::from(events.saturating_sub(1)) / 2;
        assert_eq!(self.check_some(events), 0, "every event came once");
        assert_eq!(self.sum, sum as u64, "the events came unharmed");
    }

    /// Returns how many of `events` were not received.
    ///
    /// # Panics
    /// If an event was received twice or out of order, or was never sent.
    pub(crate) fn check_some(self, events: u64) -> u64 {
        assert!(!self.out_of_order, "the events came in order, once each");
        assert!(self.next <= events, "only what was sent came");
        events - self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(numbers: &[u64]) -> Tally {
        let mut tally = Tally::default();
        numbers.iter().for_each(|number| tally.see(*number));
        tally
    }

    #[test]
    fn what_is_missing_is_counted() {
        of(&[0, 1, 2]).check(3);
        assert_eq!(of(&[1, 4]).check_some(5), 3);
    }

    #[test]
    #[should_panic(expected = "in order")]
    fn an_event_that_comes_twice_is_found() {
        of(&[0, 1, 1]).check(3);
    }

    #[test]
    #[should_panic(expected = "every event came once")]
    fn an_event_that_does_not_come_is_found() {
        of(&[0, 2]).check(3);
    }
}
