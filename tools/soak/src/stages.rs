//! What a subscriber has settled, as the one after it may see it.

use std::collections::HashSet;
use std::sync::Mutex;

/// Noted by the one before: what it finishes with, just before it does.
#[derive(Default)]
pub(crate) struct Before(Mutex<Notes>);

#[derive(Default)]
struct Notes {
    in_hand: Option<u64>,
    finished: HashSet<u64>,
    /// What the one after has seen, and this one must have lost.
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
        notes.in_hand = Some(event);
    }

    /// Of what is in hand, if anything is.
    pub(crate) fn finish(&self) {
        let mut notes = self.0.lock().unwrap();
        let finished = notes.in_hand.take();
        notes.finished.extend(finished);
    }

    pub(crate) fn leave(&self) {
        self.0.lock().unwrap().left = true;
    }

    /// The one after sees this event.
    pub(crate) fn check(&self, event: u64, lossy: bool) {
        let mut notes = self.0.lock().unwrap();
        if notes.left || notes.finished.contains(&event) {
            return;
        }
        assert!(lossy, "{event:#x} is seen, and not settled");
        assert_ne!(notes.in_hand, Some(event), "seen while it is in hand");
        notes.lost.insert(event);
    }
}
