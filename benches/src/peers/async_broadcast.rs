//! async-broadcast: one queue for all readers; lossless by default.
//!
//! The channel is read as a stream and written with `broadcast_direct`, as the futures of `recv` and
//! `broadcast` are boxed.

use async_broadcast::{InactiveReceiver, Receiver, Sender, TrySendError, broadcast};
use futures::StreamExt;

use super::{Fanout, Open, Reader};
use crate::event::Event;
use crate::load::Load;

fn open<E: Event>(load: &Load) -> (Sender<E>, Vec<Receiver<E>>) {
    let (sender, first) = broadcast(load.capacity);
    let others = (1..load.subscribers).map(|_| sender.new_receiver());
    let readers = others.collect::<Vec<_>>().into_iter().chain([first]);
    let readers = readers.take(load.subscribers).collect();
    (sender, readers)
}

impl<E: Event> Fanout<E> for Sender<E> {
    const NAME: &'static str = "async-broadcast";

    type Reader = Receiver<E>;

    fn open(load: &Load) -> (Self, Vec<Self::Reader>) {
        open(load)
    }

    async fn send(&mut self, event: E) {
        let sent = self.broadcast_direct(event).await;
        assert!(sent.is_ok(), "every reader stays to the end");
    }
}

impl<E: Event> Reader<E> for Receiver<E> {
    async fn next(&mut self) -> Option<E> {
        StreamExt::next(self).await
    }
}

/// The lossy mode: a full channel loses its oldest events.
pub(crate) struct Overflowing<E>(Sender<E>);

impl<E: Event> Fanout<E> for Overflowing<E> {
    const NAME: &'static str = "async-broadcast, overflowing (loses)";

    type Reader = Receiver<E>;

    fn open(load: &Load) -> (Self, Vec<Self::Reader>) {
        let (mut sender, readers) = open(load);
        sender.set_overflow(true);
        (Self(sender), readers)
    }

    async fn send(&mut self, event: E) {
        self.0.send(event).await;
    }
}

/// The channel, kept open by an inactive receiver while there are no readers.
#[derive(Clone)]
pub(crate) struct KeptOpen<E> {
    sender: Sender<E>,
    _inactive: InactiveReceiver<E>,
}

impl<E: Event> Open<E> for KeptOpen<E> {
    const NAME: &'static str = "async-broadcast";

    type Reader = Receiver<E>;

    fn open(capacity: usize) -> Self {
        let (sender, receiver) = broadcast(capacity);
        Self {
            sender,
            _inactive: receiver.deactivate(),
        }
    }

    fn subscribe(&self) -> Self::Reader {
        self.sender.new_receiver()
    }

    async fn publish(&mut self, event: E) {
        match self.sender.try_broadcast(event) {
            Ok(_) | Err(TrySendError::Inactive(_)) => {}
            // The last reader may leave during the wait.
            Err(TrySendError::Full(event)) => drop(self.sender.broadcast_direct(event).await),
            Err(TrySendError::Closed(_)) => unreachable!("it is kept open"),
        }
    }
}
