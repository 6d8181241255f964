//! Who the subscribers are, and who is waited for.

use std::collections::BTreeSet;

use super::{Channel, State};
use crate::channel::machine::Which;
use crate::channel::subscriber::SubscriberState;
use crate::channel::ticket::{AckLevel, Ticket};
use crate::inspect::Stats;
use crate::inspect::SubscriberInfo;
use crate::util::clock::Instant;
use crate::util::sync::Arc;

impl<E> State<E> {
    /// Now, if publishers wait: nobody is held up while none does.
    pub(super) fn now(&self) -> Option<Instant> {
        (!self.queue.is_empty()).then(Instant::now)
    }
}

impl<E> Channel<E> {
    pub(crate) fn subscriber_count(&self) -> usize {
        self.state.lock().machine.attached()
    }

    pub(crate) fn subscribers(&self) -> Vec<SubscriberInfo> {
        let state = self.state.lock();
        state.machine.infos(state.now(), Which::Attached)
    }

    #[cfg(all(feature = "tracing", feature = "rt"))]
    pub(crate) fn set_warn_after(&self, time: Option<std::time::Duration>) {
        self.state.lock().machine.set_warn_after(time);
    }

    /// Everything at once.
    pub(crate) fn stats(&self) -> Stats {
        let state = self.state.lock();
        let State {
            machine,
            running,
            queue,
            ..
        } = &*state;
        let mut leaving = machine.infos(None, Which::Leaving);
        let known: BTreeSet<_> = leaving.iter().map(SubscriberInfo::id).collect();
        let ending = running.values();
        let ending =
            ending.filter(|place| !machine.is_attached(place.id) && !known.contains(&place.id));
        leaving.extend(ending.map(|place| machine.info(None, place)));
        leaving.sort_unstable_by_key(SubscriberInfo::id);
        Stats {
            name: self.name.clone(),
            capacity: self.capacity,
            published: machine.tail(),
            closed: machine.is_closed(),
            permits: machine.reserved(),
            waiting_publishers: queue.len(),
            front_notified: queue.is_front_notified(),
            subscribers: machine.infos(state.now(), Which::Attached),
            leaving,
        }
    }

    /// Those that hold up publishers.
    pub(crate) fn blocking(&self) -> Vec<SubscriberInfo> {
        let state = self.state.lock();
        state.machine.infos(state.now(), Which::Blocking)
    }

    /// Those that have not answered for event `seq`.
    pub(crate) fn owing(&self, seq: u64, until: AckLevel) -> Vec<SubscriberInfo> {
        let state = self.state.lock();
        state.machine.infos(state.now(), Which::Owing(seq, until))
    }

    /// Those that have not settled everything that is stored.
    pub(crate) fn unsettled(&self) -> Vec<SubscriberInfo> {
        let state = self.state.lock();
        state.machine.infos(state.now(), Which::Unsettled)
    }

    /// Those that `flush` waits for.
    pub(crate) fn flushing(&self, flush: &Arc<Ticket>) -> Vec<SubscriberInfo> {
        let state = self.state.lock();
        state.machine.infos(state.now(), Which::FlushedBy(flush))
    }

    /// How many events the subscriber has yet to read, and whether these are the last.
    pub(crate) fn backlog(&self, place: &SubscriberState) -> (usize, bool) {
        self.state.lock().machine.backlog(place)
    }
}
