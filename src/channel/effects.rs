//! Effects: actions decided on by the machine under the lock, and run after unlocking.
//!
//! Waking a task, dropping a waker or an event, and settling a ticket may all run user code. User code
//! under the lock could call back into the manager and deadlock. Each effect catches panics, so a
//! panic in one effect does not skip the effects after it.

use std::task::Waker;

use crate::channel::filter::RemovedFilters;
use crate::channel::filter::any_queue::AnyQueue;
use crate::channel::filter::user_code::Removed;
use crate::channel::log::segment::{FreedSegments, Segment};
use crate::channel::parked::Unparked;
use crate::channel::source::Unread;
use crate::channel::subscriber::SubscriberState;
use crate::channel::ticket::Ticket;
use crate::receipt::Cause;
use crate::util::one_or_many::OneOrMany;
use crate::util::panic_guard::{drop_caught, wake};
use crate::util::sync::Arc;

/// One action to run after unlocking.
pub(crate) enum Effect<E> {
    /// Wake a publisher of the wait queue, or a future waiting for a state of the channel.
    Wake(Waker),
    /// Wake all parked subscribers: an event was stored, or the channel is complete.
    WakeReaders(Unparked),
    /// Drop an unneeded waker.
    DropWaker(Waker),
    /// Give up an overwritten event for this subscriber.
    Overwritten(Arc<Ticket>, Arc<SubscriberState>),
    /// Settle, as dropped, the events that were unread when a subscriber was detached.
    Unread(Box<Unread<E>>),
    /// Settle the events left in the queue of a disconnected filtered subscriber.
    FilterQueue(Arc<dyn AnyQueue>),
    /// Count a subscriber as having settled all events of a flush.
    Flushed(Arc<Ticket>),
    /// Release the log's reference to a segment. The last owner of the segment drops its events.
    Segment(Segment<E>),
    /// Spawn the task that monitors granted places.
    #[cfg(feature = "rt")]
    MonitorGrants(
        Box<(
            Option<crate::util::spawn::Spawner>,
            crate::channel::grant_monitor::GrantMonitor,
        )>,
    ),
    /// Emit a record to the `tracing` subscriber.
    #[cfg(feature = "tracing")]
    Trace(crate::channel::trace::Record),
    /// Drop what was removed.
    Drop(Removed),
    /// Drop all filters: the channel is complete.
    DropFilters(RemovedFilters<E>),
}

/// The actions to run after unlocking, in the order in which they were decided on.
#[must_use = "no effect happens until `run`"]
pub(crate) struct Effects<E>(OneOrMany<Effect<E>>);

impl<E> Effects<E> {
    pub(crate) fn new() -> Self {
        Self(OneOrMany::default())
    }

    pub(crate) fn push(&mut self, effect: Effect<E>) {
        self.0.push(effect);
    }

    pub(crate) fn extend(&mut self, effects: impl IntoIterator<Item = Effect<E>>) {
        effects.into_iter().for_each(|effect| self.push(effect));
    }

    /// Adds a wake-up for each of `wakers`.
    pub(crate) fn wake(&mut self, wakers: impl IntoIterator<Item = Waker>) {
        self.extend(wakers.into_iter().map(Effect::Wake));
    }

    /// Adds the drop of `waker`, if there is one.
    pub(crate) fn drop_waker(&mut self, waker: Option<Waker>) {
        self.extend(waker.map(Effect::DropWaker));
    }

    /// Runs all effects. The caller must not hold the lock.
    #[inline]
    pub(crate) fn run(&mut self) {
        if !self.0.is_empty() {
            self.run_all();
        }
    }

    #[inline(never)]
    fn run_all(&mut self) {
        self.0.take_each(Effect::run);
    }
}

impl<E> FreedSegments<E> for Effects<E> {
    fn push(&mut self, segment: Segment<E>) {
        self.push(Effect::Segment(segment));
    }
}

impl<E> Effect<E> {
    #[inline]
    fn run(self) {
        match self {
            Self::Wake(waker) => wake(waker),
            Self::WakeReaders(readers) => readers.wake(),
            Self::DropWaker(waker) => drop_caught(waker),
            Self::Overwritten(ticket, subscriber) => {
                subscriber.give_up(&ticket, Cause::Overwritten);
            }
            Self::Unread(unread) => unread.settle(),
            Self::FilterQueue(queue) => queue.settle_unread(),
            Self::Flushed(ticket) => ticket.ack(),
            Self::Segment(segment) => drop(segment),
            #[cfg(feature = "rt")]
            Self::MonitorGrants(monitor) => {
                let (spawner, monitor) = *monitor;
                monitor.spawn(spawner);
            }
            #[cfg(feature = "tracing")]
            Self::Trace(record) => record.emit(),
            Self::Drop(removed) => drop(removed),
            Self::DropFilters(filters) => drop(filters),
        }
    }
}
