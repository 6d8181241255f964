//! Tokio's broadcast channel, made lossless by hand.
//!
//! It overwrites what a slow reader has not read. So the producer counts down the room that
//! there was when it last asked, asks again when that is used up, and if there is none, waits
//! until a reader says that it has come a good way further.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::StreamExt;
use futures::task::AtomicWaker;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{self, Receiver, Sender};
use tokio_stream::wrappers::BroadcastStream;

use super::{Fanout, Reader};
use crate::event::Event;

/// The producer's end, and what both kinds of readers have in common.
struct Producer<E> {
    sender: Sender<E>,
    capacity: usize,
    /// How many events may be sent before it must ask again.
    room: usize,
    waiting: Arc<AtomicWaker>,
}

impl<E: Event> Producer<E> {
    fn open(capacity: usize, readers: usize) -> (Self, Vec<(Receiver<E>, Progress)>) {
        let (sender, first) = broadcast::channel(capacity);
        let waiting = Arc::new(AtomicWaker::new());
        let receivers = (1..readers).map(|_| sender.subscribe()).collect::<Vec<_>>();
        let readers = std::iter::once(first).chain(receivers).map(|receiver| {
            let progress = Progress {
                read: 0,
                step: (capacity / 4).max(1),
                producer: Arc::clone(&waiting),
            };
            (receiver, progress)
        });
        let readers = readers.collect();
        let producer = Self {
            sender,
            capacity,
            room: capacity,
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
        // Register before looking: a reader that reports in between would be missed.
        self.waiting.register(cx.waker());
        match self.capacity - self.sender.len() {
            0 => Poll::Pending,
            room => Poll::Ready(room),
        }
    }
}

/// A reader's way of telling that it reads.
pub(crate) struct Progress {
    read: usize,
    /// A full channel is several steps long: whoever is last in it still reports.
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

/// Read with `recv()`.
pub(crate) struct Lossless<E>(Producer<E>);

impl<E: Event> Fanout<E> for Lossless<E> {
    type Reader = (Receiver<E>, Progress);

    fn open(capacity: usize, readers: usize) -> (Self, Vec<Self::Reader>) {
        let (producer, readers) = Producer::open(capacity, readers);
        (Self(producer), readers)
    }

    async fn send(&mut self, event: E) {
        self.0.send(event).await;
    }
}

impl<E: Event> Reader<E> for (Receiver<E>, Progress) {
    async fn next(&mut self) -> Option<E> {
        let (receiver, progress) = self;
        match receiver.recv().await {
            Ok(event) => {
                progress.count();
                Some(event)
            }
            Err(RecvError::Closed) => None,
            Err(RecvError::Lagged(_)) => panic!("nothing is ever overwritten"),
        }
    }
}

/// Read as a stream.
pub(crate) struct LosslessStream<E>(Producer<E>);

impl<E: Event> Fanout<E> for LosslessStream<E> {
    type Reader = (BroadcastStream<E>, Progress);

    fn open(capacity: usize, readers: usize) -> (Self, Vec<Self::Reader>) {
        let (producer, readers) = Producer::open(capacity, readers);
        let readers = readers
            .into_iter()
            .map(|(receiver, progress)| (BroadcastStream::new(receiver), progress));
        let readers = readers.collect();
        (Self(producer), readers)
    }

    async fn send(&mut self, event: E) {
        self.0.send(event).await;
    }
}

impl<E: Event> Reader<E> for (BroadcastStream<E>, Progress) {
    async fn next(&mut self) -> Option<E> {
        let (stream, progress) = self;
        let event = stream.next().await?.expect("nothing is ever overwritten");
        progress.count();
        Some(event)
    }
}
