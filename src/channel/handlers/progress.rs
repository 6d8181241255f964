//! The progress of a group with the event in flight.

use crate::util::sync::Mutex;

/// How many handlers of a group have answered an event. Told by the runner while a handler awaits, and read
/// when the handlers that a call waits for are to be named.
#[derive(Default)]
pub(crate) struct GroupProgress(Mutex<Told>);

#[derive(Default)]
struct Told {
    seq: u64,
    answered: usize,
}

impl GroupProgress {
    /// Records that `answered` handlers have answered event `seq`, and that the next one has not.
    #[cfg(feature = "rt")]
    pub(crate) fn tell(&self, seq: u64, answered: usize) {
        *self.0.lock() = Told { seq, answered };
    }

    /// Returns how many handlers have answered event `seq`.
    pub(crate) fn answered(&self, seq: u64) -> usize {
        let told = self.0.lock();
        if told.seq == seq { told.answered } else { 0 }
    }
}
