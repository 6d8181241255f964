//! The `for_each_acked` operator: acknowledges each item when its work completes.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::{FusedFuture, Stream};
use pin_project_lite::pin_project;

use crate::ext::in_flight::OneTry;
use crate::ext::settle::Settle;

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
        items: OneTry<S, Fut, F>,
    }
}

impl<S, Fut, F> ForEachAcked<S, Fut, F> {
    #[track_caller]
    pub(crate) fn new(stream: S, limit: Option<usize>, f: F) -> Self {
        Self {
            items: OneTry::new(stream, limit, f),
        }
    }
}

impl<V, S, Fut, F> Future for ForEachAcked<S, Fut, F>
where
    S: Stream<Item: Settle<Value = V>>,
    F: FnMut(V) -> Fut,
    Fut: Future<Output = ()>,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        while let Some(((), acks)) = ready!(this.items.as_mut().poll_done(cx)) {
            acks.ack();
        }
        Poll::Ready(())
    }
}

impl<V, S, Fut, F> FusedFuture for ForEachAcked<S, Fut, F>
where
    S: Stream<Item: Settle<Value = V>>,
    F: FnMut(V) -> Fut,
    Fut: Future<Output = ()>,
{
    fn is_terminated(&self) -> bool {
        self.items.in_flight().is_done()
    }
}

impl<S, Fut, F> fmt::Debug for ForEachAcked<S, Fut, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForEachAcked")
            .field("in_flight", &self.items.in_flight().len())
            .finish_non_exhaustive()
    }
}
