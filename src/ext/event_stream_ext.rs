//! The trait with the operators.

#[cfg(feature = "rt")]
use std::fmt::Display;
#[cfg(feature = "rt")]
use std::future::Future;
#[cfg(feature = "rt")]
use std::hash::Hash;
#[cfg(feature = "rt")]
use std::time::Duration;

use futures_core::Stream;

use crate::delivery::Delivery;
use crate::ext::settle::Settle;
#[cfg(feature = "rt")]
use crate::ext::{Batches, DebounceAcked, ForEachAcked, OneTry, TryForEachAcked};
use crate::ext::{FilterAcked, Latest, ReadyBatches};

/// Operators on any stream of [deliveries](Delivery): [`Deliveries`], and any combinator over `Deliveries`.
/// Those that work on each event also take streams of [batches](crate::Batch), whose work gets the events
/// of a batch in a `Vec`.
///
/// On a stream without deliveries, such as a [`Subscription`](crate::Subscription), the compiler reports that a
/// method "exists, but its trait bounds were not satisfied": call
/// [`deliveries()`](crate::Subscription::deliveries) first. After an adapter, the items must still be deliveries: use
/// [`Delivery::map`] in place of a plain `map`.
///
/// The methods take the stream by value. To use the stream afterwards, for its
/// [`end_reason`](crate::Deliveries::end_reason) or for further events, pass `&mut deliveries`.
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
pub trait EventStreamExt<E>: Stream {
    /// Yields the deliveries that `pred` accepts, and acknowledges the rejected deliveries.
    ///
    /// By contrast, `filter` of `futures` drops the rejected deliveries, and the receipt then names
    /// the subscriber under `dropped`. A rejected event is acknowledged as soon as the stream is
    /// polled, before the next event is taken.
    ///
    /// A panic of `pred` is a panic of `poll_next`. The delivery that `pred` was called for counts
    /// as dropped, and the next poll continues with the next delivery.
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
        Self: Stream<Item = Delivery<E>> + Sized,
    {
        FilterAcked::new(self, pred)
    }

    /// Yields only the newest of the deliveries that are ready, and acknowledges the others.
    ///
    /// For a reader that needs the latest state and may skip what it has no time for, such as a screen
    /// of a position: it is never behind by more than the event in its hands. By contrast to
    /// [`Overflow::DropOldest`](crate::Overflow), publishers still wait for room, and a skipped event
    /// counts as finished.
    ///
    /// A skipped event is acknowledged when the stream is polled, before the newest delivery is
    /// yielded. With [`max_unacked(1)`](crate::SubscribeOptions::max_unacked), every delivery is
    /// yielded, because no second delivery is taken before the first is settled. Beside publishers
    /// that are as fast as this reader, the newest of the deliveries that were ready at the poll is
    /// yielded, or of 1,024.
    ///
    /// # Cancel safety
    /// Dropping the future of `next()` loses nothing. The stream may hold a delivery while its task is out
    /// of coop budget; that delivery counts as dropped when the stream is dropped.
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::{EventManager, EventStreamExt};
    ///
    /// let manager = EventManager::new(8);
    /// let mut positions = manager.subscribe().deliveries().latest();
    /// let mut first = manager.sync_notify((0, 0));
    /// assert!((&mut first).now_or_never().is_none());
    /// manager.try_notify((0, 1)).unwrap();
    /// manager.try_notify((1, 1)).unwrap();
    ///
    /// let position = positions.next().now_or_never().flatten().unwrap();
    /// assert_eq!(position.ack(), (1, 1));
    /// assert!(first.now_or_never().unwrap().unwrap().all_acked(), "skipped");
    /// ```
    #[doc(alias = "conflate")]
    fn latest(self) -> Latest<Self, E>
    where
        Self: Stream<Item = Delivery<E>> + Sized,
    {
        Latest::new(self)
    }

    /// Yields the newest delivery of each key once no other delivery of the key was taken for
    /// `duration`, and acknowledges the earlier ones.
    ///
    /// For work that is only worth doing after a burst of events: saving a document that is being
    /// typed, or building again after several files have changed. `key` tells which events supersede
    /// each other. With `|_| ()`, all do.
    ///
    /// A superseded event is acknowledged when the newer delivery of its key is taken: the subscriber has
    /// decided that it needs no work. So its `sync_notify` does not wait for the work on the newer
    /// event. Keys are yielded in the order in which they became quiet. When the source stream ends,
    /// the waiting deliveries follow at once. With a `duration` of zero, the newest of the ready deliveries
    /// of each key is yielded, without waiting. Deliveries are taken only while this stream is polled;
    /// a delivery that has become due meanwhile is still superseded by a newer one that is ready.
    ///
    /// The stream holds one delivery for each key that is not quiet, and nothing else:
    /// [`max_unacked`](crate::SubscribeOptions::max_unacked) bounds the number. At that limit no further
    /// event is taken until a key is quiet and its delivery is settled.
    ///
    /// # Panics
    /// A panic of `key`, or of the key's `Hash` or `Eq`, is a panic of `poll_next`. The delivery that was
    /// just taken, or was about to be yielded, counts as dropped, and the next poll continues with the next
    /// delivery.
    ///
    /// # Cancel safety
    /// Dropping the future of `next()` loses nothing: the waiting deliveries and their times stay in the
    /// stream, and count as dropped when the stream is dropped.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use futures::StreamExt;
    /// use genevent::{EventManager, EventStreamExt};
    /// use tokio::time::{Instant, sleep};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let manager = EventManager::new(8);
    /// let edits = manager.subscribe().deliveries();
    /// let second = Duration::from_secs(1);
    /// let mut quiet = edits.debounce_acked(second, |(file, _): &(&str, u32)| *file);
    ///
    /// let typing = async {
    ///     for version in 1..=3 {
    ///         manager.notify(("a.txt", version)).await.unwrap();
    ///         sleep(second / 2).await;
    ///     }
    /// };
    /// let start = Instant::now();
    /// let (saved, ()) = tokio::join!(quiet.next(), typing);
    /// assert_eq!(saved.unwrap().ack(), ("a.txt", 3));
    /// assert_eq!(start.elapsed(), 2 * second, "a second after the last edit");
    /// # }
    /// ```
    #[doc(alias = "debounceTime")]
    #[doc(alias = "debounce")]
    #[cfg(feature = "rt")]
    fn debounce_acked<K, F>(self, duration: Duration, key: F) -> DebounceAcked<Self, E, K, F>
    where
        K: Hash + Eq,
        F: FnMut(&E) -> K,
        Self: Stream<Item = Delivery<E>> + Sized,
    {
        DebounceAcked::new(self, duration, key)
    }

    /// Processes up to `limit` events concurrently, and acknowledges each event when its work
    /// completes.
    ///
    /// Over [batches](Self::batches), each work is about a batch: `f` receives its events, and all of
    /// them are acknowledged together.
    ///
    /// `f` receives the event by value and returns a future, the work. The event's acknowledgement
    /// is stored beside the work until the work is complete and dropped. Events are taken in order,
    /// as soon as the limit allows, and complete in any order. The returned future is ready when
    /// the stream has ended and all work is complete.
    ///
    /// `limit` is a number, or `None` for as many as the stream yields: with [`Deliveries`], never
    /// more than its [`max_unacked`]. Further events stay unread, so slow work makes publishers
    /// wait as a slow reader does. All work runs inside of this future. To use several threads,
    /// spawn the work in `f` and await its handle. Work that itself waits for acknowledgements of
    /// this subscriber (`sync_notify` to the same manager) needs a `limit` above 1: with 1, the
    /// work would never complete. What follows from an event is published by
    /// [`Deliveries::follow_ups`](crate::Deliveries::follow_ups), which never waits.
    ///
    /// # Panics
    /// Panics if `limit` is 0, because no work could ever start. A panic of `f` or of the work is a
    /// panic of this future. The event of the panicking work counts as dropped, and so do the
    /// events whose work is in progress when the future is dropped.
    ///
    /// # Cancel safety
    /// Dropping this future drops the work in progress. The events of that work, which `f` has
    /// taken, count as dropped. Events that were not taken stay in the stream.
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
    #[doc(alias = "mergeMap")]
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

    /// Processes events like [`for_each_acked`](Self::for_each_acked), with work that may fail. An
    /// event whose work fails is [nacked](crate::Delivery::nack) with the text of the error, and the
    /// first error stops the processing.
    ///
    /// After an error no more events are taken: the stream is dropped at once together with its
    /// unread events, unless the stream was passed as `&mut`. Work in progress completes and is
    /// acknowledged as usual; then the future is ready with the first error. Further errors are
    /// dropped once their events are nacked. Over batches, an error nacks every event of the batch.
    ///
    /// To try failed work again before, use [`.retry(backoff)`](TryForEachAcked::retry).
    /// To continue after errors, use
    /// [`.continue_on_error(|error| …)`](TryForEachAcked::continue_on_error).
    ///
    /// # Errors
    /// Returns the first error in time, once no work is in progress.
    ///
    /// # Panics
    /// See [`for_each_acked`](Self::for_each_acked).
    ///
    /// # Cancel safety
    /// See [`for_each_acked`](Self::for_each_acked).
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
    ///     (good.acked(), bad.unfinished()[0].cause().to_string())
    /// };
    /// let (receipts, result) = block_on(async { join!(publish, work) });
    /// assert_eq!(receipts, (1, "failed: invalid digit found in string".to_owned()));
    /// assert!(result.is_err());
    /// ```
    #[cfg(feature = "rt")]
    #[track_caller]
    fn try_for_each_acked<Fut, F, Error>(
        self,
        limit: impl Into<Option<usize>>,
        f: F,
    ) -> TryForEachAcked<OneTry<Self, Fut, F>, Error>
    where
        F: FnMut(E) -> Fut,
        Fut: Future<Output = Result<(), Error>>,
        Error: Display,
        Self: Sized,
    {
        TryForEachAcked::new(self, limit.into(), f)
    }

    /// Collects the ready deliveries into batches of 1 to `n`, without waiting for further
    /// deliveries.
    ///
    /// The batches grow with the number of unread events: an idle consumer gets each event alone
    /// and at once, a busy consumer gets all events that arrived meanwhile. At the end of the
    /// stream, the remaining deliveries are the last batch.
    ///
    /// # Panics
    /// Panics if `n` is 0, because no delivery would fit.
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
        Self: Stream<Item = Delivery<E>> + Sized,
    {
        ReadyBatches::new(self, n)
    }

    /// Collects up to `n` deliveries into a batch, and waits for further deliveries for at most
    /// `duration` after the first delivery of the batch was taken.
    ///
    /// A batch is yielded when the batch is full, when `duration` is over, or when the stream ends;
    /// an empty batch is never yielded. A batch fills only while this stream is polled, on any
    /// executor: see [Time limits](crate#time-limits).
    ///
    /// All deliveries of a batch are unacknowledged. With `n` above the subscription's
    /// [`max_unacked`], no batch becomes full, and each batch waits for all of `duration`. The same
    /// happens with a publisher that awaits the receipt of each [`sync_notify`] before the next
    /// event; [`ready_batches`](Self::ready_batches) does not make such a publisher wait.
    ///
    /// # Panics
    /// Panics if `n` is 0, because no delivery would fit.
    ///
    /// # Cancel safety
    /// Dropping the future of `next()` loses nothing: the unfinished batch and its timer stay in
    /// the stream. The deliveries of the unfinished batch count as dropped when the stream is
    /// dropped.
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
    /// assert_eq!(start.elapsed().as_secs(), 0, "the batch was full");
    /// assert_eq!(batches.next().await.unwrap().ack(), [4]);
    /// assert_eq!(start.elapsed().as_secs(), 5, "the batch waited for a third event");
    /// # }
    /// ```
    ///
    /// [`max_unacked`]: crate::SubscribeOptions::max_unacked
    /// [`sync_notify`]: crate::EventManager::sync_notify
    #[doc(alias = "bufferTime")]
    #[cfg(feature = "rt")]
    #[track_caller]
    fn batches(self, n: usize, duration: Duration) -> Batches<Self, E>
    where
        Self: Stream<Item = Delivery<E>> + Sized,
    {
        Batches::new(self, n, duration)
    }
}

impl<E, S> EventStreamExt<E> for S where S: Stream<Item: Settle<Value = E>> + ?Sized {}
