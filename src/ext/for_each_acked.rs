//! The `for_each_acked` operator: acknowledges each event when its work completes.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::{FusedFuture, Stream};
use pin_project_lite::pin_project;

use crate::delivery::Delivery;
use crate::ext::in_flight::InFlight;

pin_project! {
    /// Future of [`EventStreamExt::for_each_acked`](crate::EventStreamExt::for_each_acked).
    ///
    /// ```text
    ///  deliveries  ──1──2─────────3──|           for_each_acked(2, f)
    ///                │  │         ┊
    ///  f(1)          ├──────────────┤ack
    ///  f(2)             ├─────────────────┤ack
    ///  f(3)                       ┊ ├──┤ack      unread until one of two slots is free
    ///                                     │
    ///  ready                              ()
    /// ```
    #[must_use = "futures do nothing unless polled"]
    pub struct ForEachAcked<S, Fut, F> {
        #[pin]
        in_flight: InFlight<S, Fut, F>,
    }
}

impl<S, Fut, F> ForEachAcked<S, Fut, F> {
    #[track_caller]
    pub(crate) fn new(stream: S, limit: Option<usize>, f: F) -> Self {
        Self {
            in_flight: InFlight::new(stream, limit, f),
        }
    }
}

impl<E, S, Fut, F> Future for ForEachAcked<S, Fut, F>
where
    S: Stream<Item = Delivery<E>>,
    F: FnMut(E) -> Fut,
    Fut: Future<Output = ()>,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        while let Some(((), ack)) = ready!(this.in_flight.as_mut().poll_done(cx)) {
            ack.ack();
        }
        Poll::Ready(())
    }
}

impl<E, S, Fut, F> FusedFuture for ForEachAcked<S, Fut, F>
where
    S: Stream<Item = Delivery<E>>,
    F: FnMut(E) -> Fut,
    Fut: Future<Output = ()>,
{
    fn is_terminated(&self) -> bool {
        self.in_flight.is_done()
    }
}

impl<S, Fut, F> fmt::Debug for ForEachAcked<S, Fut, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForEachAcked")
            .field("in_flight", &self.in_flight.len())
            .finish_non_exhaustive()
    }
}
