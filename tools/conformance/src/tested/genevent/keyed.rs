//! A topic, beside events of another key.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;
use genevent::{EventManager, Filtered, Topics};

use super::filtered::{Signal, unwanted};
use super::{finished, stored};
use crate::{Channel, Event, Publishing, Receipt, Subscriber};

#[derive(Clone)]
pub(super) struct WithTopics {
    manager: EventManager<Signal>,
    is_wanted: Topics<Signal, bool>,
}

pub(super) struct Reader(Filtered<Signal>);

impl Channel for WithTopics {
    type Subscriber = Reader;

    fn subscribe(&self) -> Self::Subscriber {
        Reader(self.is_wanted.subscribe(true))
    }

    fn publish(&self, event: Event) -> Publishing {
        unwanted(&self.manager);
        stored(&self.manager, Signal::Wanted(event))
    }

    fn publish_and_wait(&self, event: Event) -> Option<Publishing<Option<Receipt>>> {
        unwanted(&self.manager);
        Some(finished(&self.manager, Signal::Wanted(event), 0))
    }

    fn close(&self) -> bool {
        self.manager.close();
        true
    }
}

impl Subscriber for Reader {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let signal = ready!(Pin::new(&mut self.0).poll_next(cx));
        Poll::Ready(signal.map(|signal| signal.wanted().expect("the key of the subscription")))
    }

    fn finish(&mut self) {
        self.0.ack();
    }
}

pub(super) fn open(capacity: usize) -> WithTopics {
    let manager = EventManager::new(capacity);
    let is_wanted = manager.topics(|signal: &Signal| matches!(signal, Signal::Wanted(_)));
    WithTopics { manager, is_wanted }
}
