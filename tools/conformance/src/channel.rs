//! The traits between the kit and a channel.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::Stream;

use crate::Event;

/// The future of a publish. The kit polls these futures by hand, and drops some of them before they are ready.
pub type Publishing<T = ()> = Pin<Box<dyn Future<Output = Result<T, Closed>> + Send>>;

/// A broadcast channel under test: the end of a publisher, which can also subscribe.
///
/// A clone is a further publisher of the same channel; the kit publishes one event at a time with each. When
/// the last publisher is dropped, with the last future of a publish, subscribers read the stored events and then end.
///
/// Two methods suffice. All further methods are capabilities: a channel without them gets
/// [`Outcome::NotApplicable`](crate::Outcome::NotApplicable) for the checks that use them.
pub trait Channel: Clone + Send + 'static {
    /// The end of a subscriber. Dropping it leaves the channel.
    type Subscriber: Subscriber;

    /// Adds a subscriber, which reads the events published from now on.
    fn subscribe(&self) -> Self::Subscriber;

    /// Publishes to every subscriber; the future is ready when the event is stored. An event without
    /// subscribers is no failure: a channel which refuses such an event reports `Ok(())`.
    fn publish(&self, event: Event) -> Publishing;

    /// Publishes, and waits until every subscriber has finished with the event. `None` without this capability;
    /// `Some` of a future without a [`Receipt`] if the channel does not count.
    fn publish_and_wait(&self, event: Event) -> Option<Publishing<Option<Receipt>>> {
        drop(event);
        None
    }

    /// Closes the channel, though publishers are left. Returns `false` without this capability.
    fn close(&self) -> bool {
        false
    }
}

/// A subscriber's end of a channel, such as any boxed stream of events.
pub trait Subscriber {
    /// Returns the next event, or `None` after the last event; or remembers the waker and returns `Pending`.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>>;

    /// Acknowledges the last event read. The kit calls `finish` once after each event, before the next
    /// poll, unless the subscriber leaves first.
    fn finish(&mut self) {}
}

impl<S: Stream<Item = Event> + ?Sized> Subscriber for Pin<Box<S>> {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.as_mut().poll_next(cx)
    }
}

/// How many subscribers finished with an event, and how many were waited for and left before they had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The subscribers that finished.
    pub finished: usize,
    /// The subscribers that left before they had finished.
    pub unfinished: usize,
}

/// The refusal of an event by a closed channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the channel is closed")
    }
}

impl std::error::Error for Closed {}

/// A [`Channel`] of any type: the checks are compiled once.
pub(crate) trait AnyChannel: Send {
    fn another(&self) -> Box<dyn AnyChannel>;
    fn subscribe(&self) -> Box<dyn Subscriber>;
    fn publish(&self, event: Event) -> Publishing;
    fn publish_and_wait(&self, event: Event) -> Option<Publishing<Option<Receipt>>>;
    fn close(&self) -> bool;
}

impl<C: Channel> AnyChannel for C
where
    C::Subscriber: 'static,
{
    fn another(&self) -> Box<dyn AnyChannel> {
        Box::new(self.clone())
    }

    fn subscribe(&self) -> Box<dyn Subscriber> {
        Box::new(Channel::subscribe(self))
    }

    fn publish(&self, event: Event) -> Publishing {
        Channel::publish(self, event)
    }

    fn publish_and_wait(&self, event: Event) -> Option<Publishing<Option<Receipt>>> {
        Channel::publish_and_wait(self, event)
    }

    fn close(&self) -> bool {
        Channel::close(self)
    }
}
