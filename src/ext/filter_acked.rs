//! The `filter_acked` operator: acknowledges the events that its predicate rejects.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::{FusedStream, Stream};
use pin_project_lite::pin_project;

use crate::delivery::Delivery;
use crate::ext::settle::ack_unused;
use crate::util::panic_guard::Guarded;

pin_project! {
    /// Stream of [`EventStreamExt::filter_acked`](crate::EventStreamExt::filter_acked).
    ///
    /// ```text
    ///  deliveries  ──1─────2─────3─────4──▶      filter_acked(is_even)
    ///                │     │     │     │
    ///  yielded       │     2     │     4         the consumer acknowledges 2 and 4
    ///                │     ┊     │     ┊
    ///  receipt      ack   ack?  ack   ack?       with `filter`: 1 and 3 dropped
    /// ```
    #[must_use = "streams do nothing unless polled"]
    pub struct FilterAcked<S, P> {
        #[pin]
        stream: S,
        pred: Guarded<P>,
    }
}

impl<S, P> FilterAcked<S, P> {
    pub(crate) fn new(stream: S, pred: P) -> Self {
        let pred = Guarded::new(pred);
        Self { stream, pred }
    }

    /// Returns the source stream, which has `end_reason`, `missed` and similar getters.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }

    /// Returns the source stream, without the filter.
    pub fn into_inner(self) -> S {
        self.stream
    }
}

impl<E, S, P> Stream for FilterAcked<S, P>
where
    S: Stream<Item = Delivery<E>>,
    P: FnMut(&E) -> bool,
{
    type Item = Delivery<E>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Delivery<E>>> {
        let mut this = self.project();
        loop {
            let Some(delivery) = ready!(this.stream.as_mut().poll_next(cx)) else {
                return Poll::Ready(None);
            };
            if (this.pred)(&delivery) {
                return Poll::Ready(Some(delivery));
            }
            ack_unused(delivery);
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, self.stream.size_hint().1)
    }
}

impl<E, S, P> FusedStream for FilterAcked<S, P>
where
    S: FusedStream<Item = Delivery<E>>,
    P: FnMut(&E) -> bool,
{
    fn is_terminated(&self) -> bool {
        self.stream.is_terminated()
    }
}

impl<S: fmt::Debug, P> fmt::Debug for FilterAcked<S, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FilterAcked")
            .field("stream", &self.stream)
            .finish_non_exhaustive()
    }
}
