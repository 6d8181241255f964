//! Handlers: which tasks run, and what a handler must not wait for.

use super::Channel;
use crate::channel::handlers::names::Roster;
use crate::channel::subscriber::Place;
use crate::channel::ticket::Ticket;
use crate::inspect::SubscriberInfo;
use crate::subscriber_id::SubscriberId;
use crate::util::sync::Arc;

pub(crate) mod current;
pub(crate) mod names;

impl<E> Channel<E> {
    pub(crate) fn roster(&self) -> &Arc<Roster> {
        &self.roster
    }

    /// The number of the newest event.
    pub(crate) fn tail(&self) -> u64 {
        self.state.lock().ring.tail()
    }

    /// With the planted bug `enlisted-late`, a handler's task counts as running only from here on.
    pub(crate) fn enlist_late(&self, place: &Arc<Place>) {
        if planted!("enlisted-late") {
            let mut state = self.state.lock();
            state.running.insert(place.id, Arc::clone(place));
        }
    }

    /// A handler's task has ended.
    pub(crate) fn retire(&self, id: SubscriberId) {
        self.run(|state, effects| {
            state.running.remove(&id);
            state.tell_watchers(effects);
        });
    }

    /// Those whose tasks have yet to end.
    pub(crate) fn running(&self) -> Vec<SubscriberInfo> {
        let state = self.state.lock();
        let now = state.now();
        let info = |place| state.ring.info(now, place);
        state.running.values().map(info).collect()
    }

    /// The handler that asks.
    pub(crate) fn itself(&self) -> Vec<SubscriberInfo> {
        let mut infos = self.running();
        infos.retain(|info| Some(info.id()) == self.inside());
        infos
    }

    /// The handler of this manager that the running code belongs to.
    pub(super) fn inside(&self) -> Option<SubscriberId> {
        current::handler().filter(|handler| handler.manager == self.id)
    }

    /// Whether whoever asks is a handler that the next event will be stored for.
    pub(crate) fn would_hear_itself(&self) -> bool {
        self.inside().is_some_and(|handler| {
            let state = self.state.lock();
            !state.ring.is_closed() && state.ring.counts(handler)
        })
    }

    /// Whether whoever asks is a handler that has events to settle.
    pub(crate) fn would_await_itself(&self) -> bool {
        (self.inside()).is_some_and(|handler| self.state.lock().ring.owes(handler))
    }

    /// Whether whoever asks is a handler that `flush` waits for.
    pub(crate) fn is_flushed_itself(&self, flush: &Arc<Ticket>) -> bool {
        self.inside().is_some_and(|handler| {
            let flushing = self.flushing(flush);
            flushing.iter().any(|info| info.id() == handler)
        })
    }

    /// Whether whoever asks is a handler that has not ended.
    pub(crate) fn is_running_itself(&self) -> bool {
        self.inside()
            .is_some_and(|handler| self.state.lock().running.contains_key(&handler))
    }
}
