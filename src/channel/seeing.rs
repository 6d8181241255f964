//! Who the subscribers are, and who is waited for.

use super::{Channel, State};
use crate::ack::{Ticket, Until};
use crate::clock::Instant;
use crate::inspect::SubscriberInfo;
use crate::place::Place;
use crate::sync::Arc;

impl<E> State<E> {
    /// Now, if publishers wait: nobody is held up while none does.
    pub(super) fn now(&self) -> Option<Instant> {
        (!self.line.is_empty()).then(Instant::now)
    }
}

impl<E> Channel<E> {
    pub(crate) fn subscriber_count(&self) -> usize {
        self.state.lock().ring.attached()
    }

    pub(crate) fn subscribers(&self) -> Vec<SubscriberInfo> {
        let state = self.state.lock();
        state.ring.infos(state.now())
    }

    /// Those that hold up publishers.
    pub(crate) fn blocking(&self) -> Vec<SubscriberInfo> {
        let state = self.state.lock();
        state.ring.infos_blocking(state.now())
    }

    /// Those that have not answered for event `seq`.
    pub(crate) fn owing(&self, seq: u64, until: Until) -> Vec<SubscriberInfo> {
        let state = self.state.lock();
        state.ring.infos_owing(state.now(), seq, until)
    }

    /// Those that have not settled everything that is stored.
    pub(crate) fn unsettled(&self) -> Vec<SubscriberInfo> {
        let state = self.state.lock();
        state.ring.infos_unsettled(state.now())
    }

    /// Those that `flush` waits for.
    pub(crate) fn flushing(&self, flush: &Arc<Ticket>) -> Vec<SubscriberInfo> {
        let state = self.state.lock();
        state.ring.infos_flushing(state.now(), flush)
    }

    /// How many events the subscriber has yet to read, and whether these are the last.
    pub(crate) fn backlog(&self, place: &Place) -> (usize, bool) {
        self.state.lock().ring.backlog(place)
    }
}
