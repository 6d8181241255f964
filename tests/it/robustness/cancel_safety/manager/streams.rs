//! Streams of events, single or in batches. The next poll finishes the events in flight.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use futures::stream::Inspect;
use futures::{Stream, StreamExt};
use genevent::ext::{Batches, DebounceAcked, FilterAcked, Latest, ReadyBatches};
use genevent::{
    Batch, Deliveries, Delivery, EndReason, EventStreamExt, Filtered, Received, SubscriberId,
    Subscription, WithMissed,
};

/// A stream of events, single or in batches. The next poll finishes the events in flight.
pub(crate) trait Source {
    fn poll_events(&mut self, cx: &mut Context<'_>) -> Poll<Option<Vec<u32>>>;

    fn subscription(&self) -> (SubscriberId, Option<EndReason>);

    fn has_ended(&self) -> bool {
        self.subscription().1.is_some()
    }

    fn as_deliveries(&mut self) -> Option<&mut Deliveries<u32>> {
        None
    }
}

impl Source for Subscription<u32> {
    fn poll_events(&mut self, cx: &mut Context<'_>) -> Poll<Option<Vec<u32>>> {
        self.poll_next_unpin(cx).map(|next| Some(vec![next?]))
    }

    fn subscription(&self) -> (SubscriberId, Option<EndReason>) {
        (self.id(), self.end_reason())
    }
}

impl Source for WithMissed<u32> {
    fn poll_events(&mut self, cx: &mut Context<'_>) -> Poll<Option<Vec<u32>>> {
        self.poll_next_unpin(cx).map(|next| match next? {
            Received::Event(event) => Some(vec![event]),
            other => panic!("lossless readers miss nothing: {other:?}"),
        })
    }

    fn subscription(&self) -> (SubscriberId, Option<EndReason>) {
        self.get_ref().subscription()
    }
}

impl Source for Filtered<u32> {
    fn poll_events(&mut self, cx: &mut Context<'_>) -> Poll<Option<Vec<u32>>> {
        self.poll_next_unpin(cx).map(|next| Some(vec![next?]))
    }

    fn subscription(&self) -> (SubscriberId, Option<EndReason>) {
        (self.id(), self.end_reason())
    }
}

impl Source for WithMissed<u32, Filtered<u32>> {
    fn poll_events(&mut self, cx: &mut Context<'_>) -> Poll<Option<Vec<u32>>> {
        self.poll_next_unpin(cx).map(|next| match next? {
            Received::Event(event) => Some(vec![event]),
            other => panic!("lossless readers miss nothing: {other:?}"),
        })
    }

    fn subscription(&self) -> (SubscriberId, Option<EndReason>) {
        self.get_ref().subscription()
    }
}

/// Like `InFlight`, for the events passed on by a filter.
pub(crate) struct OneUnacked {
    pub(crate) stream: Deliveries<u32, Filtered<u32>>,
    pub(crate) out: Option<Delivery<u32>>,
}

impl Source for OneUnacked {
    fn poll_events(&mut self, cx: &mut Context<'_>) -> Poll<Option<Vec<u32>>> {
        self.out.take().into_iter().for_each(Item::done);
        self.out = ready!(self.stream.poll_next_unpin(cx));
        Poll::Ready(self.out.as_ref().map(Item::events))
    }

    fn subscription(&self) -> (SubscriberId, Option<EndReason>) {
        (self.stream.id(), self.stream.end_reason())
    }
}

/// Acknowledges its events in flight in the next poll.
pub(crate) struct InFlight<S: Stream> {
    stream: S,
    item: Option<S::Item>,
}

impl<S: Stream> InFlight<S> {
    pub(crate) fn of(stream: S) -> Self {
        Self { stream, item: None }
    }
}

trait Item {
    fn events(&self) -> Vec<u32>;
    fn done(self);
}

impl Item for Delivery<u32> {
    fn events(&self) -> Vec<u32> {
        vec![**self]
    }

    fn done(self) {
        self.ack();
    }
}

impl Item for Batch<u32> {
    fn events(&self) -> Vec<u32> {
        self.to_vec()
    }

    fn done(self) {
        self.ack();
    }
}

/// Sees each delivery.
type See = Box<dyn FnMut(&Delivery<u32>)>;

/// The newest of the ready events, with the events that were skipped for it.
pub(crate) struct Skipping {
    stream: Latest<Inspect<Deliveries<u32>, See>, u32>,
    seen: Rc<RefCell<Vec<u32>>>,
    item: Option<Delivery<u32>>,
}

impl Skipping {
    pub(crate) fn of(deliveries: Deliveries<u32>) -> Self {
        let seen = Rc::new(RefCell::new(Vec::new()));
        let record = Rc::clone(&seen);
        let see = move |delivery: &Delivery<u32>| record.borrow_mut().push(**delivery);
        let stream = deliveries.inspect(Box::new(see) as _).latest();
        let item = None;
        Self { stream, seen, item }
    }
}

impl Source for Skipping {
    fn poll_events(&mut self, cx: &mut Context<'_>) -> Poll<Option<Vec<u32>>> {
        self.item.take().into_iter().for_each(Item::done);
        self.item = ready!(self.stream.poll_next_unpin(cx));
        let seen = self.seen.take();
        assert_eq!(self.item.as_deref(), seen.last());
        Poll::Ready(self.item.as_ref().map(|_| seen))
    }

    fn subscription(&self) -> (SubscriberId, Option<EndReason>) {
        let deliveries = self.stream.get_ref().get_ref();
        (deliveries.id(), deliveries.end_reason())
    }

    fn has_ended(&self) -> bool {
        self.item.is_none() && self.subscription().1.is_some()
    }
}

/// A stream made of deliveries, which gives access to them.
trait OfDeliveries: Stream<Item: Item> + Unpin {
    fn deliveries(&self) -> &Deliveries<u32>;

    fn deliveries_mut(&mut self) -> Option<&mut Deliveries<u32>> {
        None
    }
}

impl OfDeliveries for Deliveries<u32> {
    fn deliveries(&self) -> &Deliveries<u32> {
        self
    }

    fn deliveries_mut(&mut self) -> Option<&mut Deliveries<u32>> {
        Some(self)
    }
}

impl OfDeliveries for FilterAcked<Deliveries<u32>, fn(&u32) -> bool> {
    fn deliveries(&self) -> &Deliveries<u32> {
        self.get_ref()
    }
}

impl OfDeliveries for ReadyBatches<Deliveries<u32>, u32> {
    fn deliveries(&self) -> &Deliveries<u32> {
        self.get_ref()
    }
}

impl OfDeliveries for Pin<Box<Batches<Deliveries<u32>, u32>>> {
    fn deliveries(&self) -> &Deliveries<u32> {
        self.get_ref()
    }
}

impl OfDeliveries for Pin<Box<DebounceAcked<Deliveries<u32>, u32, u32, fn(&u32) -> u32>>> {
    fn deliveries(&self) -> &Deliveries<u32> {
        self.get_ref()
    }
}

impl<S: OfDeliveries> Source for InFlight<S> {
    fn poll_events(&mut self, cx: &mut Context<'_>) -> Poll<Option<Vec<u32>>> {
        self.item.take().into_iter().for_each(Item::done);
        let next = ready!(self.stream.poll_next_unpin(cx));
        self.item = next;
        Poll::Ready(self.item.as_ref().map(Item::events))
    }

    fn subscription(&self) -> (SubscriberId, Option<EndReason>) {
        let deliveries = self.stream.deliveries();
        (deliveries.id(), deliveries.end_reason())
    }

    /// The deliveries may end in the poll that yields the last batch.
    fn has_ended(&self) -> bool {
        self.item.is_none() && self.subscription().1.is_some()
    }

    fn as_deliveries(&mut self) -> Option<&mut Deliveries<u32>> {
        self.stream.deliveries_mut()
    }
}
