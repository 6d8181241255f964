//! Readers that want 1 event in 100.

use std::collections::HashMap;

use futures::future::{Ready, ready};
use futures::stream::{Filter, StreamExt};
use genevent::{EventManager, Subscription, error::NotifyError};

use super::each::{Channel, EachReader};
use super::{Fanout, Reader};
use crate::load::Load;

/// Whether a reader wants an event, of which there are so many for each wanted event.
pub(crate) fn wants(one_in: u64, reader: usize, number: u64) -> bool {
    number % one_in == reader as u64 % one_in
}

/// Every reader receives every event and skips the unwanted.
pub(crate) struct ByReaders<F, const ONE_IN: u64>(F);

pub(crate) struct Choosing<R, const ONE_IN: u64> {
    reader: R,
    index: usize,
}

impl<F: Fanout<u64>, const ONE_IN: u64> Fanout<u64> for ByReaders<F, ONE_IN> {
    const NAME: &'static str = F::NAME;

    type Reader = Choosing<F::Reader, ONE_IN>;

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

impl<R: Reader<u64>, const ONE_IN: u64> Reader<u64> for Choosing<R, ONE_IN> {
    async fn next(&mut self) -> Option<u64> {
        loop {
            let event = self.reader.next().await?;
            if wants(ONE_IN, self.index, event) {
                return Some(event);
            }
        }
    }
}

/// genevent, with `filter` on the stream.
pub(crate) struct Ours<const ONE_IN: u64>(EventManager<u64>);

type Predicate = Box<dyn Fn(&u64) -> Ready<bool> + Send>;

pub(crate) struct Filtered(Filter<Subscription<u64>, Ready<bool>, Predicate>);

impl<const ONE_IN: u64> Fanout<u64> for Ours<ONE_IN> {
    const NAME: &'static str = "genevent, filter() on the stream";

    type Reader = Filtered;

    fn open(load: &Load) -> (Self, Vec<Self::Reader>) {
        let (manager, readers) = <EventManager<u64> as Fanout<u64>>::open(load);
        let readers = readers.into_iter().enumerate().map(|(index, reader)| {
            let predicate: Predicate = Box::new(move |event| ready(wants(ONE_IN, index, *event)));
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
pub(crate) struct OursBefore<const ONE_IN: u64>(EventManager<u64>);

impl<const ONE_IN: u64> Fanout<u64> for OursBefore<ONE_IN> {
    const NAME: &'static str = "genevent, subscribe_filter";

    type Reader = genevent::Filtered<u64>;

    fn open(load: &Load) -> (Self, Vec<Self::Reader>) {
        let manager = EventManager::new(load.capacity);
        let readers = (0..load.subscribers)
            .map(|index| manager.subscribe_filter(move |event| wants(ONE_IN, index, *event)));
        let readers = readers.collect();
        (Self(manager), readers)
    }

    async fn send(&mut self, event: u64) {
        if let Err(NotifyError::Closed(_)) = self.0.notify(event).await {
            unreachable!("the manager stays open");
        }
    }
}

/// genevent, with topics: the publisher looks up the subscribers of the event's key.
pub(crate) struct OurTopics<const ONE_IN: u64>(EventManager<u64>);

impl<const ONE_IN: u64> Fanout<u64> for OurTopics<ONE_IN> {
    const NAME: &'static str = "genevent, topics";

    type Reader = genevent::Filtered<u64>;

    fn open(load: &Load) -> (Self, Vec<Self::Reader>) {
        let manager = EventManager::new(load.capacity);
        let topics = manager.topics(|event| event % ONE_IN);
        let readers = (0..load.subscribers).map(|index| topics.subscribe(index as u64 % ONE_IN));
        let readers = readers.collect();
        (Self(manager), readers)
    }

    async fn send(&mut self, event: u64) {
        if let Err(NotifyError::Closed(_)) = self.0.notify(event).await {
            unreachable!("the manager stays open");
        }
    }
}

/// genevent, with a manager for each key: the events of different keys have no common order.
pub(crate) struct OurManagers<const ONE_IN: u64>(HashMap<u64, EventManager<u64>>);

impl<const ONE_IN: u64> Fanout<u64> for OurManagers<ONE_IN> {
    const NAME: &'static str = "genevent, a manager per key";

    type Reader = Subscription<u64>;

    fn open(load: &Load) -> (Self, Vec<Self::Reader>) {
        let manager = |key| (key, EventManager::new(load.capacity));
        let managers: HashMap<_, _> = (0..ONE_IN).map(manager).collect();
        let readers =
            (0..load.subscribers).map(|index| managers[&(index as u64 % ONE_IN)].subscribe());
        let readers = readers.collect();
        (Self(managers), readers)
    }

    async fn send(&mut self, event: u64) {
        if let Err(NotifyError::Closed(_)) = self.0[&(event % ONE_IN)].notify(event).await {
            unreachable!("the managers stay open");
        }
    }
}

impl Reader<u64> for genevent::Filtered<u64> {
    async fn next(&mut self) -> Option<u64> {
        StreamExt::next(self).await
    }
}

/// A channel per reader, with a predicate the producer evaluates before sending.
pub(crate) struct BeforeSend<C: Channel<u64>, const ONE_IN: u64>(Vec<Member<C>>);

struct Member<C: Channel<u64>> {
    wants: Box<dyn Fn(u64) -> bool + Send>,
    sender: C::Tx,
}

impl<C: Channel<u64>, const ONE_IN: u64> Fanout<u64> for BeforeSend<C, ONE_IN> {
    const NAME: &'static str = C::NAME;

    type Reader = EachReader<C, u64>;

    fn open(load: &Load) -> (Self, Vec<Self::Reader>) {
        let members = (0..load.subscribers).map(|index| {
            let (sender, receiver) = C::open(load.capacity);
            let wants = Box::new(move |number| wants(ONE_IN, index, number));
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
