//! Stalled places, and the checks that pass stalled places on.

use super::{Reference, Standing};

/// The milliseconds between two checks of granted places.
const CHECK_INTERVAL: u64 = 1;

/// While reading makes room as well, only each check of this number looks for stalled grants.
const LONG_CHECK: u64 = 10;

/// The search for stalled places.
#[derive(Default)]
pub(super) struct StalledGrants {
    checks: u64,
    /// How many places had been granted at the last check.
    at_check: usize,
    /// How many places had been granted at the last multiple of [`LONG_CHECK`] checks.
    at_long_check: usize,
    /// A waiter was woken to check for room itself, or to set its timer, and no publisher has checked
    /// since.
    pub(super) is_unchecked: bool,
}

impl Reference {
    /// Whether publishers sleep while places are granted, which may never be taken, or while a
    /// publisher is to check for room, and may never do so.
    fn may_stall(&self) -> bool {
        self.has_sleepers() && (!self.granted().is_empty() || self.stalled.is_unchecked)
    }

    /// In a runtime, a task monitors granted places.
    pub(super) fn monitor_grants(&mut self) {
        if self.in_runtime && self.monitor.is_none() && self.may_stall() {
            self.monitor = Some(self.now + CHECK_INTERVAL);
            self.stalled.at_check = self.grants;
        }
    }

    /// Runs the grant monitor, if its time has come.
    pub(super) fn run_monitor(&mut self) {
        if self.monitor.is_some_and(|turn| turn <= self.now) {
            let goes_on = self.reassign_stalled();
            self.monitor = goes_on.then_some(self.now + CHECK_INTERVAL);
            self.monitor_grants();
        }
    }

    /// Grants the places not taken during a check, or during many checks, to sleepers.
    fn reassign_stalled(&mut self) -> bool {
        if self.stalled.is_unchecked {
            let sleepers = self.queued(|standing| standing == Standing::Asleep);
            if let Some(&first) = sleepers.first() {
                self.wake(first);
            }
        }
        let StalledGrants {
            checks, at_check, ..
        } = &mut self.stalled;
        let mut stalled = std::mem::replace(at_check, self.grants);
        *checks += 1;
        let is_long_check = *checks % LONG_CHECK == 0;
        if !self.is_held_by_reserved() {
            if !is_long_check {
                return self.may_stall();
            }
            stalled = std::mem::replace(&mut self.stalled.at_long_check, self.grants);
        }
        let mut are_free = false;
        while self.may_stall() && self.displace(stalled) {
            self.unblock_with_room();
            are_free = true;
        }
        if are_free {
            self.serve();
        }
        self.may_stall()
    }
}
