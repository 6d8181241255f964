//! The `ready_batches` operator: yields all ready deliveries as a batch.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::{FusedStream, Stream};
use pin_project_lite::pin_project;

use crate::delivery::Delivery;
use crate::ext::batch::Batch;
use crate::ext::batch_buffer::{BatchBuffer, Gathered};

pin_project! {
    /// Stream of [`EventStreamExt::ready_batches`](crate::EventStreamExt::ready_batches).
    ///
    /// ```text
    ///  deliveries  ──1──────2─3─4─5────────▶     ready_batches(3)
    ///
    ///  consumer    ──poll───work───poll─poll     busy with [1] when 2 to 5 come
    ///                │      │      │    │
    ///  yielded      [1]     │  [2 3 4] [5]       never waits for further events
    ///                       │      │    │
    ///  receipts            ack 1  ack? ack?      one `ack()` for each batch
    /// ```
    #[must_use = "streams do nothing unless polled"]
    pub struct ReadyBatches<S, E> {
        #[pin]
        buffer: BatchBuffer<S, E>,
    }
}

impl<S, E> ReadyBatches<S, E> {
    #[track_caller]
    pub(crate) fn new(stream: S, max: usize) -> Self {
        Self {
            buffer: BatchBuffer::new(stream, max),
        }
    }

    /// Returns the source stream, which has `end_reason`, `missed` and similar getters.
    pub fn get_ref(&self) -> &S {
        self.buffer.stream()
    }

    /// Returns the source stream, which continues with single deliveries.
    pub fn into_inner(self) -> S {
        self.buffer.into_stream()
    }
}

impl<E, S: Stream<Item = Delivery<E>>> Stream for ReadyBatches<S, E> {
    type Item = Batch<E>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Batch<E>>> {
        let mut buffer = self.project().buffer;
        let stopped = buffer.as_mut().gather(cx);
        match (buffer.take(), stopped) {
            (None, Gathered::Waiting) => Poll::Pending,
            (batch, _) => Poll::Ready(batch),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.buffer.size_hint()
    }
}

impl<E, S: Stream<Item = Delivery<E>>> FusedStream for ReadyBatches<S, E> {
    fn is_terminated(&self) -> bool {
        self.buffer.is_done()
    }
}

impl<S: fmt::Debug, E> fmt::Debug for ReadyBatches<S, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadyBatches")
            .field("stream", self.get_ref())
            .finish_non_exhaustive()
    }
}
