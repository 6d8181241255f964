//! Ours.

use futures::StreamExt;
use genevent::error::{NotifyError, TryNotifyError};
use genevent::{EventManager, Subscription};

use super::{Acked, Fanout, Reader, Worker};
use crate::event::Event;

fn open<E: Event>(capacity: usize, subscribers: usize) -> (EventManager<E>, Vec<Subscription<E>>) {
    let manager = EventManager::new(capacity);
    let subscribers = (0..subscribers).map(|_| manager.subscribe()).collect();
    (manager, subscribers)
}

impl<E: Event> Fanout<E> for EventManager<E> {
    type Reader = Subscription<E>;

    fn open(capacity: usize, readers: usize) -> (Self, Vec<Self::Reader>) {
        open(capacity, readers)
    }

    async fn send(&mut self, event: E) {
        if let Err(NotifyError::Closed(_)) = self.notify(event).await {
            unreachable!("nobody closes it");
        }
    }
}

/// With `try_notify`, and `notify` only if there is no room.
pub(crate) struct TryFirst<E>(EventManager<E>);

impl<E: Event> Fanout<E> for TryFirst<E> {
    type Reader = Subscription<E>;

    fn open(capacity: usize, readers: usize) -> (Self, Vec<Self::Reader>) {
        let (manager, readers) = open(capacity, readers);
        (Self(manager), readers)
    }

    async fn send(&mut self, event: E) {
        if let Err(TryNotifyError::Full(event)) = self.0.try_notify(event) {
            self.0.send(event).await;
        }
    }
}

impl<E: Event> Reader<E> for Subscription<E> {
    async fn next(&mut self) -> Option<E> {
        StreamExt::next(self).await
    }
}

impl<E: Event> Acked<E> for EventManager<E> {
    type Worker = Subscription<E>;

    fn open(capacity: usize, workers: usize) -> (Self, Vec<Self::Worker>) {
        open(capacity, workers)
    }

    async fn round_trip(&mut self, event: E) {
        match self.sync_notify(event).await {
            Ok(receipt) => assert!(receipt.all_acked() && !receipt.is_unheard()),
            Err(_) => unreachable!("nobody closes it"),
        }
    }
}

impl<E: Event> Worker<E> for Subscription<E> {
    fn done(&mut self) {
        // Coming back for the next event says it.
    }
}
