//! The keeper of the newest events, for those who come late: as if it were one more reader.

use super::Ring;
use crate::channel::effects::Effects;
use crate::channel::source::{After, Rest};

impl<E> Ring<E> {
    /// The newest of the retained events, at most so many.
    pub(super) fn replay(&mut self, events: usize) -> Option<Box<Rest<E>>> {
        let (next, segments) = self.log.newest(events as u64);
        (!segments.is_empty()).then(|| {
            Box::new(Rest {
                segments,
                next,
                end: self.log.tail(),
                after: After::Live,
            })
        })
    }

    /// Lets go of events that have been retained for long enough, from time to time.
    pub(super) fn let_go(&mut self, effects: &mut Effects<E>) {
        if self.log.retains() {
            let at = self.log.let_go(effects);
            self.yields.push_keeper(at);
        }
    }
}
