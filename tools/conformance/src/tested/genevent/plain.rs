//! `subscribe_with`: plain, replaying and staged subscriptions, and the policy `DropOldest`.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures::Stream;
use genevent::{EventManager, Overflow, SubscribeOptions, Subscription, handler_fn};

use super::Adapter;
use crate::runtime;
use crate::{Channel, Event, Subscriber};

impl Subscriber for Subscription<Event> {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        Stream::poll_next(Pin::new(self), cx)
    }

    fn finish(&mut self) {
        self.ack();
    }
}

fn with(
    manager: EventManager<Event>,
    options: SubscribeOptions,
) -> Adapter<Event, Subscription<Event>> {
    let subscribe = move |manager: &EventManager<_>| manager.subscribe_with(options.clone());
    Adapter::new(manager, |event| event, subscribe)
}

pub(super) fn plain(capacity: usize) -> impl Channel {
    with(EventManager::new(capacity), SubscribeOptions::new())
}

pub(super) fn drop_oldest(capacity: usize) -> impl Channel {
    let options = SubscribeOptions::new().overflow(Overflow::DropOldest);
    with(EventManager::new(capacity), options)
}

/// Begins with up to two past events.
pub(super) fn replaying(capacity: usize) -> impl Channel {
    let manager = EventManager::builder().capacity(capacity).retain(2);
    with(manager.build(), SubscribeOptions::new().replay(2))
}

/// Sees the events finished by a handler.
pub(super) fn staged(capacity: usize) -> impl Channel {
    let manager = EventManager::new(capacity);
    let before = runtime::enter(|| manager.add_handler("before", handler_fn(|_: &Event| ())));
    let before = before.expect("the first handler").id();
    Adapter {
        others: 1,
        ..with(manager, SubscribeOptions::new().after(before))
    }
}
