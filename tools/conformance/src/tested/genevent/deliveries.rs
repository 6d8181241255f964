//! Deliveries, acknowledged explicitly.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;
use genevent::{Deliveries, Delivery, EventManager};

use super::Adapter;
use crate::{Channel, Event, Subscriber};

/// A stream, and the last delivery read.
struct Reader(Deliveries<Event>, Option<Delivery<Event>>);

impl Subscriber for Reader {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.1 = ready!(Pin::new(&mut self.0).poll_next(cx));
        Poll::Ready(self.1.as_deref().cloned())
    }

    fn finish(&mut self) {
        drop(self.1.take().map(Delivery::ack));
    }
}

pub(super) fn open(capacity: usize) -> impl Channel {
    let subscribe = |manager: &EventManager<_>| Reader(manager.subscribe().deliveries(), None);
    Adapter::new(EventManager::new(capacity), |event| event, subscribe)
}
