//! Granted places, and turns: how many events publishers store before they yield to the granted.
//!
//! A publisher in a loop that always finds room would fill every place, while the publishers that
//! were granted a place wait for their tasks to be polled. So while grants are outstanding, the
//! publishers that find room share the room with the granted: after a *turn* of
//! `room / (grants + 1)` events, the next publisher yields once, with a granted place of its
//! own. The room is the smallest window of a lossless subscriber, or the capacity.

use std::collections::BTreeMap;

/// The number of granted places, and the present turn.
///
/// # Invariants
/// 1. `ends_at` is `u64::MAX` exactly without grants. The fast path of publishing compares the
///    tail with `ends_at` alone.
/// 2. `room` is the first key of `windows`, or `capacity` without windows.
pub(super) struct Turns {
    capacity: u64,
    /// How many lossless members have each window that is smaller than the capacity.
    windows: BTreeMap<u64, usize>,
    room: u64,
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
            windows: BTreeMap::new(),
            room: capacity,
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

    /// Returns the smallest window of a lossless member, or the capacity.
    pub(super) fn smallest_window(&self) -> u64 {
        self.room
    }

    /// Counts the window of a lossless member that has joined.
    pub(super) fn add_window(&mut self, window: u64) {
        if window < self.capacity {
            *self.windows.entry(window).or_default() += 1;
            self.update_room();
        }
    }

    /// Counts the window of a lossless member that has left.
    pub(super) fn remove_window(&mut self, window: u64) {
        if let Some(members) = self.windows.get_mut(&window) {
            *members -= 1;
            if *members == 0 {
                self.windows.remove(&window);
                self.update_room();
            }
        }
    }

    /// Restores invariant 2.
    fn update_room(&mut self) {
        let smallest = self.windows.first_key_value();
        self.room = smallest.map_or(self.capacity, |(&window, _)| window);
        self.update_end();
    }

    /// Restores invariant 1.
    #[inline]
    fn update_end(&mut self) {
        self.ends_at = match self.granted {
            0 => u64::MAX,
            granted => self.began_at + (self.room / (granted + 1)).max(1),
        };
    }

    /// Asserts the invariants.
    pub(super) fn check(&self) {
        assert_eq!(
            self.ends_at == u64::MAX,
            self.granted == 0,
            "turns: invariant 1"
        );
        let smallest = self.windows.keys().min();
        let room = smallest.copied().unwrap_or(self.capacity);
        assert_eq!(self.room, room, "turns: invariant 2");
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
    fn the_smallest_window_is_shared() {
        let mut turns = Turns::new(12);
        for window in [6, 4, 4, 12] {
            turns.add_window(window);
        }
        turns.grant(0);
        assert!(!turns.is_over(1) && turns.is_over(2), "4 / 2");
        turns.remove_window(4);
        assert!(turns.is_over(2), "another member has this window");
        turns.remove_window(4);
        assert!(!turns.is_over(2) && turns.is_over(3), "6 / 2");
        turns.remove_window(12);
        turns.remove_window(6);
        assert!(!turns.is_over(5) && turns.is_over(6), "12 / 2");
        turns.check();
    }

    #[test]
    fn a_turn_has_at_least_one_event() {
        let mut turns = Turns::new(2);
        (0..5).for_each(|_| turns.grant(3));
        assert!(!turns.is_over(3) && turns.is_over(4));
    }
}
