//! kanal: one bounded channel for each reader, and the producer clones into each.

use kanal::{AsyncReceiver, AsyncSender};

use super::{Fanout, Reader};
use crate::event::Event;

pub(crate) struct OneEach<E>(Vec<AsyncSender<E>>);

impl<E: Event> Fanout<E> for OneEach<E> {
    type Reader = AsyncReceiver<E>;

    fn open(capacity: usize, readers: usize) -> (Self, Vec<Self::Reader>) {
        let (senders, receivers) = (0..readers).map(|_| kanal::bounded_async(capacity)).unzip();
        (Self(senders), receivers)
    }

    async fn send(&mut self, event: E) {
        for sender in &self.0 {
            sender
                .send(event.clone())
                .await
                .expect("every reader stays to the end");
        }
    }
}

impl<E: Event> Reader<E> for AsyncReceiver<E> {
    async fn next(&mut self) -> Option<E> {
        self.recv().await.ok()
    }
}
