//! The `try_for_each_acked` operator: acknowledges each event whose work succeeds.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::{FusedFuture, Stream};
use pin_project_lite::pin_project;

use crate::ext::in_flight::OneTry;
use crate::ext::retry::Retries;
use crate::ext::settle::Settle;
use crate::ext::tries::{Progress, Tries};
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
    pub struct TryForEachAcked<T, Error> {
        #[pin]
        tries: T,
        first_error: Option<Guarded<Error>>,
    }
}

impl<S, Fut, F, Error> TryForEachAcked<OneTry<S, Fut, F>, Error> {
    #[track_caller]
    pub(crate) fn new(stream: S, limit: Option<usize>, f: F) -> Self {
        Self {
            tries: OneTry::new(stream, limit, f),
            first_error: None,
        }
    }

    /// Tries failed work again, after each `Duration` of `backoff`; the last error counts as the error
    /// of the event.
    ///
    /// Each event begins `backoff` anew: an array of durations, or any iterable that can be cloned. An
    /// event fails for good when the work has failed once more after the last `Duration`; an iterator
    /// without end tries for ever. The errors before are dropped. An event that is tried again keeps
    /// its slot of the `limit` and stays unacknowledged: with a limit of 1, later events wait, and the
    /// order is kept.
    ///
    /// Each try gets the event by value, so an event is cloned before each try that may be followed by
    /// another. For events that are expensive to clone, publish an `Arc`. The pauses end on any executor,
    /// inside of tokio by its clock: see [Time limits](crate#time-limits). A pause of zero lets the other
    /// work run once.
    ///
    /// # Panics
    /// Panics if the future has been polled, and work is in progress. A panic of the event's `Clone`, or of
    /// the iterator, is a panic of this future, and the event counts as dropped.
    ///
    /// # Cancel safety
    /// See [`for_each_acked`](crate::EventStreamExt::for_each_acked): dropping the future ends all
    /// tries, and their events count as dropped.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use genevent::{EventManager, EventStreamExt};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let manager = EventManager::new(8);
    /// let mut tries = 0;
    /// let backoff = [100, 1_000, 10_000].map(Duration::from_millis);
    /// let mails = manager.subscribe().deliveries();
    /// let work = mails.try_for_each_acked(1, |mail: &str| {
    ///     tries += 1;
    ///     let sent = if tries < 3 { Err(format!("{mail} is refused")) } else { Ok(()) };
    ///     async move { sent }
    /// });
    ///
    /// let start = tokio::time::Instant::now();
    /// let publish = async {
    ///     let receipt = manager.sync_notify("mail").await.unwrap();
    ///     manager.close();
    ///     receipt
    /// };
    /// let (receipt, result) = tokio::join!(publish, work.retry(backoff));
    /// assert!(receipt.all_acked() && result.is_ok());
    /// assert_eq!((tries, start.elapsed().as_millis()), (3, 1_100));
    /// # }
    /// ```
    #[doc(alias = "retryWhen")]
    #[track_caller]
    pub fn retry<V, B>(self, backoff: B) -> TryForEachAcked<Retries<S, Fut, F, V, B>, Error>
    where
        S: Stream<Item: Settle<Value = V>>,
        V: Clone,
        B: IntoIterator<Item = Duration> + Clone,
    {
        TryForEachAcked {
            tries: Retries::new(self.tries, backoff),
            first_error: self.first_error,
        }
    }
}

impl<T, Error> TryForEachAcked<T, Error> {
    /// Continues after errors, and passes each error to `on_error` at once.
    ///
    /// A failed event is [nacked](crate::Ack::nack) with the text of the error before `on_error` is
    /// called. The future is
    /// ready with `()` when the stream has ended and all work is complete. `f` owns the event, so
    /// `f` can put the event into the error if `on_error` needs the event.
    ///
    /// # Panics
    /// A panic of `on_error` is a panic of this future.
    ///
    /// # Cancel safety
    /// See [`try_for_each_acked`](crate::EventStreamExt::try_for_each_acked).
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
    pub fn continue_on_error<H: FnMut(Error)>(self, mut on_error: H) -> ContinueOnError<T, H> {
        // This future may have been polled already, and may have stored an error.
        let first_error = self.first_error.map(Guarded::into_inner);
        first_error.into_iter().for_each(&mut on_error);
        ContinueOnError {
            tries: self.tries,
            on_error: Guarded::new(on_error),
        }
    }
}

impl<T: Tries> Future for TryForEachAcked<T, T::Error> {
    type Output = Result<(), T::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), T::Error>> {
        let mut this = self.project();
        while let Some(error) = ready!(poll_error(this.tries.as_mut(), cx)) {
            this.first_error.get_or_insert(error);
            this.tries.as_mut().stop_taking();
        }
        let first_error = this.first_error.take();
        Poll::Ready(first_error.map_or(Ok(()), |error| Err(error.into_inner())))
    }
}

/// Polls for the next error, settles every item whose work is complete, and the item of the error.
fn poll_error<T: Tries>(
    mut tries: Pin<&mut T>,
    cx: &mut Context<'_>,
) -> Poll<Option<Guarded<T::Error>>> {
    while let Some((result, acks)) = ready!(tries.as_mut().poll_result(cx)) {
        match result {
            Ok(()) => acks.ack(),
            Err(error) => {
                // Guarded first: `Display` and `Drop` of the error are user code.
                let error = Guarded::new(error);
                acks.nack(error.to_string());
                return Poll::Ready(Some(error));
            }
        }
    }
    Poll::Ready(None)
}

impl<T: Tries> FusedFuture for TryForEachAcked<T, T::Error> {
    fn is_terminated(&self) -> bool {
        self.tries.is_done() && self.first_error.is_none()
    }
}

impl<T: Progress, Error> fmt::Debug for TryForEachAcked<T, Error> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TryForEachAcked")
            .field("in_flight", &self.tries.len())
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
    pub struct ContinueOnError<T, H> {
        #[pin]
        tries: T,
        on_error: Guarded<H>,
    }
}

impl<T: Tries, H: FnMut(T::Error)> Future for ContinueOnError<T, H> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        while let Some(error) = ready!(poll_error(this.tries.as_mut(), cx)) {
            (this.on_error)(error.into_inner());
        }
        Poll::Ready(())
    }
}

impl<T: Tries, H: FnMut(T::Error)> FusedFuture for ContinueOnError<T, H> {
    fn is_terminated(&self) -> bool {
        self.tries.is_done()
    }
}

impl<T: Progress, H> fmt::Debug for ContinueOnError<T, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContinueOnError")
            .field("in_flight", &self.tries.len())
            .finish_non_exhaustive()
    }
}
