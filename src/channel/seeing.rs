//! Who the subscribers are, and who is waited for.

use super::Channel;
use crate::ack::{Ticket, Until};
use crate::inspect::SubscriberInfo;
use crate::place::Place;
use crate::sync::Arc;

impl<E> Channel<E> {
    pub(crate) fn subscriber_count(&self) -> usize {
        self.state.lock().ring.attached()
    }

    pub(crate) fn subscribers(&self) -> Vec<SubscriberInfo> {
        self.state.lock().ring.infos()
    }

    /// Those that hold up publishers.
    pub(crate) fn blocking(&self) -> Vec<SubscriberInfo> {
        self.state.lock().ring.infos_blocking()
    }

    /// Those that have not answered for event `seq`.
    pub(crate) fn owing(&self, seq: u64, until: Until) -> Vec<SubscriberInfo> {
        self.state.lock().ring.infos_owing(seq, until)
    }

    /// Those that have not settled everything that is stored.
    pub(crate) fn unsettled(&self) -> Vec<SubscriberInfo> {
        self.state.lock().ring.infos_unsettled()
    }

    /// Those that `flush` waits for.
    pub(crate) fn flushing(&self, flush: &Arc<Ticket>) -> Vec<SubscriberInfo> {
        self.state.lock().ring.infos_flushing(flush)
    }

    /// How many events the subscriber has yet to read, and whether these are the last.
    pub(crate) fn backlog(&self, place: &Place) -> (usize, bool) {
        self.state.lock().ring.backlog(place)
    }
}
