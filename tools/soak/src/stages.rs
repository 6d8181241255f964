//! The settled events of a subscriber, visible to the stage after the subscriber.

use std::collections::HashSet;
use std::sync::Mutex;

/// The events the predecessor finishes, recorded just before.
#[derive(Default)]
pub(crate) struct Before(Mutex<Notes>);

#[derive(Default)]
struct Notes {
    in_flight: Option<u64>,
    finished: HashSet<u64>,
    /// The events the stage has seen and the predecessor must have missed.
    lost: HashSet<u64>,
    left: bool,
}

impl Before {
    pub(crate) fn take(&self, event: u64) {
        let mut notes = self.0.lock().unwrap();
        assert!(
            !notes.lost.contains(&event),
            "{event:#x} was seen too early"
        );
        notes.in_flight = Some(event);
    }

    /// Records the event in flight, if any.
    pub(crate) fn finish(&self) {
        let mut notes = self.0.lock().unwrap();
        let finished = notes.in_flight.take();
        notes.finished.extend(finished);
    }

    pub(crate) fn leave(&self) {
        self.0.lock().unwrap().left = true;
    }

    /// Records this event, seen by the stage.
    pub(crate) fn check(&self, event: u64, lossy: bool) {
        let mut notes = self.0.lock().unwrap();
        if notes.left || notes.finished.contains(&event) {
            return;
        }
        assert!(lossy, "{event:#x} is seen, and not settled");
        assert_ne!(notes.in_flight, Some(event), "seen while in flight");
        notes.lost.insert(event);
    }
}
