//! The `retry` operator: tries failed work again before the event counts as failed.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use pin_project_lite::pin_project;

use crate::ext::in_flight::{InFlight, OneTry};
use crate::ext::settle::{Acks, Settle};
use crate::ext::tries::{Progress, Tried, Tries};
use crate::util::panic_guard::{Guarded, catch};
use crate::util::timer::Deadline;

pin_project! {
    /// Items that are tried again after each pause of a backoff.
    ///
    /// Part of the type of [`TryForEachAcked::retry`].
    ///
    /// ```text
    ///  deliveries  ──1────────────────────2──▶   try_for_each_acked(1, f).retry([a, b])
    ///                │                    ┊
    ///  f(1)          ├──┤error            ┊
    ///                   ├─a─┤             ┊      a pause
    ///  f(1)                 ├──┤error     ┊
    ///                          ├──b──┤    ┊      a longer pause
    ///  f(1)                          ├──┤ack     or, after an error: nack
    ///  f(2)                             ┊ ├──┤   unread until the slot is free
    /// ```
    ///
    /// [`TryForEachAcked::retry`]: crate::ext::TryForEachAcked::retry
    pub struct Retries<S, Fut, F, V, B>
    where
        B: IntoIterator,
    {
        #[pin]
        in_flight: InFlight<S, Try<Fut, V, B::IntoIter>>,
        f: Guarded<F>,
        backoff: Guarded<B>,
    }
}

impl<S, Fut, F, V, B: IntoIterator> Retries<S, Fut, F, V, B> {
    #[track_caller]
    pub(crate) fn new(items: OneTry<S, Fut, F>, backoff: B) -> Self {
        let backoff = Guarded::new(backoff);
        let (in_flight, f) = items.into_parts();
        Self {
            in_flight,
            f,
            backoff,
        }
    }
}

pin_project! {
    /// The work on an item, or the pause before the next try, and the item's acknowledgements.
    struct Try<Fut, V, I> {
        #[pin]
        work: Option<Fut>,
        pause: Option<Pause>,
        // `None` only once the try is over.
        rest: Option<Rest<V, I>>,
    }

    impl<Fut, V, I> PinnedDrop for Try<Fut, V, I> {
        // Guarded, as the work of `InFlight` is: the acks are dropped in any case.
        fn drop(this: Pin<&mut Self>) {
            let mut work = this.project().work;
            catch(|| work.set(None));
        }
    }
}

/// The part of an item that outlives a try.
struct Rest<V, I> {
    acks: Acks,
    /// The pause and the value of the next try; `None` if this try is the last.
    next: Option<(Duration, Guarded<V>)>,
    /// The pauses after the next try.
    backoff: Guarded<I>,
}

impl<Fut, V, I> Try<Fut, V, I>
where
    V: Clone,
    I: Iterator<Item = Duration>,
{
    /// Begins a try. `value` is guarded: the iterator and the value's `Clone` are user code that may panic.
    fn begin(
        value: Guarded<V>,
        acks: Acks,
        mut backoff: Guarded<I>,
        f: &mut impl FnMut(V) -> Fut,
    ) -> Self {
        // Keep the value only if another try can follow: the last try needs no clone.
        let next = backoff
            .next()
            .map(|pause| (pause, Guarded::new(V::clone(&value))));
        let rest = Rest {
            acks,
            next,
            backoff,
        };
        Self {
            work: Some(f(value.into_inner())),
            pause: None,
            rest: Some(rest),
        }
    }
}

/// A try is over (`Some` output), or the pause before the next try is.
impl<Fut: Future, V, I> Future for Try<Fut, V, I> {
    type Output = (Option<Fut::Output>, Rest<V, I>);

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let output = if let Some(work) = this.work.as_pin_mut() {
            Some(ready!(work.poll(cx)))
        } else {
            if let Some(pause) = this.pause {
                ready!(pause.poll(cx));
            }
            None
        };
        let rest = this
            .rest
            .take()
            .expect("a try that is over is not polled again");
        Poll::Ready((output, rest))
    }
}

/// A pause between two tries.
enum Pause {
    /// Lets other work run once: without, work that fails at once would be tried in a loop that does
    /// not yield.
    Yield {
        has_yielded: bool,
    },
    Until(Deadline),
}

impl Pause {
    fn new(duration: Duration) -> Self {
        if duration.is_zero() {
            Self::Yield { has_yielded: false }
        } else {
            Self::Until(Deadline::after(duration))
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Yield { has_yielded: true } => Poll::Ready(()),
            Self::Yield { has_yielded } => {
                *has_yielded = true;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Self::Until(deadline) => deadline.poll(cx),
        }
    }
}

impl<V, S, Fut, F, Error, B> Tries for Retries<S, Fut, F, V, B>
where
    S: Stream<Item: Settle<Value = V>>,
    V: Clone,
    F: FnMut(V) -> Fut,
    Fut: Future<Output = Result<(), Error>>,
    Error: fmt::Display,
    B: IntoIterator<Item = Duration> + Clone,
{
    type Error = Error;

    fn poll_result(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Tried<Error>>> {
        let mut this = self.project();
        loop {
            let done = this.in_flight.as_mut().poll_done(cx, |item| {
                let (value, acks) = item.into_value();
                let value = Guarded::new(value);
                let backoff = Guarded::new(B::clone(this.backoff).into_iter());
                Try::begin(value, acks, backoff, &mut **this.f)
            });
            let Some((output, rest)) = ready!(done) else {
                return Poll::Ready(None);
            };
            let Rest {
                acks,
                next,
                backoff,
            } = rest;
            let try_again = match (output, next) {
                // The pause is over.
                (None, Some((_, value))) => Try::begin(value, acks, backoff, &mut **this.f),
                (Some(Err(error)), Some((pause, value))) => {
                    drop(Guarded::new(error));
                    Try {
                        work: None,
                        pause: Some(Pause::new(pause)),
                        rest: Some(Rest {
                            acks,
                            next: Some((pause, value)),
                            backoff,
                        }),
                    }
                }
                (Some(result), value) => {
                    // Before the acknowledgement: a flush that waits for it must find the event dropped.
                    drop(value);
                    return Poll::Ready(Some((result, acks)));
                }
                (None, None) => unreachable!("a pause is followed by a try"),
            };
            this.in_flight.as_mut().resume(try_again);
        }
    }

    fn stop_taking(self: Pin<&mut Self>) {
        self.project().in_flight.stop_taking();
    }
}

impl<S, Fut, F, V, B: IntoIterator> Progress for Retries<S, Fut, F, V, B> {
    fn len(&self) -> usize {
        self.in_flight.len()
    }

    fn is_done(&self) -> bool {
        self.in_flight.is_done()
    }
}

impl<S, Fut, F, V, B: IntoIterator> fmt::Debug for Retries<S, Fut, F, V, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retries")
            .field("in_flight", &self.in_flight.len())
            .finish_non_exhaustive()
    }
}
