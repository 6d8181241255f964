//! Retention: the newest events are kept for late subscribers.
//!
//! The log keeps retained events whether or not a reader is left. The machine trims them through an
//! entry in `lossy`, as if retention were a lossy subscriber whose window is full from time to
//! time.

use super::Machine;
use crate::channel::effects::Effects;
use crate::channel::source::{AfterBacklog, Backlog};

impl<E> Machine<E> {
    /// Returns the newest retained events, at most `events` of them, as a backlog to replay.
    pub(super) fn replay(&mut self, events: usize) -> Option<Box<Backlog<E>>> {
        let (next, segments) = self.log.newest_segments(events as u64);
        (!segments.is_empty()).then(|| {
            Box::new(Backlog {
                segments,
                next,
                end: self.log.tail(),
                after: AfterBacklog::Live,
            })
        })
    }

    /// Frees events that need not be retained any more, and enters the tail at which to do so
    /// again. Called about once per segment, so that trimming costs O(1) per event.
    pub(super) fn trim_retained(&mut self, effects: &mut Effects<E>) {
        if self.log.retains() {
            let at = self.log.trim_retained(effects);
            self.lossy.push_retention(at);
        }
    }
}
