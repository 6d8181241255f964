//! The one lock around the ring, and everybody who waits on it.
//!
//! Deciding is the ring's part; here is the waiting. Every operation has the same shape: lock,
//! decide, unlock, and only then run the [`Effects`]. Where a future must leave its waker, the
//! waker is cloned without the lock, and the question is asked again under it: what happened in
//! between is seen.

use std::collections::BTreeMap;

use crate::channel::effects::Effects;
use crate::channel::handlers::names::HandlerNames;
use crate::channel::machine::Machine;
use crate::channel::parked::ParkedReaders;
use crate::channel::subscriber::SubscriberState;
use crate::channel::ticket::Ticket;
use crate::channel::wait_queue::WaitQueue;
use crate::channel::watchers::Watchers;
use crate::options::Overflow;
use crate::subscriber_id::SubscriberId;
use crate::util::sync::{Arc, AtomicU64, AtomicUsize, Mutex, Ordering};

#[macro_use]
pub(crate) mod trace;

mod backpressure;
mod effects;
pub(crate) mod filter;
mod filters;
pub(crate) mod handlers;
mod inspect;
mod lifecycle;
pub(crate) mod log;
mod machine;
mod parked;
mod publish;
pub(crate) mod source;
mod stages;
mod subscribe;
pub(crate) mod subscriber;
pub(crate) mod ticket;
pub(crate) mod wait_queue;
pub(crate) mod watchers;

pub(crate) use publish::{Admission, PendingEvent, Rejected};
pub(crate) use subscribe::Next;

pub(crate) struct Channel<E> {
    /// Which of the process's managers it belongs to.
    id: u64,
    state: Mutex<State<E>>,
    /// The number of the newest event, to look at without the lock.
    newest: AtomicU64,
    /// Managers that keep it open.
    handles: AtomicUsize,
    name: Option<Arc<str>>,
    capacity: usize,
    /// The names of its handlers, and of their groups.
    handler_names: Arc<HandlerNames>,
}

struct State<E> {
    machine: Machine<E>,
    /// The handlers and groups whose tasks run.
    running: BTreeMap<SubscriberId, Arc<SubscriberState>>,
    /// How many permits are out that were given inside of each handler.
    handler_permits: BTreeMap<SubscriberId, u64>,
    queue: WaitQueue,
    parked: ParkedReaders,
    watchers: Watchers,
}

impl<E> Channel<E> {
    pub(crate) fn new(
        capacity: usize,
        default_overflow: Overflow,
        name: Option<Arc<str>>,
        retain: usize,
    ) -> Arc<Self> {
        #[cfg_attr(
            not(feature = "tracing"),
            expect(unused_mut, reason = "it needs no name")
        )]
        let mut machine = Machine::new(capacity, default_overflow, retain);
        #[cfg(feature = "tracing")]
        machine.name.clone_from(&name);
        Arc::new(Self {
            id: machine.id(),
            state: Mutex::new(State {
                machine,
                running: BTreeMap::new(),
                handler_permits: BTreeMap::new(),
                queue: WaitQueue::default(),
                parked: ParkedReaders::new(),
                watchers: Watchers::default(),
            }),
            newest: AtomicU64::new(0),
            handles: AtomicUsize::new(1),
            name,
            capacity,
            handler_names: Arc::default(),
        })
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Decides under the lock, then does what was decided.
    fn run<R>(&self, decide: impl FnOnce(&mut State<E>, &mut Effects<E>) -> R) -> R {
        let mut effects = Effects::new();
        let result = decide(&mut self.state.lock(), &mut effects);
        effects.run();
        result
    }

    /// `ticket` waits until every event stored so far is settled.
    pub(crate) fn flush(&self, ticket: &Arc<Ticket>) {
        self.state.lock().machine.flush(ticket);
    }

    pub(crate) fn close(&self) {
        self.run(|state, effects| {
            state.machine.close(effects);
            // Before those that sleep are woken: what was retained goes.
            state.release_if_idle(effects);
            state.notify_watchers(effects);
            effects.wake(state.queue.notify_all());
        });
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state.lock().machine.is_closed()
    }

    /// One more manager keeps it open, unless none does any more.
    pub(crate) fn retain(&self) -> bool {
        let mut handles = self.handles.load(Ordering::Acquire);
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

    /// One manager less; the last one closes.
    pub(crate) fn release(&self) {
        if self.handles.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.close();
        }
    }
}
