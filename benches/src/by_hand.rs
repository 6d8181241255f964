//! Polling without a runtime, and timing of operations that take nanoseconds.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use futures::{Stream, StreamExt};

use crate::stats::lower_quartile;

pub(crate) fn context() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

pub(crate) fn poll<T>(future: impl Future<Output = T>) -> Poll<T> {
    pin!(future).poll(&mut context())
}

/// # Panics
/// If the future is not ready.
pub(crate) fn ready<T>(future: impl Future<Output = T>) -> T {
    match poll(future) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it is ready"),
    }
}

/// Returns the next event.
///
/// # Panics
/// If the stream has no event, or has ended.
pub(crate) fn take<S: Stream + Unpin>(stream: &mut S) -> S::Item {
    let Poll::Ready(Some(event)) = stream.poll_next_unpin(&mut context()) else {
        panic!("there is an event");
    };
    event
}

/// Takes the next `events` events and drops them.
///
/// # Panics
/// If the stream has fewer events.
pub(crate) fn skip<S: Stream + Unpin>(stream: &mut S, events: usize) {
    for _ in 0..events {
        take(stream);
    }
}

/// Polls for the next event and parks.
///
/// # Panics
/// If the stream has an event.
pub(crate) fn park<S: Stream + Unpin>(stream: &mut S) {
    assert!(stream.poll_next_unpin(&mut context()).is_pending());
}

pub(crate) fn time(work: impl FnOnce()) -> Duration {
    let began = Instant::now();
    work();
    began.elapsed()
}

/// Returns the lower quartile of the times `work` returns, in nanoseconds, over at least five
/// calls and 30 ms in all. Load on the machine only adds time, so low values are the best.
pub(crate) fn typical(mut work: impl FnMut() -> Duration) -> f64 {
    work();
    let began = Instant::now();
    let mut times = Vec::new();
    while times.len() < 5 || began.elapsed() < Duration::from_millis(30) {
        times.push(work().as_nanos() as f64);
    }
    lower_quartile(&times)
}
