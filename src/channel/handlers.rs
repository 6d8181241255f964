//! Handlers: which tasks run, and what a handler must not wait for.

use super::Channel;
use crate::channel::handlers::names::HandlerNames;
use crate::channel::subscriber::SubscriberState;
use crate::channel::ticket::Ticket;
use crate::inspect::SubscriberInfo;
use crate::subscriber_id::SubscriberId;
use crate::util::sync::Arc;

pub(crate) mod current;
pub(crate) mod names;

impl<E> Channel<E> {
    pub(crate) fn handler_names(&self) -> &Arc<HandlerNames> {
        &self.handler_names
    }

    /// The number of the newest event.
    pub(crate) fn tail(&self) -> u64 {
        self.state.lock().machine.tail()
    }

    /// With the seeded bug `task-counted-late`, a handler's task counts as running only from here on.
    pub(crate) fn enlist_late(&self, place: &Arc<SubscriberState>) {
        if seeded_bug!("task-counted-late") {
            let mut state = self.state.lock();
            state.running.insert(place.id, Arc::clone(place));
        }
    }

    /// A handler's task has ended.
    pub(crate) fn task_ended(&self, id: SubscriberId) {
        self.run(|state, effects| {
            state.running.remove(&id);
            state.notify_watchers(effects);
        });
    }

    /// Those whose tasks have yet to end.
    pub(crate) fn running(&self) -> Vec<SubscriberInfo> {
        let state = self.state.lock();
        let now = state.now();
        let info = |place| state.machine.info(now, place);
        state.running.values().map(info).collect()
    }

    /// The handler of this manager that the running code belongs to.
    pub(super) fn current_handler(&self) -> Option<SubscriberId> {
        current::handler().filter(|handler| handler.manager == self.id)
    }

    /// Whether whoever asks is a handler that the next event will be stored for.
    pub(crate) fn current_handler_is_subscribed(&self) -> bool {
        self.current_handler().is_some_and(|handler| {
            let state = self.state.lock();
            !state.machine.is_closed() && state.machine.is_attached(handler)
        })
    }

    /// Whether whoever asks is a handler that has events to settle.
    pub(crate) fn current_handler_has_unsettled(&self) -> bool {
        (self.current_handler()).is_some_and(|handler| self.state.lock().machine.owes(handler))
    }

    /// Whether whoever asks is a handler that `flush` waits for.
    pub(crate) fn flush_waits_for_current_handler(&self, flush: &Arc<Ticket>) -> bool {
        self.current_handler().is_some_and(|handler| {
            let flushing = self.flushing(flush);
            flushing.iter().any(|info| info.id() == handler)
        })
    }

    /// Whether whoever asks is a handler that has not ended.
    pub(crate) fn current_handler_is_running(&self) -> bool {
        self.current_handler()
            .is_some_and(|handler| self.state.lock().running.contains_key(&handler))
    }
}
