//! Concurrent work on several items, where each work is stored with its acknowledgements.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_util::stream::FuturesUnordered;
use pin_project_lite::pin_project;

use crate::ext::settle::{Acks, Settle};
use crate::util::panic_guard::{Guarded, catch};

pin_project! {
    /// A stream of deliveries or batches, and the work in progress on items taken from the stream.
    ///
    /// # Invariants
    /// 1. At most `limit` futures are in `work`, because the limit is a promise to the user.
    /// 2. The acks of an item are stored beside its work until the work completes. So ending the
    ///    work early, by a panic or by dropping `InFlight`, also drops the acks, and the receipts
    ///    say so.
    pub(crate) struct InFlight<S, W> {
        // `None` once the stream has ended or no more items are wanted.
        #[pin]
        stream: Option<S>,
        limit: usize,
        work: FuturesUnordered<W>,
    }

    impl<S, W> PinnedDrop for InFlight<S, W> {
        fn drop(this: Pin<&mut Self>) {
            this.stop_taking();
        }
    }
}

impl<S, W> InFlight<S, W> {
    #[track_caller]
    pub(crate) fn new(stream: S, limit: Option<usize>) -> Self {
        assert!(
            limit != Some(0),
            "a limit of 0 lets no work begin: give at least 1, or `None` for no limit"
        );
        Self {
            stream: Some(stream),
            limit: limit.unwrap_or(usize::MAX),
            work: FuturesUnordered::new(),
        }
    }

    /// Returns the stream and the limit, for another kind of work.
    ///
    /// # Panics
    /// Panics if work is in progress.
    #[track_caller]
    fn with_other_work<T>(mut self) -> InFlight<S, T> {
        assert!(self.work.is_empty(), "`retry` comes before the first poll");
        InFlight {
            stream: self.stream.take(),
            limit: self.limit,
            work: FuturesUnordered::new(),
        }
    }

    /// Returns the number of futures in progress.
    pub(crate) fn len(&self) -> usize {
        self.work.len()
    }

    /// Returns whether all work is complete and no more items can follow.
    pub(crate) fn is_done(&self) -> bool {
        self.stream.is_none() && self.work.is_empty()
    }

    /// Begins more work on an item whose earlier work is complete.
    pub(crate) fn resume(self: Pin<&mut Self>, work: W) {
        self.project().work.push(work);
    }

    /// Stops taking items. Drops the stream; the work in progress continues.
    ///
    /// Guarded: when `self` is dropped, the user's work is dropped next, and a second panic while
    /// unwinding would abort the process.
    pub(crate) fn stop_taking(self: Pin<&mut Self>) {
        let mut stream = self.project().stream;
        catch(|| stream.set(None));
    }
}

impl<S: Stream, W: Future> InFlight<S, W> {
    /// Polls for the next completed work, and `begin`s work on further items; `None` when all work
    /// is complete.
    pub(crate) fn poll_done(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut begin: impl FnMut(S::Item) -> W,
    ) -> Poll<Option<W::Output>> {
        let mut this = self.project();
        loop {
            // Check for completed work before taking another item: an error may stop the taking.
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
            match ready!(stream.poll_next(cx)) {
                Some(item) => this.work.push(begin(item)),
                None => this.stream.set(None),
            }
        }
    }
}

pin_project! {
    /// Items that are each worked on once.
    ///
    /// Part of the type of [`ForEachAcked`](crate::ext::ForEachAcked) and
    /// [`TryForEachAcked`](crate::ext::TryForEachAcked).
    pub struct OneTry<S, Fut, F> {
        #[pin]
        in_flight: InFlight<S, Work<Fut>>,
        f: Guarded<F>,
    }
}

impl<S, Fut, F> OneTry<S, Fut, F> {
    #[track_caller]
    pub(crate) fn new(stream: S, limit: Option<usize>, f: F) -> Self {
        Self {
            in_flight: InFlight::new(stream, limit),
            f: Guarded::new(f),
        }
    }

    pub(crate) fn in_flight(&self) -> &InFlight<S, Work<Fut>> {
        &self.in_flight
    }

    pub(crate) fn stop_taking(self: Pin<&mut Self>) {
        self.project().in_flight.stop_taking();
    }

    /// Separates the parts; work in progress is not allowed.
    #[track_caller]
    pub(crate) fn into_parts<W>(self) -> (InFlight<S, W>, Guarded<F>) {
        (self.in_flight.with_other_work(), self.f)
    }
}

impl<V, S, Fut, F> OneTry<S, Fut, F>
where
    S: Stream<Item: Settle<Value = V>>,
    F: FnMut(V) -> Fut,
    Fut: Future,
{
    /// Polls for the next completed work, and its acknowledgements.
    pub(crate) fn poll_done(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<(Fut::Output, Acks)>> {
        let this = self.project();
        let f = this.f;
        this.in_flight.poll_done(cx, |item| {
            let (value, acks) = item.into_value();
            Work {
                work: Some(f(value)),
                acks: Some(acks),
            }
        })
    }
}

impl<S, Fut, F> fmt::Debug for OneTry<S, Fut, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OneTry")
            .field("in_flight", &self.in_flight.len())
            .finish_non_exhaustive()
    }
}

pin_project! {
    /// The work on an item, and the item's acknowledgements.
    pub(crate) struct Work<Fut> {
        #[pin]
        work: Option<Fut>,
        acks: Option<Acks>,
    }

    impl<Fut> PinnedDrop for Work<Fut> {
        // Guarded: a panic of a future's `Drop` would make `FuturesUnordered` leak the remaining
        // futures, and publishers would wait for ever for the acks stored beside them.
        fn drop(this: Pin<&mut Self>) {
            let mut work = this.project().work;
            catch(|| work.set(None));
        }
    }
}

impl<Fut: Future> Future for Work<Fut> {
    type Output = (Fut::Output, Acks);

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<(Fut::Output, Acks)> {
        let this = self.project();
        let work = this.work.as_pin_mut().expect("only `drop` takes the work");
        let output = ready!(work.poll(cx));
        let acks = this
            .acks
            .take()
            .expect("completed work is not polled again");
        Poll::Ready((output, acks))
    }
}
