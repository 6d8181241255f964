//! Granted places, and turns: how many events publishers store before they yield to the granted.
//!
//! A publisher in a loop that always finds room would fill every place, while the publishers that
//! were granted a place wait for their tasks to be polled. So while grants are outstanding, the
//! publishers that find room share the capacity with the granted: after a *turn* of
//! `capacity / (grants + 1)` events, the next publisher yields once, with a granted place of its
//! own.

/// The number of granted places, and the present turn.
///
/// # Invariants
/// 1. `ends_at` is `u64::MAX` exactly without grants. The fast path of publishing compares the
///    tail with `ends_at` alone.
pub(super) struct Turns {
    capacity: u64,
    granted: u64,
    /// The tail at which the present turn began.
    began_at: u64,
    /// The tail at which the present turn ends.
    ends_at: u64,
}

impl Turns {
    pub(super) fn new(capacity: u64) -> Self {
        Self {
            capacity,
            granted: 0,
            began_at: 0,
            ends_at: u64::MAX,
        }
    }

    /// Returns the number of granted places that have not been taken.
    pub(super) fn granted(&self) -> u64 {
        self.granted
    }

    /// Returns whether a publisher that finds room must yield first.
    #[inline]
    pub(super) fn is_over(&self, tail: u64) -> bool {
        self.ends_at <= tail
    }

    /// Counts another granted place.
    #[inline]
    pub(super) fn grant(&mut self, tail: u64) {
        if self.granted == 0 {
            self.began_at = tail;
        }
        self.granted += 1;
        self.update_end();
    }

    /// Begins a turn with a publisher that yields. Its own place has been granted before.
    pub(super) fn begin(&mut self, tail: u64) {
        self.began_at = tail;
        self.update_end();
    }

    /// Counts a granted place that was taken, or given back.
    #[inline]
    pub(super) fn take(&mut self) {
        self.granted -= 1;
        self.update_end();
    }

    /// Counts all granted places as given back, and returns how many there were.
    pub(super) fn take_all(&mut self) -> u64 {
        let granted = std::mem::take(&mut self.granted);
        self.update_end();
        granted
    }

    /// Restores invariant 1.
    #[inline]
    fn update_end(&mut self) {
        self.ends_at = match self.granted {
            0 => u64::MAX,
            granted => self.began_at + (self.capacity / (granted + 1)).max(1),
        };
    }

    /// Asserts the invariants.
    pub(super) fn check(&self) {
        assert_eq!(
            self.ends_at == u64::MAX,
            self.granted == 0,
            "turns: invariant 1"
        );
    }
}

#[cfg(all(test, not(any(genevent_shuttle, genevent_loom))))]
mod tests {
    use super::*;

    #[test]
    fn the_capacity_is_shared_among_the_granted_and_one_more() {
        let mut turns = Turns::new(12);
        assert!(!turns.is_over(u64::MAX - 1));
        turns.grant(5);
        assert!(!turns.is_over(10) && turns.is_over(11));
        turns.grant(7);
        assert!(!turns.is_over(8) && turns.is_over(9));
        turns.begin(9);
        assert!(!turns.is_over(12) && turns.is_over(13));
        turns.take();
        turns.take();
        assert!(!turns.is_over(u64::MAX - 1));
    }

    #[test]
    fn a_turn_has_at_least_one_event() {
        let mut turns = Turns::new(2);
        (0..5).for_each(|_| turns.grant(3));
        assert!(!turns.is_over(3) && turns.is_over(4));
    }
}
