//! Handlers, as the channel sees them: the live runners, and the checks that no handler waits for itself.

use std::task::Waker;

use super::Channel;
use crate::channel::handlers::names::HandlerNames;
use crate::channel::handlers::progress::GroupProgress;
use crate::channel::subscriber::SubscriberState;
use crate::channel::ticket::Ticket;
use crate::inspect::SubscriberInfo;
use crate::receipt::Cause;
use crate::subscriber_id::{Identity, SubscriberId};
use crate::util::sync::Arc;

pub(crate) mod current;
pub(crate) mod names;
pub(crate) mod progress;

impl<E> Channel<E> {
    /// Returns the names of handlers and groups.
    pub(crate) fn handler_names(&self) -> &Arc<HandlerNames> {
        self.handler_names.get_or_init(Arc::default)
    }

    /// Returns the handler or the group with this id, and whether its subscription is attached; `None` for
    /// a handler of a group, which has no subscription, and is listed while it is counted.
    pub(crate) fn find_runner(&self, id: SubscriberId) -> Option<(names::Entry, Option<bool>)> {
        let is_attached = self.state.lock().machine.is_task_attached(id);
        let entry = self.handler_names().find_subscriber(id)?;
        Some((entry, is_attached))
    }

    /// Aborts all handlers, closes, and disconnects all subscribers.
    pub(crate) fn stop_now(&self) {
        // Abort before the close and the disconnects: these end a handler as well, and an abort that
        // comes later would cut its `terminate` short.
        let entries = self.handler_names().entries();
        for entry in &entries {
            entry.abort_by_name();
        }
        self.close();
        // Abort the handlers that were added meanwhile, and not the successors of swaps: a second abort
        // would cut a `terminate` short.
        for late in self.handler_names().entries() {
            let is_same = |entry: &names::Entry| {
                let replaced =
                    seeded_bug!("stop-now-aborts-successor") && !Arc::ptr_eq(entry, &late);
                entry.id() == late.id() && !replaced
            };
            if !entries.iter().any(is_same) {
                late.abort_by_name();
            }
        }
        let attached = self.state.lock().machine.attached_ids();
        for id in attached {
            self.disconnect(id);
        }
    }

    /// Returns the id of a future handler of a group.
    pub(crate) fn issue_id(&self) -> SubscriberId {
        self.state.lock().machine.issue_id()
    }

    /// Returns the progress of a group, which its runner tells; `None` for other subscribers.
    pub(crate) fn group_progress(&self, group: SubscriberId) -> Option<Arc<GroupProgress>> {
        self.state.lock().machine.group_progress(group).cloned()
    }

    /// Counts a handler of a group from the next event on. `send` sends the handler to the runner of the
    /// group, as a command behind the event with the given number, and returns the waker of the runner.
    ///
    /// Both happen under the lock. So the runner has the command before the first event that counts
    /// the handler, and handles each event with exactly the handlers that the event counts.
    ///
    /// # Errors
    /// As `send`. The handler is not counted then.
    pub(crate) fn join_group<T>(
        &self,
        group: SubscriberId,
        identity: &Arc<Identity>,
        send: impl FnOnce(u64) -> Result<Option<Waker>, T>,
    ) -> Result<(), T> {
        if seeded_bug!("member-counted-early") {
            self.run(|state, _| state.machine.join_group(group, Arc::clone(identity)));
        }
        self.run(|state, effects| {
            let waker = send(state.machine.tail())?;
            effects.wake(waker);
            if !seeded_bug!("member-counted-early") {
                state.machine.join_group(group, Arc::clone(identity));
            }
            state.notify_conditions(effects);
            Ok(())
        })
    }

    /// Stops counting a handler of a group, which has not finished its unread events because of `cause`.
    /// Called by the runner of the group.
    pub(crate) fn leave_group(&self, group: SubscriberId, handler: SubscriberId, cause: Cause) {
        self.run(|state, effects| {
            state.machine.leave_group(group, handler, cause, effects);
            state.notify_conditions(effects);
            state.notify_detached(effects);
        });
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

    /// Returns the handlers whose runners have not ended, except for observers. For a group, returns the
    /// handler that is handling an event, if any.
    pub(crate) fn running(&self) -> Vec<SubscriberInfo> {
        let state = self.state.lock();
        let now = state.now();
        let infos = |subscriber| state.machine.infos_of_running(now, subscriber);
        let awaited = state
            .running
            .values()
            .filter(|handler| !handler.is_observer);
        awaited.flat_map(infos).collect()
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
            let state = self.state.lock();
            state.machine.is_flushed_by(handler, flush)
        })
    }

    /// Returns whether the caller runs inside a handler whose runner has not ended.
    pub(crate) fn current_handler_is_running(&self) -> bool {
        self.current_handler().is_some_and(|id| {
            self.state
                .lock()
                .running
                .get(&id)
                .is_some_and(|handler| !handler.is_observer)
        })
    }
}
