//! The deliveries that a subscriber has out: received, and not yet answered for.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::Weak;
use std::task::Waker;

use crate::subscriber_id::SubscriberId;
use crate::util::panic_guard::{drop_caught, wake};
use crate::util::sync::Mutex;

/// Whoever must hear what a subscriber does, whatever its events are: the channel.
pub(crate) trait ChannelReports: Send + Sync {
    /// A watched subscriber has settled something.
    fn report_settled(&self, subscriber: SubscriberId);

    /// A watched subscriber has taken from its lane, or else only finished.
    fn report_queue(&self, subscriber: SubscriberId, took: bool);

    /// A subscriber is gone, and has answered for the event in hand. True if it counted.
    fn report_gone(&self, subscriber: SubscriberId) -> bool;
}

/// # Invariants
/// 1. The number of a delivery that is owed is in `open` from before the event is claimed until its delivery is answered for.
///    So whoever looks at the cursor first and at `open` second misses none; the other way round
///    it may.
/// 2. A stream waits in `full` only while `max` deliveries are out, owed or not.
pub(crate) struct UnackedSet {
    /// The channel leaves nothing half done when somebody's code panics.
    pub(crate) channel: AssertUnwindSafe<Weak<dyn ChannelReports>>,
    max: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    open: BTreeSet<u64>,
    /// How many are out that owe nothing: they were replayed, or read after a disconnect.
    free: usize,
    full: Option<Waker>,
}

impl State {
    fn count(&self) -> usize {
        let free = if seeded_bug!("max-unacked-ignores-replayed") {
            0
        } else {
            self.free
        };
        self.open.len() + free
    }
}

impl UnackedSet {
    pub(crate) fn new(channel: Weak<dyn ChannelReports>, max: usize) -> Self {
        Self {
            channel: AssertUnwindSafe(channel),
            max,
            state: Mutex::default(),
        }
    }

    /// How many are out.
    pub(crate) fn count(&self) -> usize {
        self.state.lock().count()
    }

    /// The oldest one that is out and owed.
    pub(crate) fn first(&self) -> Option<u64> {
        self.state.lock().open.first().copied()
    }

    pub(crate) fn contains(&self, seq: u64) -> bool {
        self.state.lock().open.contains(&seq)
    }

    /// Whether one more may go out; if not, `waker` is called when one may.
    pub(crate) fn has_room(&self, waker: &Waker) -> bool {
        let mut spare = None;
        loop {
            let mut state = self.state.lock();
            if state.count() < self.max {
                let old = state.full.take();
                drop(state);
                drop_caught((old, spare));
                return true;
            }
            if state.full.as_ref().is_some_and(|w| w.will_wake(waker)) {
                return false;
            }
            if let Some(waker) = spare.take() {
                let old = state.full.replace(waker);
                drop(state);
                drop_caught(old);
                return false;
            }
            drop(state);
            spare = Some(waker.clone());
        }
    }

    /// The stream waits no longer.
    pub(crate) fn stop_waiting(&self) {
        let waker = self.state.lock().full.take();
        drop_caught(waker);
    }

    pub(crate) fn insert(&self, seq: u64) {
        self.state.lock().open.insert(seq);
    }

    /// One more is out, which owes nothing.
    pub(crate) fn let_out(&self) {
        self.state.lock().free += 1;
    }

    /// One that was out is not any more.
    pub(crate) fn remove(&self, seq: u64) {
        let mut state = self.state.lock();
        if !state.open.remove(&seq) {
            state.free -= 1;
        }
        let waker = state.full.take();
        drop(state);
        if let Some(waker) = waker.filter(|_| !seeded_bug!("ack-wakes-no-stream")) {
            wake(waker);
        }
    }
}
