//! Concurrent work on several events, where each work is stored with its acknowledgement.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_util::stream::FuturesUnordered;
use pin_project_lite::pin_project;

use crate::ack::Ack;
use crate::delivery::Delivery;
use crate::util::panic_guard::{Guarded, catch};

pin_project! {
    /// A stream of deliveries, and the work in progress on deliveries taken from the stream.
    ///
    /// # Invariants
    /// 1. At most `limit` futures are in `work`, because the limit is a promise to the user.
    /// 2. The ack of an event is stored beside its work until the work completes. So ending the
    ///    work early, by a panic or by dropping `InFlight`, also drops the ack, and the receipt
    ///    says so.
    pub(crate) struct InFlight<S, Fut, F> {
        // `None` once the stream has ended or no more events are wanted.
        #[pin]
        stream: Option<S>,
        limit: usize,
        f: Guarded<F>,
        work: FuturesUnordered<Work<Fut>>,
    }

    impl<S, Fut, F> PinnedDrop for InFlight<S, Fut, F> {
        fn drop(this: Pin<&mut Self>) {
            this.stop_taking();
        }
    }
}

impl<S, Fut, F> InFlight<S, Fut, F> {
    #[track_caller]
    pub(crate) fn new(stream: S, limit: Option<usize>, f: F) -> Self {
        assert!(
            limit != Some(0),
            "a limit of 0 lets no work begin: give at least 1, or `None` for no limit"
        );
        Self {
            stream: Some(stream),
            limit: limit.unwrap_or(usize::MAX),
            f: Guarded::new(f),
            work: FuturesUnordered::new(),
        }
    }

    /// Returns the number of futures in progress.
    pub(crate) fn len(&self) -> usize {
        self.work.len()
    }

    /// Returns whether all work is complete and no more events can follow.
    pub(crate) fn is_done(&self) -> bool {
        self.stream.is_none() && self.work.is_empty()
    }

    /// Stops taking events. Drops the stream; the work in progress continues.
    ///
    /// Guarded: when `self` is dropped, the user's work is dropped next, and a second panic while
    /// unwinding would abort the process.
    pub(crate) fn stop_taking(self: Pin<&mut Self>) {
        let mut stream = self.project().stream;
        catch(|| stream.set(None));
    }
}

impl<E, S, Fut, F> InFlight<S, Fut, F>
where
    S: Stream<Item = Delivery<E>>,
    F: FnMut(E) -> Fut,
    Fut: Future,
{
    /// Polls for the next completed work; `None` when all work is complete.
    pub(crate) fn poll_done(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<(Fut::Output, Ack)>> {
        let mut this = self.project();
        loop {
            // Check for completed work before taking another event: an error may stop the taking.
            if let Poll::Ready(Some(done)) = Pin::new(&mut *this.work).poll_next(cx) {
                return Poll::Ready(Some(done));
            }
            let Some(stream) = this.stream.as_mut().as_pin_mut() else {
                return if this.work.is_empty() {
                    Poll::Ready(None)
                } else {
                    Poll::Pending
                };
            };
            if this.work.len() >= *this.limit {
                return Poll::Pending;
            }
            if let Some(delivery) = ready!(stream.poll_next(cx)) {
                let (event, ack) = delivery.into_parts();
                let work = Some((this.f)(event));
                let ack = Some(ack);
                this.work.push(Work { work, ack });
            } else {
                this.stream.set(None);
            }
        }
    }
}

pin_project! {
    struct Work<Fut> {
        #[pin]
        work: Option<Fut>,
        ack: Option<Ack>,
    }

    impl<Fut> PinnedDrop for Work<Fut> {
        // Guarded: a panic of a future's `Drop` would make `FuturesUnordered` leak the remaining
        // futures, and publishers would wait forever for the acks stored beside them.
        fn drop(this: Pin<&mut Self>) {
            let mut work = this.project().work;
            catch(|| work.set(None));
        }
    }
}

impl<Fut: Future> Future for Work<Fut> {
    type Output = (Fut::Output, Ack);

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<(Fut::Output, Ack)> {
        let this = self.project();
        let work = this.work.as_pin_mut().expect("only `drop` takes the work");
        let output = ready!(work.poll(cx));
        let ack = this.ack.take().expect("completed work is not polled again");
        Poll::Ready((output, ack))
    }
}
