//! A subscriber's end.

use std::sync::Arc;
use std::task::{Context, Poll};

use genevent_conformance::{Event, Subscriber};

use crate::fault::Fault;
use crate::state::Shared;

pub(crate) struct Reader {
    pub(crate) shared: Arc<Shared>,
    pub(crate) id: usize,
}

impl Subscriber for Reader {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let shared = &self.shared;
        assert!(
            !(shared.has(Fault::Panics) && shared.lock().stored == 3),
            "a bug of the adapter"
        );
        let mut state = shared.lock();
        let closed = state.closed;
        let most = state.subscribers.iter().map(|sub| sub.unread.len()).max();
        let sub = state.sub(self.id);
        if shared.has(Fault::ReadsInStep) && most > Some(sub.unread.len()) {
            sub.waker = Some(cx.waker().clone());
            return Poll::Pending; // until all subscribers have read as much
        }
        let drops_the_rest = closed && shared.has(Fault::EndsWithEventsUnread);
        let event = (!drops_the_rest).then(|| sub.unread.pop_front());
        let Some(event) = event.flatten() else {
            if closed {
                return Poll::Ready(None);
            }
            if shared.has(Fault::WakesItself) {
                cx.waker().wake_by_ref();
            }
            if !(shared.has(Fault::KeepsTheFirstTask) && sub.waker.is_some()) {
                sub.waker = Some(cx.waker().clone());
            }
            return Poll::Pending;
        };
        sub.in_flight = Some(event.number());
        if shared.has(Fault::AcknowledgesWhenReceived) {
            shared.settle(&mut state, self.id, Some(event.number()), true);
        }
        if !shared.has(Fault::ReadWakesNobody) {
            state.wake_publisher(shared);
        }
        Poll::Ready(Some(event))
    }

    fn finish(&mut self) {
        let mut state = self.shared.lock();
        let event = state.sub(self.id).in_flight.take();
        self.shared.settle(&mut state, self.id, event, true);
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        if self.shared.has(Fault::KeepsTheSubscriberThatLeft) {
            return;
        }
        state.subscribers.retain(|sub| sub.id != self.id);
        if !self.shared.has(Fault::WaitsForThoseWhoLeft) {
            self.shared.settle(&mut state, self.id, None, false);
        }
        if !self.shared.has(Fault::LeaveWakesNobody) {
            state.wake_publisher(&self.shared);
        }
    }
}
