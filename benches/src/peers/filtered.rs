//! Readers that want 1 event in 100.

use futures::future::{Ready, ready};
use futures::stream::{Filter, StreamExt};
use genevent::{EventManager, Subscription, error::NotifyError};

use super::each::{Channel, EachReader};
use super::{Fanout, Reader};
use crate::load::Load;

/// The number of events for each wanted event.
pub(crate) const ONE_IN: u64 = 100;

pub(crate) fn wants(reader: usize, number: u64) -> bool {
    number % ONE_IN == reader as u64 % ONE_IN
}

/// Every reader receives every event and skips the unwanted.
pub(crate) struct ByReaders<F>(F);

pub(crate) struct Choosing<R> {
    reader: R,
    index: usize,
}

impl<F: Fanout<u64>> Fanout<u64> for ByReaders<F> {
    const NAME: &'static str = F::NAME;

    type Reader = Choosing<F::Reader>;

    fn open(load: &Load) -> (Self, Vec<Self::Reader>) {
        let (fanout, readers) = F::open(load);
        let readers = readers.into_iter().enumerate();
        let readers = readers.map(|(index, reader)| Choosing { reader, index });
        (Self(fanout), readers.collect())
    }

    async fn send(&mut self, event: u64) {
        self.0.send(event).await;
    }
}

impl<R: Reader<u64>> Reader<u64> for Choosing<R> {
    async fn next(&mut self) -> Option<u64> {
        loop {
            let event = self.reader.next().await?;
            if wants(self.index, event) {
                return Some(event);
            }
        }
    }
}

/// genevent, with `filter` on the stream.
pub(crate) struct Ours(EventManager<u64>);

type Predicate = Box<dyn Fn(&u64) -> Ready<bool> + Send>;

pub(crate) struct Filtered(Filter<Subscription<u64>, Ready<bool>, Predicate>);

impl Fanout<u64> for Ours {
    const NAME: &'static str = "genevent, filter() on the stream";

    type Reader = Filtered;

    fn open(load: &Load) -> (Self, Vec<Self::Reader>) {
        let (manager, readers) = <EventManager<u64> as Fanout<u64>>::open(load);
        let readers = readers.into_iter().enumerate().map(|(index, reader)| {
            let predicate: Predicate = Box::new(move |event| ready(wants(index, *event)));
            Filtered(reader.filter(predicate))
        });
        (Self(manager), readers.collect())
    }

    async fn send(&mut self, event: u64) {
        self.0.send(event).await;
    }
}

impl Reader<u64> for Filtered {
    async fn next(&mut self) -> Option<u64> {
        self.0.next().await
    }
}

/// genevent, with `subscribe_filter`: filtered before storing.
pub(crate) struct OursBefore(EventManager<u64>);

impl Fanout<u64> for OursBefore {
    const NAME: &'static str = "genevent, subscribe_filter";

    type Reader = genevent::Filtered<u64>;

    fn open(load: &Load) -> (Self, Vec<Self::Reader>) {
        let manager = EventManager::new(load.capacity);
        let readers = (0..load.subscribers)
            .map(|index| manager.subscribe_filter(move |event| wants(index, *event)));
        let readers = readers.collect();
        (Self(manager), readers)
    }

    async fn send(&mut self, event: u64) {
        if let Err(NotifyError::Closed(_)) = self.0.notify(event).await {
            unreachable!("the manager stays open");
        }
    }
}

impl Reader<u64> for genevent::Filtered<u64> {
    async fn next(&mut self) -> Option<u64> {
        StreamExt::next(self).await
    }
}

/// A channel per reader, with a predicate the producer evaluates before sending.
pub(crate) struct BeforeSend<C: Channel<u64>>(Vec<Member<C>>);

struct Member<C: Channel<u64>> {
    wants: Box<dyn Fn(u64) -> bool + Send>,
    sender: C::Tx,
}

impl<C: Channel<u64>> Fanout<u64> for BeforeSend<C> {
    const NAME: &'static str = C::NAME;

    type Reader = EachReader<C, u64>;

    fn open(load: &Load) -> (Self, Vec<Self::Reader>) {
        let members = (0..load.subscribers).map(|index| {
            let (sender, receiver) = C::open(load.capacity);
            let wants = Box::new(move |number| wants(index, number));
            (Member { wants, sender }, EachReader(receiver))
        });
        let (members, readers) = members.unzip();
        (Self(members), readers)
    }

    async fn send(&mut self, event: u64) {
        for member in &mut self.0 {
            if (member.wants)(event) {
                assert!(C::send(&mut member.sender, event).await);
            }
        }
    }
}
