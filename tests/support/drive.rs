//! Streams and futures driven by hand: their ready items, and whether they wait.
#![allow(dead_code, reason = "each program of tests uses its part of this")]

use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use futures::{FutureExt, Stream, StreamExt};

/// Returns the output of the future's first poll.
#[track_caller]
pub(crate) fn now<F: Future>(future: F) -> F::Output {
    future.now_or_never().expect("there is nothing to wait for")
}

/// Returns the item of the stream's next poll: an event, or `None` at its end.
#[track_caller]
pub(crate) fn read<S: Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
    now(stream.next())
}

/// Returns all items up to the stream's end, without waiting.
#[track_caller]
pub(crate) fn read_all<S: Stream + Unpin>(stream: &mut S) -> Vec<S::Item> {
    std::iter::from_fn(|| read(stream)).collect()
}

/// Polls the stream once; true if it has nothing to yield now.
pub(crate) fn waits<S: Stream + Unpin>(stream: &mut S) -> bool {
    stream.next().now_or_never().is_none()
}

/// Calls `f` with a waker that does nothing. Returns the result, and how many clones of the waker are left.
pub(crate) fn with_counted_waker<R>(f: impl FnOnce(&mut Context<'_>) -> R) -> (R, usize) {
    struct Silent;

    impl Wake for Silent {
        fn wake(self: Arc<Self>) {}
    }

    let silent = Arc::new(Silent);
    let result = f(&mut Context::from_waker(&Waker::from(Arc::clone(&silent))));
    (result, Arc::strong_count(&silent) - 1)
}
