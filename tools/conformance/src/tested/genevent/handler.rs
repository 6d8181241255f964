//! A handler, which waits in each event until the subscriber of the kit has finished with the event.

use std::task::{Context, Poll};

use genevent::{EventManager, Received, SubscribeOptions};

use super::Adapter;
use crate::handler_stream::HandlerStream;
use crate::{Channel, Event, Subscriber};

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

pub(super) fn open(capacity: usize) -> impl Channel {
    let subscribe =
        |manager: &EventManager<_>| HandlerStream::new(manager, SubscribeOptions::new());
    Adapter::new(EventManager::new(capacity), |event| event, subscribe)
}
