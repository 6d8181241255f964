//! The cheapest acknowledgement that can be written by hand: a shared counter and one waker.
//!
//! It knows one event at a time, and no worker that gives up.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use futures::task::AtomicWaker;

use super::{Acked, Fanout, Reader, Worker};
use crate::event::Event;

#[derive(Default)]
struct HandAck {
    owed: AtomicUsize,
    producer: AtomicWaker,
}

impl HandAck {
    fn done(&self) {
        if self.owed.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.producer.wake();
        }
    }

    fn poll_all_done(&self, cx: &Context<'_>) -> Poll<()> {
        if self.owed.load(Ordering::Acquire) == 0 {
            return Poll::Ready(());
        }
        // Register before looking again: the last answer in between would be missed.
        self.producer.register(cx.waker());
        if self.owed.load(Ordering::Acquire) == 0 {
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

pub(crate) struct HandAcked<F> {
    fanout: F,
    ack: Arc<HandAck>,
    workers: usize,
}

pub(crate) struct HandAcking<R> {
    reader: R,
    ack: Arc<HandAck>,
}

impl<E: Event, F: Fanout<E>> Acked<E> for HandAcked<F> {
    type Worker = HandAcking<F::Reader>;

    fn open(capacity: usize, workers: usize) -> (Self, Vec<Self::Worker>) {
        let (fanout, readers) = F::open(capacity, workers);
        let ack = Arc::new(HandAck::default());
        let readers = readers.into_iter().map(|reader| HandAcking {
            reader,
            ack: Arc::clone(&ack),
        });
        let readers = readers.collect();
        let acked = Self {
            fanout,
            ack,
            workers,
        };
        (acked, readers)
    }

    async fn round_trip(&mut self, event: E) {
        self.ack.owed.store(self.workers, Ordering::Release);
        self.fanout.send(event).await;
        poll_fn(|cx| self.ack.poll_all_done(cx)).await;
    }
}

impl<E: Event, R: Reader<E>> Reader<E> for HandAcking<R> {
    async fn next(&mut self) -> Option<E> {
        self.reader.next().await
    }
}

impl<E: Event, R: Reader<E>> Worker<E> for HandAcking<R> {
    fn done(&mut self) {
        self.ack.done();
    }
}
