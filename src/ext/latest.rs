//! The `latest` operator: yields the newest ready delivery, and acknowledges the others.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::{FusedStream, Stream};
use pin_project_lite::pin_project;

use crate::delivery::Delivery;
use crate::ext::settle::ack_unused;
use crate::ext::take_ready::{Round, Taken};

pin_project! {
    /// Stream of [`EventStreamExt::latest`](crate::EventStreamExt::latest).
    ///
    /// ```text
    ///  deliveries  ──1──────2─3─4──────5──▶      latest()
    ///
    ///  consumer    ──poll───work───poll────poll  busy with 1 when 2 to 4 come
    ///                │             │       │
    ///  yielded       1             4       5
    ///                │             │       │
    ///  receipts     ack?  2, 3: ack, 4: ack?     acknowledged when a newer delivery is taken
    /// ```
    #[must_use = "streams do nothing unless polled"]
    pub struct Latest<S, E> {
        #[pin]
        stream: S,
        ended: bool,
        round: Round,
        // Stored here and not on the stack: a panic of the stream, such as the panic of a user's
        // `Clone`, loses no delivery.
        newest: Option<Delivery<E>>,
    }
}

impl<S, E> Latest<S, E> {
    pub(crate) fn new(stream: S) -> Self {
        Self {
            stream,
            ended: false,
            round: Round::default(),
            newest: None,
        }
    }

    /// Returns the source stream, which has `end_reason`, `missed` and similar getters.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }
}

impl<E, S: Stream<Item = Delivery<E>>> Stream for Latest<S, E> {
    type Item = Delivery<E>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Delivery<E>>> {
        let this = self.project();
        if *this.ended {
            return Poll::Ready(this.newest.take());
        }
        let newest = this.newest;
        let taken = ready!(this.round.poll(this.stream, cx, |delivery| {
            newest.replace(delivery).into_iter().for_each(ack_unused);
        }));
        *this.ended = taken == Taken::Ended;
        match newest.take() {
            None if taken == Taken::All => Poll::Pending,
            newest => Poll::Ready(newest),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let held = usize::from(self.newest.is_some());
        if self.ended {
            return (held, Some(held));
        }
        let (least, most) = self.stream.size_hint();
        let most = most.and_then(|most| most.checked_add(held));
        (held.max(least.min(1)), most)
    }
}

impl<E, S: Stream<Item = Delivery<E>>> FusedStream for Latest<S, E> {
    fn is_terminated(&self) -> bool {
        self.ended && self.newest.is_none()
    }
}

impl<S: fmt::Debug, E> fmt::Debug for Latest<S, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Latest")
            .field("stream", &self.stream)
            .finish_non_exhaustive()
    }
}
