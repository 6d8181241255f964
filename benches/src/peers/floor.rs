//! Lower bounds for the time of any channel.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use futures::Stream;
use futures::task::AtomicWaker;

use super::hand_ack::Owed;
use super::{Acked, Reader, Worker};
use crate::event::Event;
use crate::load::Load;

/// Poll and clone: a stream that always has the next event, without a channel. The events repeat.
pub(crate) struct AlwaysReady<E> {
    events: Arc<[E]>,
    next: usize,
    left: u64,
}

/// The number of different events of an [`AlwaysReady`].
pub(crate) const DIFFERENT: u64 = 256;

impl<E: Event> AlwaysReady<E> {
    pub(crate) fn all_ready(load: &Load) -> Vec<Self> {
        let events: Arc<[E]> = (0..DIFFERENT).map(E::numbered).collect();
        let readers = (0..load.subscribers).map(|_| Self {
            events: Arc::clone(&events),
            next: 0,
            left: load.events,
        });
        readers.collect()
    }
}

impl<E: Event> Stream for AlwaysReady<E> {
    type Item = E;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<E>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        self.left -= 1;
        let at = self.next;
        self.next = (at + 1) % self.events.len();
        Poll::Ready(Some(self.events[at].clone()))
    }
}

/// Wake and acknowledge: the number of the event in an atomic, a waker for each worker, and no
/// channel.
pub(crate) struct WakeAndAck {
    shared: Arc<Shared>,
    workers: usize,
}

struct Shared {
    /// The number of the next event; `u64::MAX` at the end.
    newest: AtomicU64,
    wakers: Vec<AtomicWaker>,
    owed: Owed,
}

pub(crate) struct Woken {
    shared: Arc<Shared>,
    index: usize,
    seen: u64,
}

impl Acked<u64> for WakeAndAck {
    const NAME: &'static str = "floor: wake and ack, no channel";

    type Worker = Woken;

    fn open(load: &Load) -> (Self, Vec<Self::Worker>) {
        let shared = Arc::new(Shared {
            newest: AtomicU64::new(0),
            wakers: (0..load.subscribers).map(|_| AtomicWaker::new()).collect(),
            owed: Owed::default(),
        });
        let workers = (0..load.subscribers).map(|index| Woken {
            shared: Arc::clone(&shared),
            index,
            seen: 0,
        });
        let workers = workers.collect();
        let acked = Self {
            shared,
            workers: load.subscribers,
        };
        (acked, workers)
    }

    async fn round_trip(&mut self, event: u64) {
        self.shared.owed.by(self.workers);
        self.tell(event + 1);
        self.shared.owed.all_done().await;
    }
}

impl WakeAndAck {
    fn tell(&self, newest: u64) {
        self.shared.newest.store(newest, Ordering::SeqCst);
        self.shared.wakers.iter().for_each(AtomicWaker::wake);
    }
}

impl Drop for WakeAndAck {
    fn drop(&mut self) {
        self.tell(u64::MAX);
    }
}

impl Woken {
    fn poll_seen(&mut self, cx: &Context<'_>) -> Poll<Option<u64>> {
        let mut newest = self.shared.newest.load(Ordering::SeqCst);
        if newest == self.seen {
            // Register before checking again: an event in between would be missed.
            self.shared.wakers[self.index].register(cx.waker());
            newest = self.shared.newest.load(Ordering::SeqCst);
            if newest == self.seen {
                return Poll::Pending;
            }
        }
        self.seen = newest;
        Poll::Ready(newest.checked_add(1).map(|_| newest - 1))
    }
}

impl Reader<u64> for Woken {
    async fn next(&mut self) -> Option<u64> {
        poll_fn(|cx| self.poll_seen(cx)).await
    }
}

impl Worker<u64> for Woken {
    fn done(&mut self) {
        self.shared.owed.done();
    }
}
