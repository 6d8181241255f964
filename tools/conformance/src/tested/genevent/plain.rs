//! `subscribe_with`: plain, replaying and staged subscriptions, and the policy `DropOldest`.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures::Stream;
use genevent::{EventManager, Overflow, SubscribeOptions, Subscription, handler_fn};

use super::{finished, stored};
use crate::runtime;
use crate::{Channel, Event, Publishing, Receipt, Subscriber};

#[derive(Clone)]
pub(super) struct Plain {
    manager: EventManager<Event>,
    options: SubscribeOptions,
    /// Subscribers that the kit does not know.
    others: usize,
}

impl Channel for Plain {
    type Subscriber = Subscription<Event>;

    fn subscribe(&self) -> Self::Subscriber {
        self.manager.subscribe_with(self.options.clone())
    }

    fn publish(&self, event: Event) -> Publishing {
        stored(&self.manager, event)
    }

    fn publish_and_wait(&self, event: Event) -> Option<Publishing<Option<Receipt>>> {
        Some(finished(&self.manager, event, self.others))
    }

    fn close(&self) -> bool {
        self.manager.close();
        true
    }
}

impl Subscriber for Subscription<Event> {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        Stream::poll_next(Pin::new(self), cx)
    }

    fn finish(&mut self) {
        self.ack();
    }
}

fn with(manager: EventManager<Event>, options: SubscribeOptions) -> Plain {
    Plain {
        manager,
        options,
        others: 0,
    }
}

pub(super) fn plain(capacity: usize) -> Plain {
    with(EventManager::new(capacity), SubscribeOptions::new())
}

pub(super) fn drop_oldest(capacity: usize) -> Plain {
    let options = SubscribeOptions::new().overflow(Overflow::DropOldest);
    with(EventManager::new(capacity), options)
}

/// Begins with up to two past events.
pub(super) fn replaying(capacity: usize) -> Plain {
    let manager = EventManager::builder().capacity(capacity).retain(2);
    with(manager.build(), SubscribeOptions::new().replay(2))
}

/// Sees what a handler has finished with.
pub(super) fn staged(capacity: usize) -> Plain {
    let manager = EventManager::new(capacity);
    let before = runtime::enter(|| manager.add_handler("before", handler_fn(|_: &Event| ())));
    let before = before.expect("the first handler").id();
    Plain {
        others: 1,
        ..with(manager, SubscribeOptions::new().after(before))
    }
}
