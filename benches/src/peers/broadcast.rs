//! Tokio's broadcast channel.
//!
//! The channel overwrites events a slow reader has not read. In the lossless variant, the
//! producer counts down the room of its last check, checks again when that is used up, and without
//! room waits until a reader reports progress.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::StreamExt;
use futures::task::AtomicWaker;
use tokio::sync::Mutex;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{self, Receiver, Sender};
use tokio_stream::wrappers::BroadcastStream;

use super::{Fanout, Open, Reader};
use crate::event::Event;
use crate::load::Load;

fn channel<E: Event>(capacity: usize, readers: usize) -> (Sender<E>, Vec<Receiver<E>>) {
    let (sender, first) = broadcast::channel(capacity);
    drop(first);
    let readers = (0..readers).map(|_| sender.subscribe()).collect();
    (sender, readers)
}

/// The producer's end of the lossless variant.
struct Producer<E> {
    sender: Sender<E>,
    capacity: usize,
    /// The number of events before the next check for room.
    room: usize,
    waiting: Arc<AtomicWaker>,
}

impl<E: Event> Producer<E> {
    fn open(load: &Load) -> (Self, impl Iterator<Item = (Receiver<E>, Progress)>) {
        let (sender, receivers) = channel(load.capacity, load.subscribers);
        let waiting = Arc::new(AtomicWaker::new());
        let step = (load.capacity / 4).max(1);
        let producer = Arc::clone(&waiting);
        let readers = receivers.into_iter().map(move |receiver| {
            let progress = Progress {
                read: 0,
                step,
                producer: Arc::clone(&producer),
            };
            (receiver, progress)
        });
        let producer = Self {
            sender,
            capacity: load.capacity,
            room: load.capacity,
            waiting,
        };
        (producer, readers)
    }

    async fn send(&mut self, event: E) {
        if self.room == 0 {
            self.room = poll_fn(|cx| self.poll_room(cx)).await;
        }
        self.room -= 1;
        self.sender
            .send(event)
            .unwrap_or_else(|_| unreachable!("every reader stays to the end"));
    }

    fn poll_room(&self, cx: &Context<'_>) -> Poll<usize> {
        // Register before checking: a report in between would be missed.
        self.waiting.register(cx.waker());
        match self.capacity - self.sender.len() {
            0 => Poll::Pending,
            room => Poll::Ready(room),
        }
    }
}

/// The reports of a reader's progress.
pub(crate) struct Progress {
    read: usize,
    /// A full channel is several steps long, so the slowest reader still reports.
    step: usize,
    producer: Arc<AtomicWaker>,
}

impl Progress {
    fn count(&mut self) {
        self.read += 1;
        if self.read == self.step {
            self.read = 0;
            self.producer.wake();
        }
    }
}

/// The lossless variant, read with `recv()`.
pub(crate) struct Lossless<E>(Producer<E>);

impl<E: Event> Fanout<E> for Lossless<E> {
    const NAME: &'static str = "tokio broadcast, recv()";

    type Reader = (Receiver<E>, Progress);

    fn open(load: &Load) -> (Self, Vec<Self::Reader>) {
        let (producer, readers) = Producer::open(load);
        (Self(producer), readers.collect())
    }

    async fn send(&mut self, event: E) {
        self.0.send(event).await;
    }
}

impl<E: Event> Reader<E> for (Receiver<E>, Progress) {
    async fn next(&mut self) -> Option<E> {
        let (receiver, progress) = self;
        let event = receive(receiver).await?;
        progress.count();
        Some(event)
    }
}

async fn receive<E: Event>(receiver: &mut Receiver<E>) -> Option<E> {
    match receiver.recv().await {
        Ok(event) => Some(event),
        Err(RecvError::Closed) => None,
        Err(RecvError::Lagged(_)) => panic!("no event is overwritten"),
    }
}

/// The lossless variant, read as a stream.
pub(crate) struct LosslessStream<E>(Producer<E>);

impl<E: Event> Fanout<E> for LosslessStream<E> {
    const NAME: &'static str = "tokio broadcast, BroadcastStream";

    type Reader = (BroadcastStream<E>, Progress);

    fn open(load: &Load) -> (Self, Vec<Self::Reader>) {
        let (producer, readers) = Producer::open(load);
        let readers =
            readers.map(|(receiver, progress)| (BroadcastStream::new(receiver), progress));
        (Self(producer), readers.collect())
    }

    async fn send(&mut self, event: E) {
        self.0.send(event).await;
    }
}

impl<E: Event> Reader<E> for (BroadcastStream<E>, Progress) {
    async fn next(&mut self) -> Option<E> {
        let (stream, progress) = self;
        let event = stream.next().await?.expect("no event is overwritten");
        progress.count();
        Some(event)
    }
}

/// The lossless variant for several producers.
pub(crate) struct Shared<F>(Arc<Mutex<F>>);

impl<F> Clone for Shared<F> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<E: Event, F: Fanout<E>> Fanout<E> for Shared<F> {
    const NAME: &'static str = F::NAME;

    type Reader = F::Reader;

    fn open(load: &Load) -> (Self, Vec<Self::Reader>) {
        let (fanout, readers) = F::open(load);
        (Self(Arc::new(Mutex::new(fanout))), readers)
    }

    async fn send(&mut self, event: E) {
        self.0.lock().await.send(event).await;
    }
}

/// A channel with room for all events of the sample, so no reader lags: no backpressure at all.
#[derive(Clone)]
pub(crate) struct NeverLags<E>(Sender<E>);

pub(crate) struct NeverLagging<E>(Receiver<E>);

impl<E: Event> Fanout<E> for NeverLags<E> {
    const NAME: &'static str = "tokio broadcast, room for all events";

    type Reader = NeverLagging<E>;

    fn open(load: &Load) -> (Self, Vec<Self::Reader>) {
        let all = (load.events as usize).next_power_of_two();
        let (sender, receivers) = channel(all, load.subscribers);
        (
            Self(sender),
            receivers.into_iter().map(NeverLagging).collect(),
        )
    }

    async fn send(&mut self, event: E) {
        let sent = self.0.send(event);
        assert!(sent.is_ok(), "every reader stays to the end");
    }
}

impl<E: Event> Reader<E> for NeverLagging<E> {
    async fn next(&mut self) -> Option<E> {
        receive(&mut self.0).await
    }
}

/// The channel as it is: a slow reader loses events.
#[derive(Clone)]
pub(crate) struct Lossy<E>(Sender<E>);

pub(crate) struct Lagging<E>(Receiver<E>);

impl<E: Event> Fanout<E> for Lossy<E> {
    const NAME: &'static str = "tokio broadcast (loses)";

    type Reader = Lagging<E>;

    fn open(load: &Load) -> (Self, Vec<Self::Reader>) {
        let (sender, receivers) = channel(load.capacity, load.subscribers);
        (Self(sender), receivers.into_iter().map(Lagging).collect())
    }

    async fn send(&mut self, event: E) {
        self.publish(event).await;
    }
}

impl<E: Event> Open<E> for Lossy<E> {
    const NAME: &'static str = "tokio broadcast";

    type Reader = Lagging<E>;

    fn open(capacity: usize) -> Self {
        Self(channel(capacity, 0).0)
    }

    fn subscribe(&self) -> Self::Reader {
        Lagging(self.0.subscribe())
    }

    async fn publish(&mut self, event: E) {
        // The channel refuses an event without readers.
        drop(self.0.send(event));
    }
}

impl<E: Event> Reader<E> for Lagging<E> {
    async fn next(&mut self) -> Option<E> {
        loop {
            match self.0.recv().await {
                Ok(event) => return Some(event),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    }
}
