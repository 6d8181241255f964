//! Which tasks are woken, when, and how often: no wakeup is lost, and none is superfluous.

mod acknowledgements;
mod deliveries;
mod leaving;
mod newest_waker;
mod permits;
mod publishers;
mod subscribers;
#[cfg(feature = "rt")]
mod within;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures::{FutureExt, Stream, StreamExt};
use genevent::Subscription;

/// Counts its wakeups; the count of the `Arc` is the number of wakers in existence.
#[derive(Default)]
struct Alarm(AtomicUsize);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Alarm {
    fn new() -> Arc<Self> {
        Arc::default()
    }

    fn rings(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// The number of wakers that the crate holds.
    fn held(self: &Arc<Self>) -> usize {
        Arc::strong_count(self) - 1
    }

    /// Polls `future` with a waker of this alarm, which it does not keep itself.
    fn poll<F: Future + Unpin>(self: &Arc<Self>, future: &mut F) -> Poll<F::Output> {
        let waker = Waker::from(Arc::clone(self));
        Pin::new(future).poll(&mut Context::from_waker(&waker))
    }

    fn poll_next<S: Stream + Unpin>(self: &Arc<Self>, stream: &mut S) -> Poll<Option<S::Item>> {
        self.poll(&mut stream.next())
    }
}

fn read<E: Clone>(reader: &mut Subscription<E>) -> E {
    let event = reader.next().now_or_never();
    event.expect("an event is there").expect("it has not ended")
}
