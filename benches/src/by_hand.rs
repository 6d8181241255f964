//! Polling without a runtime, and clocks for what takes nanoseconds.

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
/// If it is not ready.
pub(crate) fn ready<T>(future: impl Future<Output = T>) -> T {
    match poll(future) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it is ready"),
    }
}

/// The next event.
///
/// # Panics
/// If there is none yet, or never will be.
pub(crate) fn take<S: Stream + Unpin>(stream: &mut S) -> S::Item {
    let Poll::Ready(Some(event)) = stream.poll_next_unpin(&mut context()) else {
        panic!("there is an event");
    };
    event
}

/// The next `events` of them, dropped.
///
/// # Panics
/// If there are fewer.
pub(crate) fn skip<S: Stream + Unpin>(stream: &mut S, events: usize) {
    for _ in 0..events {
        take(stream);
    }
}

/// Waits for the next event.
///
/// # Panics
/// If there is one.
pub(crate) fn park<S: Stream + Unpin>(stream: &mut S) {
    assert!(stream.poll_next_unpin(&mut context()).is_pending());
}

pub(crate) fn time(work: impl FnOnce()) -> Duration {
    let began = Instant::now();
    work();
    began.elapsed()
}

/// The lower quartile of the times that `work` tells, over at least five and at least 30 ms in
/// all, in nanoseconds: what else the machine does only ever adds.
pub(crate) fn typical(mut work: impl FnMut() -> Duration) -> f64 {
    work();
    let began = Instant::now();
    let mut times = Vec::new();
    while times.len() < 5 || began.elapsed() < Duration::from_millis(30) {
        times.push(work().as_nanos() as f64);
    }
    lower_quartile(&times)
}
