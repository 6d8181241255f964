//! The channel: the engine behind an event manager. A lock, a state machine, and the queues of waiting
//! tasks.
//!
//! The [`Machine`] decides and never waits; the channel does the waiting. Every operation has the same
//! steps ([`Channel::run`]): lock, decide, unlock, run the [`Effects`]. User code (wakers, `Clone`,
//! `Drop`, predicates) runs only after unlocking, because it may call back into the manager.
//!
//! - **Storing.** A publisher stores an event on the fast path, or is admitted through the
//!   [`WaitQueue`] ([`publish`], [`backpressure`]). The event goes to the [`log`], or to the queues of
//!   filtered subscribers ([`filter`]).
//! - **Waking.** Storing wakes all [`ParkedReaders`]. Making room notifies the front of the wait queue.
//! - **Reading.** A subscriber takes a segment of the log under the lock ([`subscribe`]), and reads the
//!   segment without the lock, by moving its [`cursor`](subscriber::cursor).
//! - **Acknowledging.** A subscriber settles an event on its [`ticket`], without the lock.
//!
//! A future that must wait stores its waker under the lock, after checking that it must wait. The waker
//! is cloned before, without the lock, and the check is repeated then
//! ([`with_spare_waker`](crate::util::spare_waker::with_spare_waker)): a change in between is seen.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::channel::condition::{Condition, ConditionWakers};
use crate::channel::effects::Effects;
use crate::channel::handlers::names::HandlerNames;
use crate::channel::machine::Machine;
use crate::channel::parked::ParkedReaders;
use crate::channel::stalled::StalledGrants;
use crate::channel::subscriber::SubscriberState;
use crate::channel::ticket::Ticket;
use crate::channel::wait_queue::{QueueKey, WaitQueue};
use crate::options::Overflow;
use crate::subscriber_id::SubscriberId;
use crate::util::sync::{Arc, AtomicU64, AtomicUsize, Mutex, Ordering};

#[macro_use]
pub(crate) mod trace;

mod backpressure;
pub(crate) mod condition;
mod effects;
pub(crate) mod filter;
mod filters;
#[cfg(feature = "rt")]
mod grant_monitor;
pub(crate) mod handle;
pub(crate) mod handlers;
mod inspect;
mod lifecycle;
pub(crate) mod log;
mod machine;
mod parked;
mod publish;
pub(crate) mod source;
mod stages;
mod stalled;
mod subscribe;
pub(crate) mod subscriber;
pub(crate) mod ticket;
pub(crate) mod wait_queue;

pub(crate) use filters::JoinedFiltered;
pub(crate) use publish::{Admission, PendingEvent};
pub(crate) use subscribe::Next;

/// The state shared by all clones of an event manager and all its subscriptions.
pub(crate) struct Channel<E> {
    /// The number of the manager in this process.
    id: u64,
    state: Mutex<State<E>>,
    /// The sequence number of the newest event: a hint for readers without the lock.
    tail_hint: AtomicU64,
    /// The number of manager handles, which keep the channel open.
    handles: AtomicUsize,
    name: Option<Arc<str>>,
    capacity: usize,
    /// Whether the channel was made to retain events.
    retains: bool,
    /// The names of handlers and groups, made for the first use.
    handler_names: OnceLock<Arc<HandlerNames>>,
}

/// The state behind the lock.
struct State<E> {
    machine: Machine<E>,
    /// The handlers and groups with a live runner.
    running: BTreeMap<SubscriberId, Arc<SubscriberState>>,
    queue: WaitQueue,
    /// The queued publisher that was last checked for room: full filter queues block this publisher
    /// alone.
    checked: Option<QueueKey>,
    stalled: StalledGrants,
    parked: ParkedReaders,
    conditions: ConditionWakers,
}

impl<E: Send + Sync + 'static> Channel<E> {
    pub(crate) fn new(
        capacity: usize,
        default_overflow: Overflow,
        name: Option<Arc<str>>,
        retain: usize,
    ) -> Arc<Self> {
        #[cfg_attr(
            not(feature = "tracing"),
            expect(
                unused_mut,
                reason = "only feature `tracing` sets the name of the machine"
            )
        )]
        let mut machine = Machine::new(capacity, default_overflow, retain);
        #[cfg(feature = "tracing")]
        machine.name.clone_from(&name);
        Arc::new_cyclic(|channel| Self {
            id: machine.id(),
            state: Mutex::new(State {
                machine,
                running: BTreeMap::new(),
                queue: WaitQueue::default(),
                checked: None,
                stalled: StalledGrants::new(channel),
                parked: ParkedReaders::new(),
                conditions: ConditionWakers::default(),
            }),
            tail_hint: AtomicU64::new(0),
            handles: AtomicUsize::new(1),
            name,
            capacity,
            retains: retain > 0,
            handler_names: OnceLock::new(),
        })
    }
}

impl<E> Channel<E> {
    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Returns whether the channel was made to retain events. A closed channel retains none any more.
    pub(crate) fn retains(&self) -> bool {
        self.retains
    }

    /// Frees the events retained so far.
    pub(crate) fn clear_retained(&self) {
        self.run(|state, effects| state.machine.clear_retained(effects));
    }

    /// Calls `decide` under the lock, and runs the effects after unlocking.
    fn run<R>(&self, decide: impl FnOnce(&mut State<E>, &mut Effects<E>) -> R) -> R {
        let mut effects = Effects::new();
        let mut state = self.state.lock();
        let result = decide(&mut state, &mut effects);
        state.queue.assert_invariants();
        drop(state);
        effects.run();
        result
    }

    /// Arms `ticket` to wait until every event stored so far is settled.
    pub(crate) fn flush(&self, ticket: &Arc<Ticket>) {
        self.run(|state, effects| state.machine.flush(ticket, effects));
    }

    /// Arms `ticket` as [`flush`](Self::flush) does. Returns whether every event is settled and no
    /// publisher is queued.
    pub(crate) fn flush_unless_quiet(&self, ticket: &Arc<Ticket>) -> bool {
        self.run(|state, effects| {
            state.machine.flush(ticket, effects);
            ticket.is_settled() && state.holds(Condition::NoneQueued)
        })
    }

    /// Closes the channel: no more events, subscribers or permits.
    pub(crate) fn close(&self) {
        self.run(|state, effects| {
            state.machine.close(effects);
            // Free retained events before waking: release needs all subscribers to be parked.
            state.release_if_all_parked(effects);
            state.notify_conditions(effects);
            effects.wake(state.queue.close());
        });
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state.lock().machine.is_closed()
    }

    /// Adds a manager handle. Returns `false` if no handle is left: the channel is closed.
    pub(crate) fn add_handle(&self) -> bool {
        let mut handles = self.handles.load(Ordering::Acquire);
        if seeded_bug!("upgrade-beside-last-drop") && handles > 0 {
            self.handles.fetch_add(1, Ordering::AcqRel);
            return true;
        }
        while handles > 0 {
            let swap = self.handles.compare_exchange(
                handles,
                handles + 1,
                Ordering::AcqRel,
                Ordering::Acquire,
            );
            match swap {
                Ok(_) => return true,
                Err(now) => handles = now,
            }
        }
        false
    }

    /// Removes a manager handle; removing the last handle closes the channel.
    pub(crate) fn drop_handle(&self) {
        if self.handles.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.close();
        }
    }
}
