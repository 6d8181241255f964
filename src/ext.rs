//! Operators over streams of [deliveries](crate::Delivery) that keep the acknowledgement exact.
//!
//! Every combinator of `futures` and `tokio-stream` works on a stream of deliveries; these do the
//! acknowledging as well, at the right moment:
//!
//! | operator | an event is acknowledged when | dropped when |
//! |---|---|---|
//! | [`filter_acked`](EventStreamExt::filter_acked) | it is filtered out | the predicate panics |
//! | `for_each_acked` (feature `rt`) | the work on it is done | that panics or is cancelled |
//! | `try_for_each_acked` (feature `rt`) | the work on it is `Ok` | that fails, panics or is cancelled |
//! | [`ready_batches`](EventStreamExt::ready_batches) | its [`Batch`] is | its [`Batch`] is |
//! | `batches` (feature `rt`) | its [`Batch`] is | its [`Batch`] is, or the stream before that |
//!
//! None of them loses a delivery or leaves one hanging: whatever an operator holds when it is
//! dropped counts as dropped in the receipts.

mod batch;
mod batch_buffer;
#[cfg(feature = "rt")]
mod batches;
mod filter_acked;
#[cfg(feature = "rt")]
mod for_each_acked;
#[cfg(feature = "rt")]
mod in_flight;
mod ready_batches;
#[cfg(feature = "rt")]
mod try_for_each_acked;

pub use batch::Batch;
#[cfg(feature = "rt")]
pub use batches::Batches;
pub use filter_acked::FilterAcked;
#[cfg(feature = "rt")]
pub use for_each_acked::ForEachAcked;
pub use ready_batches::ReadyBatches;
#[cfg(feature = "rt")]
pub use try_for_each_acked::{ContinueOnError, TryForEachAcked};

#[cfg(feature = "rt")]
use std::future::Future;
#[cfg(feature = "rt")]
use std::time::Duration;

use futures_core::Stream;

use crate::delivery::Delivery;

/// What can be done with any stream of [deliveries](Delivery): [`Deliveries`], and whatever
/// combinators have made of one.
///
/// The methods take the stream by value. With `&mut deliveries` in its place, the stream can be
/// asked for its [`end_reason`](crate::Deliveries::end_reason) afterwards, or be read on.
///
/// # Examples
/// ```
/// use futures::executor::block_on;
/// use genevent::{EventManager, EventStreamExt};
///
/// let manager = EventManager::new(16);
/// let mut orders = manager.subscribe().deliveries();
/// let mut rows = 0;
///
/// for cents in [250, 0, 1999] {
///     manager.try_notify(cents).unwrap();
/// }
/// manager.close();
/// let paid = (&mut orders).filter_acked(|cents| *cents > 0);
/// block_on(paid.for_each_acked(1, |_| {
///     rows += 1;
///     async {}
/// }));
/// assert_eq!((rows, orders.unacked()), (2, 0));
/// ```
///
/// [`Deliveries`]: crate::Deliveries
pub trait EventStreamExt<E>: Stream<Item = Delivery<E>> {
    /// Passes on the deliveries that `pred` holds for, and acknowledges the others.
    ///
    /// As `filter` of `futures`, which drops what it filters out, so that the receipt names the
    /// subscriber as one that did not finish with the event. An event that is filtered out is
    /// acknowledged as soon as the stream is polled, before the next one is taken.
    ///
    /// A panic of `pred` is a panic of `poll_next`; the delivery it was asked about counts as
    /// dropped, and the next poll goes on behind it.
    ///
    /// # Cancel safety
    /// Dropping the future of `next()` loses nothing. The stream holds no deliveries.
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::{EventManager, EventStreamExt};
    ///
    /// let manager = EventManager::new(8);
    /// let mut even = manager.subscribe().deliveries().filter_acked(|n| n % 2 == 0);
    /// let mut odd_done = manager.sync_notify(1);
    /// assert!((&mut odd_done).now_or_never().is_none());
    /// manager.try_notify(2).unwrap();
    ///
    /// assert_eq!(even.next().now_or_never().flatten().unwrap().ack(), 2);
    /// assert!(odd_done.now_or_never().unwrap().unwrap().all_acked());
    /// ```
    fn filter_acked<P>(self, pred: P) -> FilterAcked<Self, P>
    where
        P: FnMut(&E) -> bool,
        Self: Sized,
    {
        FilterAcked::new(self, pred)
    }

    /// Works on up to `limit` events at once, and acknowledges each when its work is done.
    ///
    /// `f` gets the event by value; its acknowledgement waits beside the future that `f` returns,
    /// until that is ready and dropped. Events are taken in order, one when there is a place for
    /// it, and may be done in any order. The future is ready when the stream has ended and all work
    /// is done.
    ///
    /// `limit` is a number or `None`, for as many as the stream gives: with [`Deliveries`], never
    /// more than its [`max_unacked`]. What is not taken yet stays unread, so slow work makes
    /// publishers wait as a slow reader does. All work is done within this one future; work that
    /// shall use several threads is spawned in `f`, and its handle awaited there. Work that itself
    /// waits for answers from this subscriber (`sync_notify` to the same manager) needs a place
    /// that is free: with `limit` 1 it waits for itself.
    ///
    /// # Panics
    /// If `limit` is 0: no work could ever begin. A panic of `f` or of its work is a panic of this
    /// future; the event that it was about counts as dropped, and so do those that are under way
    /// when the future is dropped.
    ///
    /// # Cancel safety
    /// Dropping this future drops the work that is under way; its events, which `f` has taken,
    /// count as dropped. What was not taken from the stream stays in the stream.
    ///
    /// # Examples
    /// ```
    /// use std::cell::RefCell;
    /// use futures::{executor::block_on, join};
    /// use genevent::{EventManager, EventStreamExt};
    ///
    /// let manager = EventManager::<&str>::new(8);
    /// let jobs = manager.subscribe().deliveries();
    /// let sent = RefCell::new(Vec::new());
    /// let work = jobs.for_each_acked(4, async |mail| sent.borrow_mut().push(mail));
    ///
    /// let publish = async {
    ///     let receipt = manager.sync_notify("hello").await.unwrap();
    ///     assert_eq!(*sent.borrow(), ["hello"]);
    ///     manager.close();
    ///     receipt
    /// };
    /// let receipt = block_on(async { join!(publish, work).0 });
    /// assert!(receipt.all_acked());
    /// ```
    ///
    /// [`Deliveries`]: crate::Deliveries
    /// [`max_unacked`]: crate::SubscribeOptions::max_unacked
    #[cfg(feature = "rt")]
    #[track_caller]
    fn for_each_acked<Fut, F>(
        self,
        limit: impl Into<Option<usize>>,
        f: F,
    ) -> ForEachAcked<Self, Fut, F>
    where
        F: FnMut(E) -> Fut,
        Fut: Future<Output = ()>,
        Self: Sized,
    {
        ForEachAcked::new(self, limit.into(), f)
    }

    /// As [`for_each_acked`](Self::for_each_acked), with work that may fail: what fails counts as
    /// dropped, and the first error stops it.
    ///
    /// After an error no more events are taken: the stream is dropped at once, and with it what
    /// is unread (not so if it was given as `&mut`). Work that is under way is let finish and
    /// acknowledged as usual; then the future is ready with the first error. Further errors of
    /// that work are lost, and their events count as dropped.
    ///
    /// To go on after errors instead: [`.continue_on_error(|error| …)`](TryForEachAcked::continue_on_error).
    ///
    /// # Errors
    /// The first error in time, once nothing is under way any more.
    ///
    /// # Panics
    /// As [`for_each_acked`](Self::for_each_acked).
    ///
    /// # Cancel safety
    /// As [`for_each_acked`](Self::for_each_acked).
    ///
    /// # Examples
    /// ```
    /// use futures::{executor::block_on, join};
    /// use genevent::{EventManager, EventStreamExt};
    ///
    /// let manager = EventManager::<&str>::new(8);
    /// let work = manager
    ///     .subscribe()
    ///     .deliveries()
    ///     .try_for_each_acked(1, async |word| word.parse::<u8>().map(drop));
    ///
    /// let publish = async {
    ///     let good = manager.sync_notify("7").await.unwrap();
    ///     let bad = manager.sync_notify("seven").await.unwrap();
    ///     (good.acked(), bad.dropped())
    /// };
    /// let (receipts, result) = block_on(async { join!(publish, work) });
    /// assert_eq!(receipts, (1, 1));
    /// assert!(result.is_err());
    /// ```
    #[cfg(feature = "rt")]
    #[track_caller]
    fn try_for_each_acked<Fut, F, Error>(
        self,
        limit: impl Into<Option<usize>>,
        f: F,
    ) -> TryForEachAcked<Self, Fut, F, Error>
    where
        F: FnMut(E) -> Fut,
        Fut: Future<Output = Result<(), Error>>,
        Self: Sized,
    {
        TryForEachAcked::new(self, limit.into(), f)
    }

    /// Puts together what is ready: 1 to `n` deliveries at a time, without waiting for more.
    ///
    /// The batches grow with the backlog: an idle consumer gets each event alone and at once, a
    /// busy one gets what has come in meanwhile. At the end of the stream, what there is comes as
    /// the last batch.
    ///
    /// # Panics
    /// If `n` is 0: nothing would fit in.
    ///
    /// # Cancel safety
    /// Dropping the future of `next()` loses nothing. The stream holds no deliveries.
    ///
    /// # Examples
    /// ```
    /// use futures::{StreamExt, executor::block_on};
    /// use genevent::{EventManager, EventStreamExt};
    ///
    /// let manager = EventManager::new(8);
    /// let batches = manager.subscribe().deliveries().ready_batches(3);
    /// for n in 1..=5 {
    ///     manager.try_notify(n).unwrap();
    /// }
    /// drop(manager);
    /// let batches: Vec<Vec<i32>> = block_on(batches.map(|batch| batch.ack()).collect());
    /// assert_eq!(batches, [vec![1, 2, 3], vec![4, 5]]);
    /// ```
    #[track_caller]
    fn ready_batches(self, n: usize) -> ReadyBatches<Self, E>
    where
        Self: Sized,
    {
        ReadyBatches::new(self, n)
    }

    /// Puts together up to `n` deliveries, waiting for more for at most `duration` since the
    /// first of them was taken.
    ///
    /// A batch is yielded when it is full, when `duration` is over, or when the stream ends;
    /// never an empty one. It begins to fill when this stream is polled, not before. The time is
    /// tokio's clock.
    ///
    /// All of a batch is unacknowledged: with `n` above the subscription's [`max_unacked`], no
    /// batch gets full, and each waits for all of `duration`. So does a publisher with
    /// [`sync_notify`] that publishes the next event only when it has the receipt of the one
    /// before; [`ready_batches`](Self::ready_batches) does not make it wait.
    ///
    /// # Panics
    /// If `n` is 0: nothing would fit in. When polled outside of a tokio runtime with time enabled.
    ///
    /// # Cancel safety
    /// Dropping the future of `next()` loses nothing: what has been gathered, and its time, stay
    /// in the stream. What is in there when the stream is dropped counts as dropped.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use futures::StreamExt;
    /// use genevent::{EventManager, EventStreamExt};
    /// use tokio::time::Instant;
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let manager = EventManager::new(8);
    /// let mut batches = manager.subscribe().deliveries().batches(3, Duration::from_secs(5));
    /// for n in 1..=4 {
    ///     manager.try_notify(n).unwrap();
    /// }
    /// let start = Instant::now();
    /// assert_eq!(batches.next().await.unwrap().ack(), [1, 2, 3]);
    /// assert_eq!(start.elapsed().as_secs(), 0, "it was full");
    /// assert_eq!(batches.next().await.unwrap().ack(), [4]);
    /// assert_eq!(start.elapsed().as_secs(), 5, "it waited for more");
    /// # }
    /// ```
    ///
    /// [`max_unacked`]: crate::SubscribeOptions::max_unacked
    /// [`sync_notify`]: crate::EventManager::sync_notify
    #[cfg(feature = "rt")]
    #[track_caller]
    fn batches(self, n: usize, duration: Duration) -> Batches<Self, E>
    where
        Self: Sized,
    {
        Batches::new(self, n, duration)
    }
}

impl<E, S: Stream<Item = Delivery<E>> + ?Sized> EventStreamExt<E> for S {}
