//! The consumer's work, and consumers that do the work.

use std::future::{Future, pending, ready};
use std::panic::resume_unwind;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::{Stream, StreamExt};
use tokio::sync::Semaphore;

use super::items::{Event, Item};

/// The consumer's work, which takes until the test says so.
#[derive(Clone)]
pub(crate) struct Work(Arc<Gate>);

struct Gate {
    begun: AtomicUsize,
    /// The work on the first event is.
    done: AtomicUsize,
    first: Semaphore,
}

impl Work {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Gate {
            begun: AtomicUsize::new(0),
            done: AtomicUsize::new(0),
            first: Semaphore::new(0),
        }))
    }

    /// Works on an event, or on a batch; then acknowledges a delivery.
    pub(crate) fn on<T: Item>(&self, event: T) -> impl Future<Output = u32> + use<T> {
        let gate = Arc::clone(&self.0);
        async move {
            gate.begun.fetch_add(1, Ordering::Relaxed);
            if !event.is_first() {
                return pending().await;
            }
            gate.first.acquire().await.unwrap().forget();
            gate.done.fetch_add(1, Ordering::Relaxed);
            event.done()
        }
    }

    pub(crate) fn let_the_first_finish(&self) {
        self.0.first.add_permits(1);
    }

    pub(crate) fn begun(&self) -> usize {
        self.0.begun.load(Ordering::Relaxed)
    }

    pub(crate) fn done(&self) -> usize {
        self.0.done.load(Ordering::Relaxed)
    }
}

/// The work comes after the combinator: `stream` is read item by item.
pub(crate) async fn one_by_one<T: Item>(stream: impl Stream<Item = T>, work: Work) {
    let mut stream = pin!(stream);
    while let Some(event) = StreamExt::next(&mut stream).await {
        work.on(event).await;
    }
}

/// Works on `event`, and panics before acknowledging.
pub(crate) async fn work_and_panic<T: Event>(event: T, work: Work) {
    work.on(event.value()).await;
    resume_unwind(Box::new("the work failed"));
}

/// No poll follows the work.
pub(crate) fn all_done<T: Item>(stream: impl Stream<Item = T>) -> impl Future<Output = ()> {
    stream.for_each(|event| {
        event.done();
        ready(())
    })
}
