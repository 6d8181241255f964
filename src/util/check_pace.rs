//! The pace of checks of invariants in debug builds, so that they cost O(1) per step on average.

#[cfg(debug_assertions)]
use std::cell::Cell;

/// Decides after which steps an O(n) check runs: after every step for a few items, and after every `n`th
/// step for `n` items.
///
/// Checking large states after every step would make tests with many events quadratic. Takes no memory
/// in release builds, which check nothing.
#[derive(Default, Debug)]
pub(crate) struct CheckPace {
    #[cfg(debug_assertions)]
    skipped: Cell<usize>,
}

impl CheckPace {
    /// Counts a step. Returns whether a check of `items` items must run after it. Up to `few` items are checked
    /// after every step.
    #[cfg(debug_assertions)]
    pub(crate) fn is_due(&self, items: usize, few: usize) -> bool {
        let skipped = self.skipped.get() + 1;
        let is_due = items <= few || skipped >= items;
        self.skipped.set(if is_due { 0 } else { skipped });
        is_due
    }

    #[cfg(not(debug_assertions))]
    pub(crate) fn is_due(&self, _items: usize, _few: usize) -> bool {
        false
    }
}

#[cfg(all(test, debug_assertions, not(any(genevent_shuttle, genevent_loom))))]
mod tests {
    use super::*;

    #[test]
    fn small_states_are_checked_after_every_step() {
        let pace = CheckPace::default();
        assert!((0..1_000).all(|step| pace.is_due(step % 65, 64)));
    }

    #[test]
    fn large_states_are_checked_at_a_constant_average_cost() {
        let pace = CheckPace::default();
        let checks = (0..100_000).filter(|_| pace.is_due(1_000, 64)).count();
        assert_eq!(checks, 100);
    }
}
