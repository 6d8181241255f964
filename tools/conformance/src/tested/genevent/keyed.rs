//! A topic, beside events of another key.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;
use genevent::{EventManager, Filtered};

use super::Adapter;
use super::filtered::{Signal, unwanted};
use crate::{Channel, Event, Subscriber};

struct Reader(Filtered<Signal>);

impl Subscriber for Reader {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let signal = ready!(Pin::new(&mut self.0).poll_next(cx));
        Poll::Ready(signal.map(|signal| signal.wanted().expect("the key of the subscription")))
    }

    fn finish(&mut self) {
        self.0.ack();
    }
}

pub(super) fn open(capacity: usize) -> impl Channel {
    let manager = EventManager::new(capacity);
    let is_wanted = manager.topics(|signal: &Signal| matches!(signal, Signal::Wanted(_)));
    let subscribe = move |_: &EventManager<_>| Reader(is_wanted.subscribe(true));
    Adapter {
        before: unwanted,
        ..Adapter::new(manager, Signal::Wanted, subscribe)
    }
}
