//! Handlers, as the channel sees them: the live runners, and the checks that no handler waits for itself.

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
    /// Returns the names of handlers and groups.
    pub(crate) fn handler_names(&self) -> &Arc<HandlerNames> {
        self.handler_names.get_or_init(Arc::default)
    }

    /// Returns the handler or the group that has this subscription, if there is one, and whether the
    /// subscription is attached.
    pub(crate) fn find_runner(&self, id: SubscriberId) -> Option<(names::Entry, bool)> {
        let is_attached = self.state.lock().machine.is_task_attached(id)?;
        Some((self.handler_names().find_subscriber(id)?, is_attached))
    }

    /// Aborts all handlers, closes, and disconnects all subscribers.
    pub(crate) fn stop_now(&self) {
        // Abort before the close and the disconnects: these end a handler as well, and an abort that
        // comes later would cut its `terminate` short.
        let entries = self.handler_names().entries();
        for entry in &entries {
            entry.abort();
        }
        self.close();
        // Handlers that were added meanwhile. A second abort would cut a `terminate` short.
        for late in self.handler_names().entries() {
            if !entries.iter().any(|entry| Arc::ptr_eq(entry, &late)) {
                late.abort();
            }
        }
        for subscriber in self.subscribers() {
            self.disconnect(subscriber.id());
        }
    }

    /// Returns the sequence number of the newest event.
    pub(crate) fn tail(&self) -> u64 {
        self.state.lock().machine.tail()
    }

    /// Adds a runner with the seeded bug `task-counted-late`; without that bug,
    /// [`subscribe`](Self::subscribe) has added the runner.
    pub(crate) fn enlist_late(&self, subscriber: &Arc<SubscriberState>) {
        if seeded_bug!("task-counted-late") {
            let mut state = self.state.lock();
            state.running.insert(subscriber.id, Arc::clone(subscriber));
        }
    }

    /// Removes an ended runner.
    pub(crate) fn task_ended(&self, id: SubscriberId) {
        self.run(|state, effects| {
            state.running.remove(&id);
            state.notify_conditions(effects);
        });
    }

    /// Returns the subscribers whose runners have not ended.
    pub(crate) fn running(&self) -> Vec<SubscriberInfo> {
        let state = self.state.lock();
        let now = state.now();
        let info = |subscriber| state.machine.info(now, subscriber);
        state.running.values().map(info).collect()
    }

    /// Returns the handler of this manager that the caller runs inside of.
    pub(super) fn current_handler(&self) -> Option<SubscriberId> {
        current::handler().filter(|handler| handler.manager == self.id)
    }

    /// Returns whether the caller runs inside a handler of this manager.
    #[cfg(feature = "rt")]
    pub(crate) fn is_in_handler(&self) -> bool {
        self.current_handler().is_some()
    }

    /// Returns whether the caller runs inside a handler that will owe an acknowledgement of the next
    /// event.
    pub(crate) fn current_handler_is_subscribed(&self) -> bool {
        self.current_handler().is_some_and(|handler| {
            let state = self.state.lock();
            !state.machine.is_closed() && state.machine.is_awaited(handler)
        })
    }

    /// Returns whether the caller runs inside a handler that has not settled all of its events.
    pub(crate) fn current_handler_has_unsettled(&self) -> bool {
        (self.current_handler()).is_some_and(|handler| self.state.lock().machine.owes(handler))
    }

    /// Returns whether the caller runs inside a handler awaited by `flush`.
    pub(crate) fn flush_waits_for_current_handler(&self, flush: &Arc<Ticket>) -> bool {
        self.current_handler().is_some_and(|handler| {
            let flushing = self.flushing(flush);
            flushing.iter().any(|info| info.id() == handler)
        })
    }

    /// Returns whether the caller runs inside a handler whose runner has not ended.
    pub(crate) fn current_handler_is_running(&self) -> bool {
        self.current_handler()
            .is_some_and(|handler| self.state.lock().running.contains_key(&handler))
    }
}
