//! Acknowledgements by hand.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use futures::task::AtomicWaker;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::{Acked, Fanout, Reader, Worker};
use crate::event::Event;
use crate::load::Load;

/// The number of outstanding acknowledgements, and the waker of the waiting producer.
#[derive(Default)]
pub(super) struct Owed {
    owed: AtomicUsize,
    producer: AtomicWaker,
}

impl Owed {
    pub(super) fn by(&self, workers: usize) {
        self.owed.store(workers, Ordering::Release);
    }

    pub(super) fn done(&self) {
        if self.owed.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.producer.wake();
        }
    }

    pub(super) async fn all_done(&self) {
        poll_fn(|cx| self.poll_all_done(cx)).await;
    }

    fn poll_all_done(&self, cx: &Context<'_>) -> Poll<()> {
        if self.owed.load(Ordering::Acquire) == 0 {
            return Poll::Ready(());
        }
        // Register before checking again: the last acknowledgement in between would be missed.
        self.producer.register(cx.waker());
        if self.owed.load(Ordering::Acquire) == 0 {
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

/// The cheapest acknowledgement: a counter and a waker beside the channel. Supports a single event at a
/// time, and no worker that gives up.
pub(crate) struct HandAcked<F> {
    fanout: F,
    owed: Arc<Owed>,
    workers: usize,
}

pub(crate) struct HandAcking<R> {
    reader: R,
    owed: Arc<Owed>,
}

impl<E: Event, F: Fanout<E>> Acked<E> for HandAcked<F> {
    const NAME: &'static str = F::NAME;

    type Worker = HandAcking<F::Reader>;

    fn open(load: &Load) -> (Self, Vec<Self::Worker>) {
        let (fanout, readers) = F::open(load);
        let owed = Arc::new(Owed::default());
        let workers = readers.into_iter().map(|reader| HandAcking {
            reader,
            owed: Arc::clone(&owed),
        });
        let workers = workers.collect();
        let acked = Self {
            fanout,
            owed,
            workers: load.subscribers,
        };
        (acked, workers)
    }

    async fn round_trip(&mut self, event: E) {
        self.owed.by(self.workers);
        self.fanout.send(event).await;
        self.owed.all_done().await;
    }
}

impl<E: Event, R: Reader<E>> Reader<E> for HandAcking<R> {
    async fn next(&mut self) -> Option<E> {
        self.reader.next().await
    }
}

impl<E: Event, R: Reader<E>> Worker<E> for HandAcking<R> {
    fn done(&mut self) {
        self.owed.done();
    }
}

/// An event with a counter of its own, which acknowledges on drop: any number of events may be in
/// flight, and a worker that gives up does not block the producer.
struct Counted<E> {
    event: E,
    owed: Arc<Owed>,
}

impl<E> Drop for Counted<E> {
    fn drop(&mut self) {
        self.owed.done();
    }
}

/// A `tokio::sync::mpsc` per reader, with a counter in each event.
pub(crate) struct CounterInEach<E>(Vec<Sender<Counted<E>>>);

pub(crate) struct Counting<E> {
    receiver: Receiver<Counted<E>>,
    in_hand: Option<Counted<E>>,
}

impl<E: Event> Acked<E> for CounterInEach<E> {
    const NAME: &'static str = "tokio mpsc, a counter in each event";

    type Worker = Counting<E>;

    fn open(load: &Load) -> (Self, Vec<Self::Worker>) {
        let channels = (0..load.subscribers).map(|_| {
            let (sender, receiver) = channel(load.capacity);
            let in_hand = None;
            (sender, Counting { receiver, in_hand })
        });
        let (senders, workers) = channels.unzip();
        (Self(senders), workers)
    }

    async fn round_trip(&mut self, event: E) {
        let owed = Arc::new(Owed::default());
        owed.by(self.0.len());
        for sender in &self.0 {
            let counted = Counted {
                event: event.clone(),
                owed: Arc::clone(&owed),
            };
            if let Err(refused) = sender.try_send(counted) {
                // If the worker has left, dropping the event acknowledges.
                drop(sender.send(refused.into_inner()).await);
            }
        }
        owed.all_done().await;
    }
}

impl<E: Event> Reader<E> for Counting<E> {
    async fn next(&mut self) -> Option<E> {
        self.in_hand = self.receiver.recv().await;
        self.in_hand.as_ref().map(|counted| counted.event.clone())
    }
}

impl<E: Event> Worker<E> for Counting<E> {
    fn done(&mut self) {
        self.in_hand = None;
    }
}
