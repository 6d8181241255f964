//! genevent itself.

use futures::StreamExt;
use genevent::error::{NotifyError, TryNotifyError};
use genevent::{EventManager, Overflow, Subscription};

use super::{Acked, Fanout, Open, Reader, Worker};
use crate::event::Event;
use crate::load::Load;

fn open<E: Event>(load: &Load) -> (EventManager<E>, Vec<Subscription<E>>) {
    let manager = EventManager::new(load.capacity);
    let subscribers = (0..load.subscribers).map(|_| manager.subscribe());
    let subscribers = subscribers.collect();
    (manager, subscribers)
}

impl<E: Event> Fanout<E> for EventManager<E> {
    const NAME: &'static str = "genevent";

    type Reader = Subscription<E>;

    fn open(load: &Load) -> (Self, Vec<Self::Reader>) {
        open(load)
    }

    async fn send(&mut self, event: E) {
        if let Err(NotifyError::Closed(_)) = self.notify(event).await {
            unreachable!("the manager stays open");
        }
    }
}

/// Publishes with `try_notify`, and with `notify` only without room.
#[derive(Clone)]
pub(crate) struct TryFirst<E>(EventManager<E>);

impl<E: Event> Fanout<E> for TryFirst<E> {
    const NAME: &'static str = "genevent, try_notify first";

    type Reader = Subscription<E>;

    fn open(load: &Load) -> (Self, Vec<Self::Reader>) {
        let (manager, readers) = open(load);
        (Self(manager), readers)
    }

    async fn send(&mut self, event: E) {
        if let Err(TryNotifyError::Full(event)) = self.0.try_notify(event) {
            self.0.send(event).await;
        }
    }
}

/// The first reader is lossy, and the rest are lossless.
pub(crate) struct FirstLoses<E>(EventManager<E>);

impl<E: Event> Fanout<E> for FirstLoses<E> {
    const NAME: &'static str = "genevent, the slow one drops (loses)";

    type Reader = Subscription<E>;

    fn open(load: &Load) -> (Self, Vec<Self::Reader>) {
        let manager = EventManager::new(load.capacity);
        let first = manager.subscribe_with(Overflow::DropOldest);
        let others = (1..load.subscribers).map(|_| manager.subscribe());
        let readers = [first].into_iter().chain(others).collect();
        (Self(manager), readers)
    }

    async fn send(&mut self, event: E) {
        self.0.send(event).await;
    }
}

impl<E: Event> Reader<E> for Subscription<E> {
    async fn next(&mut self) -> Option<E> {
        StreamExt::next(self).await
    }
}

impl<E: Event> Acked<E> for EventManager<E> {
    const NAME: &'static str = "genevent, sync_notify";

    type Worker = Subscription<E>;

    fn open(load: &Load) -> (Self, Vec<Self::Worker>) {
        open(load)
    }

    async fn round_trip(&mut self, event: E) {
        match self.sync_notify(event).await {
            Ok(receipt) => assert!(receipt.all_acked() && !receipt.is_unheard()),
            Err(_) => unreachable!("the manager stays open"),
        }
    }
}

impl<E: Event> Worker<E> for Subscription<E> {
    fn done(&mut self) {
        // Polling for the next event acknowledges.
    }
}

impl<E: Event> Open<E> for EventManager<E> {
    const NAME: &'static str = "genevent";

    type Reader = Subscription<E>;

    fn open(capacity: usize) -> Self {
        EventManager::new(capacity)
    }

    fn subscribe(&self) -> Self::Reader {
        EventManager::subscribe(self)
    }

    async fn publish(&mut self, event: E) {
        self.send(event).await;
    }
}

/// Publishes with `try_notify`.
#[derive(Clone)]
pub(crate) struct Trying<E>(EventManager<E>);

impl<E: Event> Open<E> for Trying<E> {
    const NAME: &'static str = "genevent, try_notify";

    type Reader = Subscription<E>;

    fn open(capacity: usize) -> Self {
        Self(EventManager::new(capacity))
    }

    fn subscribe(&self) -> Self::Reader {
        self.0.subscribe()
    }

    async fn publish(&mut self, event: E) {
        drop(self.0.try_notify(event));
    }
}
