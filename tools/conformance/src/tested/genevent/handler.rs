//! A handler. It waits in each event until the subscriber of the kit has finished with the event.

use std::task::{Context, Poll};

use genevent::{EventManager, Received, SubscribeOptions};

use super::{finished, stored};
use crate::handler_stream::HandlerStream;
use crate::{Channel, Event, Publishing, Receipt, Subscriber};

#[derive(Clone)]
pub(super) struct WithHandlers(EventManager<Event>);

impl Channel for WithHandlers {
    type Subscriber = HandlerStream<Event>;

    fn subscribe(&self) -> Self::Subscriber {
        HandlerStream::new(&self.0, SubscribeOptions::new())
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

impl Subscriber for HandlerStream<Event> {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        HandlerStream::poll_next(self, cx).map(|received| match received? {
            Received::Event(event) => Some(event),
            other => panic!("nothing is lost: {other:?}"),
        })
    }

    fn finish(&mut self) {
        HandlerStream::finish(self);
    }
}

pub(super) fn open(capacity: usize) -> WithHandlers {
    WithHandlers(EventManager::new(capacity))
}
