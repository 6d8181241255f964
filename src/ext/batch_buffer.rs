//! Taking deliveries into a batch as long as they come without waiting.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use pin_project_lite::pin_project;

use crate::delivery::Delivery;
use crate::ext::batch::Batch;

/// Why a batch grows no further for now.
pub(crate) enum Gathered {
    /// It has all that fits in, or all there will ever be.
    Complete,
    /// The stream is pending.
    Waiting,
}

pin_project! {
    /// A stream of deliveries, and the batch that is being made of what came out of it.
    ///
    /// # Invariants
    /// 1. `batch` holds less than `max` between polls.
    /// 2. Once it has `ended`, the stream is not polled any more.
    pub(crate) struct BatchBuffer<S, E> {
        #[pin]
        stream: S,
        ended: bool,
        max: usize,
        // Here and not on the stack: a panic below, say of a `Clone`, loses nothing.
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

    /// How many are in the batch so far.
    pub(crate) fn len(&self) -> usize {
        self.batch.len()
    }

    /// Nothing is left, and nothing will come.
    pub(crate) fn is_done(&self) -> bool {
        self.ended && self.batch.is_empty()
    }

    /// What there is; `None` if there is nothing.
    pub(crate) fn take(self: Pin<&mut Self>) -> Option<Batch<E>> {
        let batch = self.project().batch;
        (!batch.is_empty()).then(|| batch.take())
    }
}

impl<E, S: Stream<Item = Delivery<E>>> BatchBuffer<S, E> {
    /// Takes all that is ready, as far as it fits in.
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

    /// How many batches follow.
    pub(crate) fn size_hint(&self) -> (usize, Option<usize>) {
        let begun = usize::from(!self.batch.is_empty());
        if self.ended {
            return (begun, Some(begun));
        }
        let (least, most) = self.stream.size_hint();
        let least = least.saturating_add(self.batch.len()).div_ceil(self.max);
        // Each event alone, but for those that are together already.
        (least, most.and_then(|most| most.checked_add(begun)))
    }
}
