//! A buffer that collects ready deliveries into a batch.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use pin_project_lite::pin_project;

use crate::delivery::Delivery;
use crate::ext::batch::Batch;

/// The reason why collecting stopped.
pub(crate) enum Gathered {
    /// The batch is full, or the stream has ended.
    Complete,
    /// The stream is pending.
    Waiting,
}

pin_project! {
    /// A stream of deliveries, and the unfinished batch of deliveries taken from the stream.
    ///
    /// # Invariants
    /// 1. `batch` holds less than `max` deliveries between polls, so collecting always progresses.
    /// 2. The stream is not polled once `ended` is set, because polling an ended stream may panic.
    pub(crate) struct BatchBuffer<S, E> {
        #[pin]
        stream: S,
        ended: bool,
        max: usize,
        // Stored here and not on the stack, so that a panic of the stream, such as the panic of a
        // user's `Clone`, loses no delivery.
        batch: Batch<E>,
    }
}

impl<S, E> BatchBuffer<S, E> {
    #[track_caller]
    pub(crate) fn new(stream: S, max: usize) -> Self {
        assert!(max > 0, "a batch has room for at least one event");
        Self {
            stream,
            ended: false,
            max,
            batch: Batch::new(),
        }
    }

    pub(crate) fn stream(&self) -> &S {
        &self.stream
    }

    pub(crate) fn into_stream(self) -> S {
        self.stream
    }

    /// Returns the number of deliveries in the unfinished batch.
    pub(crate) fn len(&self) -> usize {
        self.batch.len()
    }

    /// Returns whether the batch is empty and the stream has ended.
    pub(crate) fn is_done(&self) -> bool {
        self.ended && self.batch.is_empty()
    }

    /// Takes the unfinished batch; `None` if the batch is empty.
    pub(crate) fn take(self: Pin<&mut Self>) -> Option<Batch<E>> {
        let batch = self.project().batch;
        (!batch.is_empty()).then(|| batch.take())
    }
}

impl<E, S: Stream<Item = Delivery<E>>> BatchBuffer<S, E> {
    /// Takes ready deliveries from the stream until the batch is full.
    pub(crate) fn gather(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Gathered {
        let mut this = self.project();
        while !*this.ended && this.batch.len() < *this.max {
            match this.stream.as_mut().poll_next(cx) {
                Poll::Ready(Some(delivery)) => this.batch.push(delivery),
                Poll::Ready(None) => *this.ended = true,
                Poll::Pending => return Gathered::Waiting,
            }
        }
        Gathered::Complete
    }

    /// Returns the bounds of the number of batches to follow.
    pub(crate) fn size_hint(&self) -> (usize, Option<usize>) {
        let unfinished = usize::from(!self.batch.is_empty());
        if self.ended {
            return (unfinished, Some(unfinished));
        }
        let (least, most) = self.stream.size_hint();
        let least = least.saturating_add(self.batch.len()).div_ceil(self.max);
        // The upper bound: each further event is a batch of its own.
        (least, most.and_then(|most| most.checked_add(unfinished)))
    }
}
