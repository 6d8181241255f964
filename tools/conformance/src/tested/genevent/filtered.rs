//! `subscribe_filter_map`, with an unwanted event before each wanted event.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures::Stream;
use genevent::{EventManager, Filtered};

use super::Adapter;
use crate::{Channel, Event, Subscriber};

/// An event for the subscribers of the kit, or an event for no subscriber.
#[derive(Clone)]
pub(super) enum Signal {
    Wanted(Event),
    Unwanted,
}

impl Signal {
    pub(super) fn wanted(&self) -> Option<Event> {
        match self {
            Self::Wanted(event) => Some(event.clone()),
            Self::Unwanted => None,
        }
    }
}

/// Publishes an unwanted event, unless publishers are queued.
pub(super) fn unwanted(manager: &EventManager<Signal>) {
    let heard = manager.try_notify(Signal::Unwanted).unwrap_or(0);
    assert_eq!(heard, 0, "a filter refuses the event");
}

impl Subscriber for Filtered<Event> {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        Stream::poll_next(Pin::new(self), cx)
    }

    fn finish(&mut self) {
        self.ack();
    }
}

pub(super) fn open(capacity: usize) -> impl Channel {
    let subscribe = |manager: &EventManager<_>| manager.subscribe_filter_map(Signal::wanted);
    Adapter {
        before: unwanted,
        ..Adapter::new(EventManager::new(capacity), Signal::Wanted, subscribe)
    }
}
