//! postage's broadcast channel: one queue for all readers, lossless except at its end: a reader that
//! polls just when the producer sends its last event and leaves may see the end alone. Such a sample
//! fails and is reported.

pub(crate) use postage::broadcast::Sender as Broadcast;
use postage::broadcast::{Receiver, channel};
use postage::sink::Sink;
use postage::stream::Stream;

use super::{Fanout, Open, Reader};
use crate::event::Event;
use crate::load::Load;

impl<E: Event> Fanout<E> for Broadcast<E> {
    const NAME: &'static str = "postage broadcast";

    type Reader = Receiver<E>;

    fn open(load: &Load) -> (Self, Vec<Self::Reader>) {
        let (sender, first) = channel(load.capacity);
        let others = (1..load.subscribers).map(|_| sender.subscribe());
        let readers = others.collect::<Vec<_>>().into_iter().chain([first]);
        let readers = readers.take(load.subscribers).collect();
        (sender, readers)
    }

    async fn send(&mut self, event: E) {
        let sent = Sink::send(self, event).await;
        assert!(sent.is_ok(), "every reader stays to the end");
    }
}

impl<E: Event> Reader<E> for Receiver<E> {
    async fn next(&mut self) -> Option<E> {
        self.recv().await
    }
}

impl<E: Event> Open<E> for Broadcast<E> {
    const NAME: &'static str = "postage broadcast";

    type Reader = Receiver<E>;

    fn open(capacity: usize) -> Self {
        channel(capacity).0
    }

    fn subscribe(&self) -> Self::Reader {
        Broadcast::subscribe(self)
    }

    async fn publish(&mut self, event: E) {
        // The channel refuses an event without readers.
        drop(Sink::send(self, event).await);
    }
}
