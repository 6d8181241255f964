//! Deliveries, acknowledged explicitly.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;
use genevent::{Deliveries, Delivery, EventManager};

use super::{finished, stored};
use crate::{Channel, Event, Publishing, Receipt, Subscriber};

#[derive(Clone)]
pub(super) struct WithDeliveries(EventManager<Event>);

/// A stream, and the delivery that was read last.
pub(super) struct Reader(Deliveries<Event>, Option<Delivery<Event>>);

impl Channel for WithDeliveries {
    type Subscriber = Reader;

    fn subscribe(&self) -> Self::Subscriber {
        Reader(self.0.subscribe().deliveries(), None)
    }

    fn publish(&self, event: Event) -> Publishing {
        stored(&self.0, event)
    }

    fn publish_and_wait(&self, event: Event) -> Option<Publishing<Option<Receipt>>> {
        Some(finished(&self.0, event, 0))
    }

    fn close(&self) -> bool {
        self.0.close();
        true
    }
}

impl Subscriber for Reader {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.1 = ready!(Pin::new(&mut self.0).poll_next(cx));
        Poll::Ready(self.1.as_deref().cloned())
    }

    fn finish(&mut self) {
        drop(self.1.take().map(Delivery::ack));
    }
}

pub(super) fn open(capacity: usize) -> WithDeliveries {
    WithDeliveries(EventManager::new(capacity))
}
