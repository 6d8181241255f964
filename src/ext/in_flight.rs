//! Work on several events at once, each with its acknowledgement beside it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_util::stream::FuturesUnordered;
use pin_project_lite::pin_project;

use crate::delivery::{Ack, Delivery};
use crate::util::panic_guard::{Guarded, catch};

pin_project! {
    /// A stream of deliveries, and the work that is being done on what came out of it.
    ///
    /// # Invariants
    /// 1. At most `limit` pieces of work are under way.
    /// 2. The ack of an event is beside its work until that is done: whatever ends the work
    ///    early (a panic, this being dropped) drops the ack with it.
    pub(crate) struct InFlight<S, Fut, F> {
        // `None` once it has ended, or nothing more is wanted from it.
        #[pin]
        stream: Option<S>,
        limit: usize,
        start: Guarded<F>,
        work: FuturesUnordered<Work<Fut>>,
    }

    impl<S, Fut, F> PinnedDrop for InFlight<S, Fut, F> {
        fn drop(this: Pin<&mut Self>) {
            this.drop_stream();
        }
    }
}

impl<S, Fut, F> InFlight<S, Fut, F> {
    #[track_caller]
    pub(crate) fn new(stream: S, limit: Option<usize>, start: F) -> Self {
        assert!(
            limit != Some(0),
            "a limit of 0 lets no work begin: give at least 1, or `None` for no limit"
        );
        Self {
            stream: Some(stream),
            limit: limit.unwrap_or(usize::MAX),
            start: Guarded::new(start),
            work: FuturesUnordered::new(),
        }
    }

    /// How many pieces of work are under way.
    pub(crate) fn len(&self) -> usize {
        self.work.len()
    }

    /// Nothing is left to do, and nothing will come.
    pub(crate) fn is_done(&self) -> bool {
        self.stream.is_none() && self.work.is_empty()
    }

    /// Takes no more events: the stream is dropped, what is under way goes on.
    pub(crate) fn stop_taking(self: Pin<&mut Self>) {
        self.drop_stream();
    }

    /// Shielded: more of the user's is dropped after it, which may panic as well.
    fn drop_stream(self: Pin<&mut Self>) {
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
    /// The next piece of work that is done; `None` when all is.
    pub(crate) fn poll_done(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<(Fut::Output, Ack)>> {
        let mut this = self.project();
        loop {
            // Before taking another event: an error in what is done may mean not to.
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
                let work = Some((this.start)(event));
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
        // Shielded: a panic in dropping one piece of work would make the set leak all others,
        // and whoever waits for those would wait for ever.
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
        let work = this.work.as_pin_mut().expect("only dropping takes it");
        let output = ready!(work.poll(cx));
        let ack = this.ack.take().expect("not polled again once it is done");
        Poll::Ready((output, ack))
    }
}
