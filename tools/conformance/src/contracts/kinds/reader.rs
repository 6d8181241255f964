//! A subscription of any kind, behind one interface.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;
use genevent::{
    Ack, Deliveries, EndReason, EventManager, Filtered, Received, SubscriberId, SubscriberInfo,
    WeakEventManager, WithMissed,
};

use crate::handler_stream::HandlerStream;
use crate::runtime;

/// A subscription of any kind.
pub(crate) trait Reader<E>: Send {
    fn id(&self) -> SubscriberId;

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Received<E>>>;

    /// Acknowledges the last event read. Deliveries are acknowledged later.
    fn finish(&mut self);

    /// The unread events.
    fn unread(&self) -> usize;

    /// The missed events, in total.
    fn missed(&self) -> u64;

    /// Whether the channel disconnected the subscription.
    fn is_disconnected(&self) -> bool;
}

/// The streams that yield missed events as values.
macro_rules! reads_with_missed {
    ($($stream:ty),+) => {$(
        impl<E: Clone + Send + Sync + 'static> Reader<E> for $stream {
            fn id(&self) -> SubscriberId {
                self.get_ref().id()
            }

            fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Received<E>>> {
                Stream::poll_next(Pin::new(self), cx)
            }

            fn finish(&mut self) {
                self.get_mut().ack();
            }

            fn unread(&self) -> usize {
                self.get_ref().len()
            }

            fn missed(&self) -> u64 {
                self.get_ref().missed()
            }

            fn is_disconnected(&self) -> bool {
                is_disconnect(self.get_ref().end_reason())
            }
        }
    )+};
}

reads_with_missed!(WithMissed<E>, WithMissed<E, Filtered<E>>);

fn is_disconnect(end: Option<EndReason>) -> bool {
    matches!(end, Some(EndReason::Disconnected { .. }))
}

/// Deliveries, which stay in flight as long as the stream: an acknowledgement must change nothing in either contract.
pub(super) struct ByDeliveries<E> {
    stream: Deliveries<E>,
    /// The missed events reported so far. The stream skips missed events, and counts them.
    told: u64,
    /// Dropped after `stream`: deliveries outlive their stream.
    in_flight: InFlight,
}

/// The acknowledgements of all events read, used in the reverse order of reading.
#[derive(Default)]
struct InFlight(Vec<Ack>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.drain(..).rev().for_each(Ack::ack);
    }
}

impl<E> ByDeliveries<E> {
    pub(super) fn new(stream: Deliveries<E>) -> Self {
        Self {
            stream,
            told: 0,
            in_flight: InFlight::default(),
        }
    }
}

impl<E: Clone + Send + Sync + 'static> Reader<E> for ByDeliveries<E> {
    fn id(&self) -> SubscriberId {
        self.stream.id()
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Received<E>>> {
        let untold = self.missed() - self.told;
        if untold > 0 {
            self.told += untold;
            return Poll::Ready(Some(Received::Missed(untold)));
        }
        let delivery = ready!(Pin::new(&mut self.stream).poll_next(cx));
        Poll::Ready(delivery.map(|delivery| {
            let (event, ack) = delivery.into_parts();
            self.in_flight.0.push(ack);
            Received::Event(event)
        }))
    }

    fn finish(&mut self) {}

    fn unread(&self) -> usize {
        self.stream.len()
    }

    fn missed(&self) -> u64 {
        self.stream.missed()
    }

    fn is_disconnected(&self) -> bool {
        is_disconnect(self.stream.end_reason())
    }
}

/// A handler that passes its events on.
pub(super) struct ByHandler<E: Send + Sync + 'static> {
    stream: HandlerStream<E>,
    manager: WeakEventManager<E>,
}

impl<E: Send + Sync + 'static> ByHandler<E> {
    pub(super) fn new(stream: HandlerStream<E>, manager: &EventManager<E>) -> Self {
        let manager = manager.downgrade();
        Self { stream, manager }
    }
}

impl<E: Clone + Send + Sync + 'static> Reader<E> for ByHandler<E> {
    fn id(&self) -> SubscriberId {
        self.stream.id()
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Received<E>>> {
        runtime::run_tasks();
        self.stream.poll_next(cx)
    }

    fn finish(&mut self) {
        self.stream.finish();
        runtime::run_tasks();
    }

    fn unread(&self) -> usize {
        let manager = self.manager.upgrade();
        let stored = manager.and_then(|manager| {
            let subscribers = manager.subscribers();
            let this = subscribers.iter().find(|info| info.id() == self.id());
            this.map(SubscriberInfo::unread)
        });
        stored.unwrap_or(0) + self.stream.passed_on()
    }

    fn missed(&self) -> u64 {
        self.stream.missed()
    }

    fn is_disconnected(&self) -> bool {
        self.stream.is_disconnected()
    }
}
