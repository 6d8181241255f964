//! A bounded channel for each reader; the producer clones each event into each channel.

use std::future::Future;

use futures::StreamExt;

use super::{Fanout, Reader};
use crate::event::Event;
use crate::load::Load;

/// A bounded channel to a single reader.
pub(crate) trait Channel<E>: 'static {
    const NAME: &'static str;

    type Tx: Send + 'static;
    type Rx: Send + 'static;

    fn open(capacity: usize) -> (Self::Tx, Self::Rx);

    /// Waits for room. Returns whether the reader is still there.
    fn send(tx: &mut Self::Tx, event: E) -> impl Future<Output = bool> + Send;

    fn recv(rx: &mut Self::Rx) -> impl Future<Output = Option<E>> + Send;
}

/// `tokio::sync::mpsc`; `try_send` first, which is faster than `send` alone.
pub(crate) struct Tokio;

impl<E: Event> Channel<E> for Tokio {
    const NAME: &'static str = "tokio mpsc per reader";

    type Tx = tokio::sync::mpsc::Sender<E>;
    type Rx = tokio::sync::mpsc::Receiver<E>;

    fn open(capacity: usize) -> (Self::Tx, Self::Rx) {
        tokio::sync::mpsc::channel(capacity)
    }

    async fn send(tx: &mut Self::Tx, event: E) -> bool {
        match tx.try_send(event) {
            Ok(()) => true,
            Err(refused) => tx.send(refused.into_inner()).await.is_ok(),
        }
    }

    async fn recv(rx: &mut Self::Rx) -> Option<E> {
        rx.recv().await
    }
}

/// A channel read as a stream.
pub(crate) struct Flume;

impl<E: Event> Channel<E> for Flume {
    const NAME: &'static str = "flume per reader";

    type Tx = flume::Sender<E>;
    type Rx = flume::r#async::RecvStream<'static, E>;

    fn open(capacity: usize) -> (Self::Tx, Self::Rx) {
        let (tx, rx) = flume::bounded(capacity);
        (tx, rx.into_stream())
    }

    async fn send(tx: &mut Self::Tx, event: E) -> bool {
        tx.send_async(event).await.is_ok()
    }

    async fn recv(rx: &mut Self::Rx) -> Option<E> {
        rx.next().await
    }
}

pub(crate) struct Kanal;

impl<E: Event> Channel<E> for Kanal {
    const NAME: &'static str = "kanal per reader";

    type Tx = kanal::AsyncSender<E>;
    type Rx = kanal::AsyncReceiver<E>;

    fn open(capacity: usize) -> (Self::Tx, Self::Rx) {
        kanal::bounded_async(capacity)
    }

    async fn send(tx: &mut Self::Tx, event: E) -> bool {
        tx.send(event).await.is_ok()
    }

    async fn recv(rx: &mut Self::Rx) -> Option<E> {
        rx.recv().await.ok()
    }
}

/// crossfire's channel for a single producer.
pub(crate) struct Crossfire;

impl<E: Event> Channel<E> for Crossfire {
    const NAME: &'static str = "crossfire spsc per reader";

    type Tx = crossfire::AsyncTx<crossfire::spsc::Array<E>>;
    type Rx = crossfire::AsyncRx<crossfire::spsc::Array<E>>;

    fn open(capacity: usize) -> (Self::Tx, Self::Rx) {
        crossfire::spsc::bounded_async(capacity)
    }

    async fn send(tx: &mut Self::Tx, event: E) -> bool {
        tx.send(event).await.is_ok()
    }

    async fn recv(rx: &mut Self::Rx) -> Option<E> {
        rx.recv().await.ok()
    }
}

/// crossfire's channel for several producers.
pub(crate) struct CrossfireMany;

impl<E: Event> Channel<E> for CrossfireMany {
    const NAME: &'static str = "crossfire mpsc per reader";

    type Tx = crossfire::MAsyncTx<crossfire::mpsc::Array<E>>;
    type Rx = crossfire::AsyncRx<crossfire::mpsc::Array<E>>;

    fn open(capacity: usize) -> (Self::Tx, Self::Rx) {
        crossfire::mpsc::bounded_async(capacity)
    }

    async fn send(tx: &mut Self::Tx, event: E) -> bool {
        tx.send(event).await.is_ok()
    }

    async fn recv(rx: &mut Self::Rx) -> Option<E> {
        rx.recv().await.ok()
    }
}

/// The reason that no channel refuses an event.
const STAYS: &str = "every reader stays to the end";

/// The producer's end.
pub(crate) struct PerReader<C: Channel<E>, E>(Vec<C::Tx>);

impl<C: Channel<E>, E> Clone for PerReader<C, E>
where
    C::Tx: Clone,
{
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// A reader's end.
pub(crate) struct EachReader<C: Channel<E>, E>(pub(super) C::Rx);

impl<C: Channel<E>, E: Event> Fanout<E> for PerReader<C, E> {
    const NAME: &'static str = C::NAME;

    type Reader = EachReader<C, E>;

    fn open(load: &Load) -> (Self, Vec<Self::Reader>) {
        let channels = (0..load.subscribers).map(|_| {
            let (tx, rx) = C::open(load.capacity);
            (tx, EachReader(rx))
        });
        let (senders, readers) = channels.unzip();
        (Self(senders), readers)
    }

    async fn send(&mut self, event: E) {
        if let Some((last, others)) = self.0.split_last_mut() {
            for sender in others {
                assert!(C::send(sender, event.clone()).await, "{STAYS}");
            }
            assert!(C::send(last, event).await, "{STAYS}");
        }
    }
}

impl<C: Channel<E>, E: Event> Reader<E> for EachReader<C, E> {
    async fn next(&mut self) -> Option<E> {
        C::recv(&mut self.0).await
    }
}
