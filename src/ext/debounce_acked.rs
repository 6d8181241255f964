//! The `debounce_acked` operator: yields the newest delivery of each key once the key is quiet.

use std::fmt;
use std::hash::Hash;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::{FusedStream, Stream};
use pin_project_lite::pin_project;

use crate::delivery::Delivery;
use crate::ext::newest_by_key::NewestByKey;
use crate::ext::settle::ack_unused;
use crate::ext::take_ready::{Round, Taken};
use crate::util::clock::Instant;
use crate::util::panic_guard::Guarded;
use crate::util::timer::Timer;

pin_project! {
    /// Stream of [`EventStreamExt::debounce_acked`](crate::EventStreamExt::debounce_acked).
    ///
    /// ```text
    ///  deliveries  ──a1──a2────b1──────────────b2─|    debounce_acked(duration, key)
    ///                    │     ├──duration──┤  │  │
    ///                    ├──duration──┤     │  │  │
    ///  yielded                       a2    b1     b2   quiet; quiet; the end
    ///                    │            │     │     │
    ///  receipts      a1: ack        ack?  ack?  ack?   acknowledged when superseded
    /// ```
    #[must_use = "streams do nothing unless polled"]
    pub struct DebounceAcked<S, E, K, F> {
        #[pin]
        stream: S,
        ended: bool,
        duration: Duration,
        key: Guarded<F>,
        round: Round,
        waiting: NewestByKey<K, E>,
        timer: Timer,
    }
}

impl<S, E, K, F> DebounceAcked<S, E, K, F> {
    pub(crate) fn new(stream: S, duration: Duration, key: F) -> Self {
        Self {
            stream,
            ended: false,
            duration,
            key: Guarded::new(key),
            round: Round::default(),
            waiting: NewestByKey::new(),
            timer: Timer::default(),
        }
    }

    /// Returns the source stream, which has `end_reason`, `missed` and similar getters.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }

    /// Returns the number of keys that are not quiet yet, each with its newest delivery.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }
}

impl<E, S, K, F> Stream for DebounceAcked<S, E, K, F>
where
    S: Stream<Item = Delivery<E>>,
    K: Hash + Eq,
    F: FnMut(&E) -> K,
{
    type Item = Delivery<E>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Delivery<E>>> {
        let this = self.project();
        let (key, waiting) = (this.key, this.waiting);
        let mut taken = Taken::Ended;
        if !*this.ended {
            // Before a due delivery is yielded: a newer one may be ready.
            let mut due = None;
            taken = ready!(this.round.poll(this.stream, cx, |delivery| {
                let key = key(&delivery);
                let due = due.get_or_insert_with(|| Instant::now().checked_add(*this.duration));
                let superseded = waiting.insert(key, delivery, *due);
                superseded.into_iter().for_each(ack_unused);
            }));
            *this.ended = taken == Taken::Ended;
        }
        let is_due = match waiting.first_due() {
            _ if *this.ended => true,
            // Ask the clock first: a timer for a moment that has passed may still take a while.
            Some(due) => due <= Instant::now() || this.timer.poll(due, cx).is_ready(),
            None => false,
        };
        if is_due {
            *this.timer = Timer::default();
            return Poll::Ready(waiting.pop_first());
        }
        if taken == Taken::Enough {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// Each waiting key yields a delivery, whether superseded or not.
    fn size_hint(&self) -> (usize, Option<usize>) {
        let waiting = self.waiting.len();
        if self.ended {
            return (waiting, Some(waiting));
        }
        let (least, most) = self.stream.size_hint();
        let most = most.and_then(|most| most.checked_add(waiting));
        (waiting.max(least.min(1)), most)
    }
}

impl<E, S, K, F> FusedStream for DebounceAcked<S, E, K, F>
where
    S: Stream<Item = Delivery<E>>,
    K: Hash + Eq,
    F: FnMut(&E) -> K,
{
    fn is_terminated(&self) -> bool {
        self.ended && self.waiting.len() == 0
    }
}

impl<S: fmt::Debug, E, K, F> fmt::Debug for DebounceAcked<S, E, K, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DebounceAcked")
            .field("stream", &self.stream)
            .field("waiting", &self.waiting())
            .field("duration", &self.duration)
            .finish_non_exhaustive()
    }
}
