//! The `batches` operator: yields batches that are full or have waited long enough.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::{FusedStream, Stream};
use pin_project_lite::pin_project;

use crate::delivery::Delivery;
use crate::ext::batch::Batch;
use crate::ext::batch_buffer::{BatchBuffer, Gathered};
use crate::util::timer::Deadline;

pin_project! {
    /// Stream of [`EventStreamExt::batches`](crate::EventStreamExt::batches).
    ///
    /// ```text
    ///  deliveries  ──1──2──3────4───────5────6─|     batches(3, duration)
    ///                      │    ├──duration──┤ │
    ///  yielded         [1 2 3]           [4 5] [6]   full; in time; the end
    ///                      │               │    │
    ///  receipts           ack?           ack?  ack?  one `ack()` for each batch
    /// ```
    #[must_use = "streams do nothing unless polled"]
    pub struct Batches<S, E> {
        #[pin]
        buffer: BatchBuffer<S, E>,
        duration: Duration,
        // Set while a batch is unfinished and the stream is pending.
        timer: Option<Deadline>,
    }
}

impl<S, E> Batches<S, E> {
    #[track_caller]
    pub(crate) fn new(stream: S, max: usize, duration: Duration) -> Self {
        Self {
            buffer: BatchBuffer::new(stream, max),
            duration,
            timer: None,
        }
    }

    /// Returns the source stream, which has `end_reason`, `missed` and similar getters.
    pub fn get_ref(&self) -> &S {
        self.buffer.stream()
    }
}

impl<E, S: Stream<Item = Delivery<E>>> Stream for Batches<S, E> {
    type Item = Batch<E>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Batch<E>>> {
        let mut this = self.project();
        if let Gathered::Waiting = this.buffer.as_mut().gather(cx) {
            if this.buffer.len() == 0 {
                return Poll::Pending;
            }
            // Start the timer only now: the first delivery was taken in this very poll, and most
            // batches of a busy stream are full without a timer.
            let timer = this
                .timer
                .get_or_insert_with(|| Deadline::after(*this.duration));
            ready!(timer.poll(cx));
        }
        *this.timer = None;
        Poll::Ready(this.buffer.take())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.buffer.size_hint()
    }
}

impl<E, S: Stream<Item = Delivery<E>>> FusedStream for Batches<S, E> {
    fn is_terminated(&self) -> bool {
        self.buffer.is_done()
    }
}

impl<S: fmt::Debug, E> fmt::Debug for Batches<S, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batches")
            .field("stream", self.get_ref())
            .field("gathered", &self.buffer.len())
            .field("duration", &self.duration)
            .finish_non_exhaustive()
    }
}
