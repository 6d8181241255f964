//! The `try_for_each_acked` operator: acknowledges each event whose work succeeds.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::{FusedFuture, Stream};
use pin_project_lite::pin_project;

use crate::delivery::Delivery;
use crate::ext::in_flight::InFlight;
use crate::util::panic_guard::Guarded;

pin_project! {
    /// Future of [`EventStreamExt::try_for_each_acked`], which stops at the first error;
    /// [`continue_on_error`](Self::continue_on_error) continues instead.
    ///
    /// ```text
    ///  deliveries  ──1──2──3──4──▶               try_for_each_acked(2, f)
    ///                │  │
    ///  f(1)          ├────┤error: nack           stops taking: 3 and 4 stay unread
    ///  f(2)             ├─────────┤ack           completes
    ///                             │
    ///  ready                      Err(error)
    /// ```
    ///
    /// [`EventStreamExt::try_for_each_acked`]: crate::EventStreamExt::try_for_each_acked
    #[must_use = "futures do nothing unless polled"]
    pub struct TryForEachAcked<S, Fut, F, Error> {
        #[pin]
        in_flight: InFlight<S, Fut, F>,
        first_error: Option<Guarded<Error>>,
    }
}

impl<S, Fut, F, Error> TryForEachAcked<S, Fut, F, Error> {
    #[track_caller]
    pub(crate) fn new(stream: S, limit: Option<usize>, f: F) -> Self {
        Self {
            in_flight: InFlight::new(stream, limit, f),
            first_error: None,
        }
    }

    /// Continues after errors, and passes each error to `on_error` at once.
    ///
    /// A failed event is [nacked](crate::Ack::nack) with the text of the error before `on_error` is
    /// called. The future is
    /// ready with `()` when the stream has ended and all work is complete. `f` owns the event, so
    /// `f` can put the event into the error if `on_error` needs the event.
    ///
    /// # Cancel safety
    /// See [`try_for_each_acked`](crate::EventStreamExt::try_for_each_acked). A panic of `on_error`
    /// is a panic of this future.
    ///
    /// # Examples
    /// ```
    /// use futures::{executor::block_on, join};
    /// use genevent::{EventManager, EventStreamExt};
    ///
    /// let manager = EventManager::<&str>::new(8);
    /// let jobs = manager.subscribe().deliveries();
    /// let mut failed = Vec::new();
    /// let work = jobs
    ///     .try_for_each_acked(4, async |job| job.parse::<u8>().map(drop).map_err(|_| job))
    ///     .continue_on_error(|job| failed.push(job));
    ///
    /// let publish = async {
    ///     let bad = manager.sync_notify("seven").await.unwrap();
    ///     let good = manager.sync_notify("7").await.unwrap();
    ///     manager.close();
    ///     (bad.dropped(), good.acked())
    /// };
    /// assert_eq!(block_on(async { join!(publish, work).0 }), (1, 1));
    /// assert_eq!(failed, ["seven"]);
    /// ```
    pub fn continue_on_error<H: FnMut(Error)>(
        self,
        mut on_error: H,
    ) -> ContinueOnError<S, Fut, F, H> {
        // This future may have been polled already, and may have stored an error.
        let first_error = self.first_error.map(Guarded::into_inner);
        first_error.into_iter().for_each(&mut on_error);
        ContinueOnError {
            in_flight: self.in_flight,
            on_error: Guarded::new(on_error),
        }
    }
}

impl<E, S, Fut, F, Error> Future for TryForEachAcked<S, Fut, F, Error>
where
    S: Stream<Item = Delivery<E>>,
    F: FnMut(E) -> Fut,
    Fut: Future<Output = Result<(), Error>>,
    Error: fmt::Display,
{
    type Output = Result<(), Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let mut this = self.project();
        while let Some((result, ack)) = ready!(this.in_flight.as_mut().poll_done(cx)) {
            match result {
                Ok(()) => ack.ack(),
                Err(error) => {
                    // Guarded first: `Display` and `Drop` of the error are user code.
                    let error = Guarded::new(error);
                    ack.nack(error.to_string());
                    this.first_error.get_or_insert(error);
                    this.in_flight.as_mut().stop_taking();
                }
            }
        }
        let first_error = this.first_error.take();
        Poll::Ready(first_error.map_or(Ok(()), |error| Err(error.into_inner())))
    }
}

impl<E, S, Fut, F, Error> FusedFuture for TryForEachAcked<S, Fut, F, Error>
where
    S: Stream<Item = Delivery<E>>,
    F: FnMut(E) -> Fut,
    Fut: Future<Output = Result<(), Error>>,
    Error: fmt::Display,
{
    fn is_terminated(&self) -> bool {
        self.in_flight.is_done() && self.first_error.is_none()
    }
}

impl<S, Fut, F, Error> fmt::Debug for TryForEachAcked<S, Fut, F, Error> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TryForEachAcked")
            .field("in_flight", &self.in_flight.len())
            .field("failed", &self.first_error.is_some())
            .finish_non_exhaustive()
    }
}

pin_project! {
    /// Future of [`TryForEachAcked::continue_on_error`].
    ///
    /// ```text
    ///  deliveries  ──1──2──3─────|               try_for_each_acked(2, f).continue_on_error(on_error)
    ///                │  │  ┊
    ///  f(1)          ├────┤error, dropped ─▶ on_error(error)
    ///  f(2)             ├─────────┤ack
    ///  f(3)                ├──┤ack
    ///                             │
    ///  ready                      ()
    /// ```
    #[must_use = "futures do nothing unless polled"]
    pub struct ContinueOnError<S, Fut, F, H> {
        #[pin]
        in_flight: InFlight<S, Fut, F>,
        on_error: Guarded<H>,
    }
}

impl<E, S, Fut, F, Error, H> Future for ContinueOnError<S, Fut, F, H>
where
    S: Stream<Item = Delivery<E>>,
    F: FnMut(E) -> Fut,
    Fut: Future<Output = Result<(), Error>>,
    Error: fmt::Display,
    H: FnMut(Error),
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        while let Some((result, ack)) = ready!(this.in_flight.as_mut().poll_done(cx)) {
            match result {
                Ok(()) => ack.ack(),
                Err(error) => {
                    let error = Guarded::new(error);
                    ack.nack(error.to_string());
                    (this.on_error)(error.into_inner());
                }
            }
        }
        Poll::Ready(())
    }
}

impl<E, S, Fut, F, Error, H> FusedFuture for ContinueOnError<S, Fut, F, H>
where
    S: Stream<Item = Delivery<E>>,
    F: FnMut(E) -> Fut,
    Fut: Future<Output = Result<(), Error>>,
    Error: fmt::Display,
    H: FnMut(Error),
{
    fn is_terminated(&self) -> bool {
        self.in_flight.is_done()
    }
}

impl<S, Fut, F, H> fmt::Debug for ContinueOnError<S, Fut, F, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContinueOnError")
            .field("in_flight", &self.in_flight.len())
            .finish_non_exhaustive()
    }
}
