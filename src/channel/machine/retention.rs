//! The keeper of the newest events, for those who come late: as if it were one more reader.

use super::Machine;
use crate::channel::effects::Effects;
use crate::channel::source::{Backlog, Then};

impl<E> Machine<E> {
    /// The newest of the retained events, at most so many.
    pub(super) fn replay(&mut self, events: usize) -> Option<Box<Backlog<E>>> {
        let (next, segments) = self.log.newest(events as u64);
        (!segments.is_empty()).then(|| {
            Box::new(Backlog {
                segments,
                next,
                end: self.log.tail(),
                after: Then::Live,
            })
        })
    }

    /// Lets go of events that have been retained for long enough, from time to time.
    pub(super) fn trim_retained(&mut self, effects: &mut Effects<E>) {
        if self.log.retains() {
            let at = self.log.trim_retained(effects);
            self.lossy.push_retention(at);
        }
    }
}
