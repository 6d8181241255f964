//! Stages: subscribers that see an event only after other subscribers have settled it.
//!
//! A [`Stage`] waits as a publisher of `flush` does: a [`Ticket`] counts the predecessors that have
//! yet to settle an event. The last of them wakes the stage.

use std::task::Waker;

use crate::channel::ticket::{AckLevel, Ticket};
use crate::subscriber_id::SubscriberId;
use crate::util::sync::{Arc, Mutex};

/// The predecessors of a subscriber, and the gate that they open.
///
/// # Invariants
/// 1. Waiting starts under the channel's lock, so that no predecessor can settle the event unseen.
///    The subscriber may stop waiting without the lock.
/// 2. Every subscriber in `after` is older than this one, so no cycle of stages can wait for itself.
/// 3. The ticket has a waker while the subscriber sleeps at the gate. Otherwise the last predecessor
///    would wake no task, and the subscriber would sleep for ever.
pub(crate) struct Stage {
    after: Vec<SubscriberId>,
    gate: Mutex<Gate>,
}

/// The events that a stage may see.
#[derive(Default)]
pub(crate) struct Gate {
    /// All predecessors have settled every event up to this one, and possibly later ones.
    pub(crate) settled: u64,
    /// The event that the stage waits for, with a ticket that counts the predecessors that have yet to
    /// settle all events up to it.
    awaited: Option<(u64, Arc<Ticket>)>,
}

impl Stage {
    pub(crate) fn new(after: Vec<SubscriberId>) -> Self {
        Self {
            after,
            gate: Mutex::default(),
        }
    }

    /// Returns the predecessors, some of which may have left.
    pub(crate) fn after(&self) -> &[SubscriberId] {
        &self.after
    }

    /// Runs `access` with the gate locked.
    pub(crate) fn with_gate<R>(&self, access: impl FnOnce(&mut Gate) -> R) -> R {
        access(&mut self.gate.lock())
    }

    /// Stops waiting, and returns the waker, if the subscriber sleeps at the gate.
    pub(crate) fn stop_waiting(&self) -> Option<Waker> {
        self.with_gate(Gate::stop_waiting)
    }
}

impl Gate {
    /// Opens the gate if the awaited event is settled. Returns whether the stage still waits for event
    /// `next`, so that the caller need not ask for `next` again.
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

    /// Starts to wait for all events up to `next`. Returns a ticket for the caller to arm.
    pub(crate) fn wait_for(&mut self, next: u64) -> Arc<Ticket> {
        let ticket = Ticket::new(AckLevel::Finished);
        self.awaited = Some((next, Arc::clone(&ticket)));
        ticket
    }

    /// Registers `waker` for when the awaited event is settled. Returns the waker it replaces.
    pub(crate) fn sleep(&self, waker: Waker) -> Option<Waker> {
        let (_, ticket) = self.awaited.as_ref()?;
        ticket.replace_waker(Some(waker))
    }

    /// Returns whether a waker equal to `waker` is registered.
    pub(crate) fn would_wake(&self, waker: &Waker) -> bool {
        let awaited = self.awaited.as_ref();
        awaited.is_some_and(|(_, ticket)| ticket.would_wake(waker))
    }

    /// Stops waiting, and returns the waker, if the subscriber sleeps at the gate.
    pub(crate) fn stop_waiting(&mut self) -> Option<Waker> {
        let (_, ticket) = self.awaited.take()?;
        ticket.replace_waker(None)
    }
}
