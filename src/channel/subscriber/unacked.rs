//! The deliveries in flight of a subscriber: received, and not settled yet.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::Weak;
use std::task::Waker;

use super::any_channel::AnyChannel;
use crate::util::panic_guard::{drop_caught, wake};
use crate::util::spare_waker::with_spare_waker;
use crate::util::sync::Mutex;

/// The deliveries in flight of a subscriber.
///
/// # Invariants
/// 1. The sequence number of a delivery that owes an acknowledgement is in `open` from before the
///    event is claimed until the delivery is settled. Code that reads the cursor first and `open`
///    second therefore finds every such event; code that reads `open` first may miss an event.
/// 2. `full` holds a waker only while at least `max` deliveries are in flight. A stream with room would
///    otherwise sleep until a delivery is settled, although it may go on.
pub(crate) struct UnackedSet {
    /// Unwind safe: the channel runs user code only after its state is complete.
    pub(crate) channel: AssertUnwindSafe<Weak<dyn AnyChannel>>,
    /// The most deliveries in flight.
    max: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The deliveries owing an acknowledgement.
    open: BTreeSet<u64>,
    /// The number of deliveries owing nothing: replayed events, or events after a disconnect.
    unowed: usize,
    /// The waker of a stream that waits until fewer deliveries are in flight.
    full: Option<Waker>,
}

impl State {
    fn count(&self) -> usize {
        let unowed = if seeded_bug!("max-unacked-ignores-replayed") {
            0
        } else {
            self.unowed
        };
        self.open.len() + unowed
    }
}

impl UnackedSet {
    pub(crate) fn new(channel: Weak<dyn AnyChannel>, max: usize) -> Self {
        Self {
            channel: AssertUnwindSafe(channel),
            max,
            state: Mutex::default(),
        }
    }

    /// Returns the number of deliveries in flight.
    pub(crate) fn count(&self) -> usize {
        self.state.lock().count()
    }

    /// Returns the oldest delivery in flight that owes an acknowledgement.
    pub(crate) fn first(&self) -> Option<u64> {
        self.state.lock().open.first().copied()
    }

    /// Returns whether the delivery of event `seq` owes an acknowledgement.
    pub(crate) fn contains(&self, seq: u64) -> bool {
        self.state.lock().open.contains(&seq)
    }

    /// Returns whether there is room for a delivery; if not, registers `waker` for when there is.
    pub(crate) fn has_room(&self, waker: &Waker) -> bool {
        with_spare_waker(waker, None, |spare| {
            let mut state = self.state.lock();
            if state.count() < self.max {
                let old = state.full.take();
                drop(state);
                drop_caught(old);
                return Some(true);
            }
            if state.full.as_ref().is_some_and(|w| w.will_wake(waker)) {
                return Some(false);
            }
            let old = state.full.replace(spare.take()?);
            drop(state);
            drop_caught(old);
            Some(false)
        })
    }

    /// Drops the waker: the stream no longer waits.
    pub(crate) fn stop_waiting(&self) {
        let waker = self.state.lock().full.take();
        drop_caught(waker);
    }

    /// Adds the delivery of event `seq`, which owes an acknowledgement.
    pub(crate) fn insert(&self, seq: u64) {
        self.state.lock().open.insert(seq);
    }

    /// Adds a delivery owing nothing.
    pub(crate) fn insert_unowed(&self) {
        self.state.lock().unowed += 1;
    }

    /// Removes a settled delivery, and wakes a stream that waits for room.
    pub(crate) fn remove(&self, seq: u64) {
        let mut state = self.state.lock();
        if !state.open.remove(&seq) {
            state.unowed -= 1;
        }
        let waker = state.full.take();
        drop(state);
        if let Some(waker) = waker.filter(|_| !seeded_bug!("ack-wakes-no-stream")) {
            wake(waker);
        }
    }
}
