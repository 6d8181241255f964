//! Retention: the newest events are kept for late subscribers.
//!
//! The log keeps retained events whether or not a reader is left. The machine trims them through an
//! entry in `lossy`, as if retention were a lossy subscriber whose window is full from time to
//! time.

use super::Machine;
use crate::channel::effects::Effects;
use crate::channel::source::{AfterBacklog, Backlog};
use crate::options::Replay;

/// The events that a new subscriber starts with.
pub(crate) struct Replayed<E> {
    /// The retained events.
    pub(crate) backlog: Option<Box<Backlog<E>>>,
    /// The number of events that were asked for and are not retained any more.
    pub(crate) missed: u64,
}

impl<E> Machine<E> {
    /// Returns the retained events that `replay` asks for.
    pub(crate) fn replay(&mut self, replay: Replay) -> Replayed<E> {
        let (tail, retained) = (self.log.tail(), self.log.first_retained());
        let wanted = match replay {
            // A closed machine retains nothing, and has no late subscribers.
            _ if self.closed => tail + 1,
            Replay::Nothing => tail + 1,
            Replay::Newest(events) => (tail + 1).saturating_sub(events as u64).max(retained),
            Replay::Since(seq) => seq.saturating_add(1),
        };
        let next = wanted.max(retained);
        let backlog = (next <= tail).then(|| {
            Box::new(Backlog {
                segments: self.log.retained_from(next),
                next,
                end: tail,
                after: AfterBacklog::Live,
            })
        });
        Replayed {
            backlog,
            missed: retained.min(tail + 1).saturating_sub(wanted),
        }
    }

    /// Frees the events retained so far: late subscribers do not get them any more.
    pub(crate) fn clear_retained(&mut self, effects: &mut Effects<E>) {
        if self.log.retains() {
            self.log.clear_retained(effects);
            self.assert_invariants();
        }
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
