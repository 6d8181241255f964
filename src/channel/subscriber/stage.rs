//! Who sees an event only once others have settled it.

use std::task::Waker;

use crate::channel::ticket::{AckLevel, Ticket};
use crate::subscriber_id::SubscriberId;
use crate::util::sync::{Arc, Mutex};

/// A subscriber that comes after others, and what it waits for.
///
/// # Invariants
/// 1. It begins to wait under the manager's lock; its own subscriber may stop without.
/// 2. Those of `after` are older than the subscriber: nobody waits for itself, however far one
///    follows them.
/// 3. The ticket has a waker while the subscriber sleeps for what it counts.
pub(crate) struct Stage {
    after: Vec<SubscriberId>,
    gate: Mutex<Gate>,
}

/// What the subscriber may see.
#[derive(Default)]
pub(crate) struct Gate {
    /// They have settled everything up to this event, and maybe more.
    pub(crate) settled: u64,
    /// Counts those that have yet to settle everything up to this event.
    awaited: Option<(u64, Arc<Ticket>)>,
}

impl Stage {
    pub(crate) fn new(after: Vec<SubscriberId>) -> Self {
        Self {
            after,
            gate: Mutex::default(),
        }
    }

    /// Those that it comes after, some of which may have left.
    pub(crate) fn after(&self) -> &[SubscriberId] {
        &self.after
    }

    pub(crate) fn with_gate<R>(&self, look: impl FnOnce(&mut Gate) -> R) -> R {
        look(&mut self.gate.lock())
    }

    /// It waits for nothing any more; gives its waker back, if it sleeps for that.
    pub(crate) fn stop_waiting(&self) -> Option<Waker> {
        self.with_gate(Gate::stop_waiting)
    }
}

impl Gate {
    /// Notes that what it waits for is settled, if it is. Whether it still waits for event `next`,
    /// for which it need not ask again.
    pub(crate) fn waits_for(&mut self, next: u64) -> bool {
        match &self.awaited {
            Some((seq, ticket)) if ticket.is_settled() => {
                self.settled = self.settled.max(*seq);
                false
            }
            Some((seq, _)) => *seq == next,
            None => false,
        }
    }

    /// Begins to wait for everything up to `next`.
    pub(crate) fn wait_for(&mut self, next: u64) -> Arc<Ticket> {
        let ticket = Ticket::new(AckLevel::Finished);
        self.awaited = Some((next, Arc::clone(&ticket)));
        ticket
    }

    /// Sleeps until what it waits for is settled; gives the waker it replaces back.
    pub(crate) fn sleep(&self, waker: Waker) -> Option<Waker> {
        let (_, ticket) = self.awaited.as_ref()?;
        ticket.replace_waker(Some(waker))
    }

    pub(crate) fn would_wake(&self, waker: &Waker) -> bool {
        let awaited = self.awaited.as_ref();
        awaited.is_some_and(|(_, ticket)| ticket.would_wake(waker))
    }

    pub(crate) fn stop_waiting(&mut self) -> Option<Waker> {
        let (_, ticket) = self.awaited.take()?;
        ticket.replace_waker(None)
    }
}
