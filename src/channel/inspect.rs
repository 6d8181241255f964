//! Inspection: the statistics of the manager, and the subscribers an operation waits for.

use std::collections::BTreeSet;

use super::{Channel, State};
use crate::channel::condition::Condition;
use crate::channel::machine::Selection;
use crate::channel::subscriber::SubscriberState;
use crate::channel::ticket::{AckLevel, Ticket};
use crate::inspect::{Stats, SubscriberInfo};
use crate::util::clock::Instant;
use crate::util::sync::Arc;

impl<E> State<E> {
    /// Returns the time, if publishers wait: clocks of blocking subscribers stop while none does.
    pub(super) fn now(&self) -> Option<Instant> {
        (!self.queue.has_no_waiters()).then(Instant::now)
    }
}

impl<E> Channel<E> {
    /// Returns the number of attached subscribers.
    pub(crate) fn subscriber_count(&self) -> usize {
        self.state.lock().machine.subscribers()
    }

    /// Returns whether a log reader finds an event or the end when it asks for its next events.
    pub(crate) fn is_readable(&self, subscriber: &SubscriberState) -> bool {
        let state = self.state.lock();
        let (unread, is_last) = state.machine.unread_and_is_last(subscriber);
        (unread > 0 && state.machine.may_see_next(subscriber)) || (unread == 0 && is_last)
    }

    /// Returns the attached subscribers, oldest first.
    pub(crate) fn subscribers(&self) -> Vec<SubscriberInfo> {
        let state = self.state.lock();
        state.machine.infos(state.now(), Selection::Attached)
    }

    /// Returns all statistics of the same moment.
    pub(crate) fn stats(&self) -> Stats {
        let state = self.state.lock();
        let State {
            machine,
            running,
            queue,
            ..
        } = &*state;
        // A handler may have left the machine while its runner has not ended: list it as leaving, once.
        let mut leaving = machine.infos(None, Selection::Leaving);
        let group = |info: &SubscriberInfo| info.group.as_ref().map_or(info.id, |group| group.id);
        let known: BTreeSet<_> = leaving.iter().map(group).collect();
        let ending = running.values();
        let ending = ending
            .filter(|handler| !machine.is_attached(handler.id) && !known.contains(&handler.id));
        leaving.extend(ending.map(|handler| machine.info(None, handler)));
        leaving.sort_unstable_by_key(SubscriberInfo::id);
        Stats {
            name: self.name.clone(),
            capacity: self.capacity,
            published: machine.tail(),
            closed: machine.is_closed(),
            permits: usize::try_from(machine.permits()).expect("permits are counted one by one"),
            waiting_publishers: queue.len(),
            front_notified: queue.is_front_notified(),
            subscribers: machine.infos(state.now(), Selection::Attached),
            leaving,
        }
    }

    /// Returns the blocking subscribers.
    pub(crate) fn blocking(&self) -> Vec<SubscriberInfo> {
        let state = self.state.lock();
        state.machine.infos(state.now(), Selection::Blocking)
    }

    /// Returns the subscribers owing an acknowledgement of event `seq`.
    pub(crate) fn owing(&self, seq: u64, level: AckLevel) -> Vec<SubscriberInfo> {
        let state = self.state.lock();
        state
            .machine
            .infos(state.now(), Selection::Owing(seq, level))
    }

    /// Returns the subscribers that have not settled all stored events.
    pub(crate) fn unsettled(&self) -> Vec<SubscriberInfo> {
        let state = self.state.lock();
        state.machine.infos(state.now(), Selection::Unsettled)
    }

    /// Returns the subscribers that have not settled all stored events; `None` if there are none and
    /// no publisher is queued.
    pub(crate) fn unsettled_unless_quiet(&self) -> Option<Vec<SubscriberInfo>> {
        let state = self.state.lock();
        let unsettled = state.machine.infos(state.now(), Selection::Unsettled);
        let is_quiet = unsettled.is_empty() && state.holds(Condition::NoneQueued);
        (!is_quiet).then_some(unsettled)
    }

    /// Returns the subscribers awaited by `flush`.
    pub(crate) fn flushing(&self, flush: &Arc<Ticket>) -> Vec<SubscriberInfo> {
        let state = self.state.lock();
        state
            .machine
            .infos(state.now(), Selection::FlushedBy(flush))
    }

    /// Returns the number of unread events of `subscriber`, and whether no later events will come.
    pub(crate) fn unread_and_is_last(&self, subscriber: &SubscriberState) -> (usize, bool) {
        self.state.lock().machine.unread_and_is_last(subscriber)
    }
}
