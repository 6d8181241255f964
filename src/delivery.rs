//! Deliveries: events with their own explicit acknowledgement.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::{FusedStream, Stream};

use crate::ack::Ack;
use crate::channel::subscriber::SubscriberState;
use crate::end_reason::EndReason;
use crate::error::FollowUpError;
use crate::future::Disconnected;
use crate::subscriber_id::SubscriberId;
use crate::subscription::{AnySubscription, ReadSubscription, Subscription};
use crate::util::panic_guard::Guarded;
use crate::util::sync::Arc;

mod follow_up;
mod read;

impl<E: Send + Sync + 'static> Subscription<E> {
    /// Returns a stream of deliveries, each with an acknowledgement of its own.
    ///
    /// For pipelines reading ahead: [`Delivery::ack`](crate::Delivery::ack) finishes an event,
    /// polling for the next event does not. Acknowledges the event in flight, as
    /// [`ack`](Self::ack).
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(8);
    /// let mut pairs = manager.subscribe().deliveries().chunks(2);
    /// let mut done = manager.sync_notify('a');
    /// assert!((&mut done).now_or_never().is_none());
    /// manager.try_notify('b').unwrap();
    ///
    /// let pair = pairs.next().now_or_never().flatten().unwrap();
    /// assert!((&mut done).now_or_never().is_none(), "in a chunk, and not finished");
    /// pair.into_iter().for_each(|delivery| drop(delivery.ack()));
    /// assert!(done.now_or_never().is_some());
    /// ```
    #[doc(alias = "Subscribe")]
    pub fn deliveries(self) -> Deliveries<E>
    where
        E: Clone,
    {
        let subscription = self.into_explicit_acks();
        Deliveries::new(Arc::clone(subscription.subscriber()), subscription)
    }
}

/// A stream of [deliveries](Delivery): each event is finished when its delivery is acknowledged,
/// not when the stream is polled again.
///
/// [`Subscription::deliveries`] returns a `Deliveries<E>`. [`Filtered::deliveries`] returns a
/// `Deliveries<T, Filtered<T>>`.
///
/// Deliveries keep [`sync_notify`] exact through adapters that read ahead (`buffer_unordered`,
/// `chunks`, a spawned task for each event): the receipt waits for each [`Delivery::ack`], in any
/// order and from any task.
///
/// An event leaves its window when the stream yields a delivery. To bound reading ahead, the stream
/// is pending while [`max_unacked`] deliveries are in flight, also after a disconnect, when
/// deliveries owe nothing. The end of the stream waits in the same way. A pipeline that keeps
/// `max_unacked` deliveries in flight until the next delivery or the end (`collect`, `chunks`)
/// therefore deadlocks.
///
/// # Cancel safety
/// Dropping the future of `next()` loses nothing: the event stays unread.
///
/// # Examples
/// ```
/// use futures::{StreamExt, executor::block_on, join};
/// use genevent::EventManager;
///
/// let manager = EventManager::<&str>::new(8);
/// let work = manager.subscribe().deliveries().for_each_concurrent(4, async |job| {
///     let job = job.ack(); // after the work
///     assert_eq!(job, "resize");
/// });
/// let receipt = block_on(async {
///     let publish = async {
///         let receipt = manager.sync_notify("resize").await.unwrap();
///         manager.close();
///         receipt
///     };
///     join!(publish, work).0
/// });
/// assert_eq!(receipt.acked(), 1);
/// ```
///
/// The deliveries of a filtered subscription:
/// ```
/// use futures::{StreamExt, executor::block_on};
/// use genevent::{Deliveries, EventManager, Filtered};
///
/// let manager = EventManager::new(8);
/// let jobs = manager.subscribe_filter_map(|n: &u32| (*n > 1).then(|| n * 10));
/// let jobs: Deliveries<u32, Filtered<u32>> = jobs.deliveries();
/// for n in 1..=3 {
///     manager.try_notify(n).unwrap();
/// }
/// drop(manager);
/// let done = jobs.map(|job| (job.seq(), job.ack())).collect::<Vec<_>>();
/// assert_eq!(block_on(done), [(2, 20), (3, 30)]);
/// ```
///
/// [`sync_notify`]: crate::EventManager::sync_notify
/// [`max_unacked`]: crate::SubscribeOptions::max_unacked
/// [`Filtered::deliveries`]: crate::Filtered::deliveries
#[must_use = "a subscription that is not read makes publishers wait once its window is full"]
pub struct Deliveries<E, S = Subscription<E>> {
    subscriber: Arc<SubscriberState>,
    subscription: S,
    event: PhantomData<fn() -> E>,
}

impl<E, S: AnySubscription> Deliveries<E, S> {
    /// Wraps a subscription, whose `subscriber` must have an unacked set.
    pub(crate) fn new(subscriber: Arc<SubscriberState>, subscription: S) -> Self {
        Self {
            subscriber,
            subscription,
            event: PhantomData,
        }
    }

    /// Returns the id of the subscription, as [`Subscription::id`].
    #[must_use]
    pub fn id(&self) -> SubscriberId {
        self.subscriber.id
    }

    /// Returns the number of deliveries in flight: received, and neither acknowledged nor dropped.
    #[must_use]
    pub fn unacked(&self) -> usize {
        let unacked = self.subscriber.unacked(self.subscriber.cursor.load());
        // After a panic of `Clone`, the event is in the unacked set, and has no delivery yet.
        unacked - usize::from(self.subscription.has_unyielded())
    }

    /// Returns the number of events missed so far, as [`Subscription::missed`].
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.subscriber.missed()
    }

    /// Returns the number of unread events, as [`Subscription::len`].
    #[must_use]
    pub fn len(&self) -> usize {
        self.subscription.unread()
    }

    /// Returns whether no event waits to be read, as [`Subscription::is_empty`].
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Waits until the subscription is disconnected or has ended, as [`Subscription::disconnected`].
    /// Deliveries may then still be in flight.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub fn disconnected(&self) -> Disconnected {
        let channel = self.subscriber.channel_of_deliveries();
        Disconnected::new(&self.subscriber, channel)
    }

    /// Returns why the stream ended, as [`Subscription::end_reason`].
    #[must_use]
    pub fn end_reason(&self) -> Option<EndReason> {
        self.subscription.end_reason()
    }
}

impl<E, S: ReadSubscription<Item = E>> Stream for Deliveries<E, S> {
    type Item = Delivery<E>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Delivery<E>>> {
        // A claimed event is in the unacked set already, and needs no room of its own.
        let is_counted = self.subscription.has_unyielded();
        if !is_counted && !self.subscriber.may_deliver(cx.waker()) {
            return Poll::Pending;
        }
        let event = ready!(Pin::new(&mut self.subscription).poll_next(cx));
        Poll::Ready(event.map(|event| Delivery::new(event, self.subscription.take_ack())))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.subscription.size_hint()
    }
}

impl<E, S: ReadSubscription<Item = E>> FusedStream for Deliveries<E, S> {
    fn is_terminated(&self) -> bool {
        self.subscription.is_terminated()
    }
}

impl<E, S> Drop for Deliveries<E, S> {
    fn drop(&mut self) {
        // Deliveries in flight share the unacked set: its waker would live as long as they do, and
        // would be called for a stream that is gone.
        if let Some(unacked) = self.subscriber.unacked_set() {
            unacked.stop_waiting();
        }
    }
}

#[expect(
    clippy::missing_fields_in_debug,
    reason = "the subscriber is the one of the subscription"
)]
impl<E, S: AnySubscription + fmt::Debug> fmt::Debug for Deliveries<E, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deliveries")
            .field("subscription", &self.subscription)
            .field("unacked", &self.unacked())
            .finish()
    }
}

/// An event with its explicit acknowledgement.
///
/// A delivery dereferences to the event, and can be compared with an event. [`ack`](Self::ack) acknowledges
/// the event. Dropping the delivery discards the event: the receipt lists the subscriber in
/// [`unfinished`](crate::Receipt::unfinished). [`nack`](Self::nack) reports the event as failed, with a
/// reason. Deliveries can be settled in any order, from any task or thread, and after the stream is dropped.
///
/// If the event's own `Drop` panics when a delivery is dropped, the panic hook reports the panic,
/// and the panic is caught.
///
/// # Examples
/// ```
/// use futures::{FutureExt, StreamExt};
/// use genevent::EventManager;
///
/// let manager = EventManager::new(8);
/// let mut jobs = manager.subscribe().deliveries();
/// let mut first = manager.sync_notify("first");
/// let mut second = manager.sync_notify("second");
/// assert!((&mut first).now_or_never().is_none() && (&mut second).now_or_never().is_none());
///
/// let one = jobs.next().now_or_never().flatten().unwrap();
/// let two = jobs.next().now_or_never().flatten().unwrap();
/// assert!(one == "first" && two == "second");
/// assert_eq!((one.seq(), two.seq()), (1, 2));
///
/// two.ack(); // out of order
/// assert!(second.now_or_never().unwrap().unwrap().all_acked());
/// drop(one); // discards the event
/// assert_eq!(first.now_or_never().unwrap().unwrap().dropped(), 1);
/// ```
#[must_use = "dropping a delivery discards its event: call `ack` when the event is finished"]
pub struct Delivery<E> {
    event: Guarded<E>,
    ack: Ack,
}

impl<E> Delivery<E> {
    pub(crate) fn new(event: E, ack: Ack) -> Self {
        let event = Guarded::new(event);
        Self { event, ack }
    }

    /// Acknowledges the event and returns the event.
    #[doc(alias = "Ack")]
    pub fn ack(self) -> E {
        self.ack.ack();
        self.event.into_inner()
    }

    /// Reports the event as failed, with a `reason`, and returns the event.
    ///
    /// The receipt counts the event as not finished by this subscriber, with
    /// [`Cause::Failed`](crate::Cause::Failed). Nothing more is owed for the event.
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::{Cause, EventManager};
    ///
    /// let manager = EventManager::new(8);
    /// let mut jobs = manager.subscribe().deliveries();
    /// let mut done = manager.sync_notify("mail");
    /// assert!((&mut done).now_or_never().is_none());
    ///
    /// let job = jobs.next().now_or_never().flatten().unwrap();
    /// assert_eq!(job.nack("no such mailbox"), "mail");
    /// let receipt = done.now_or_never().unwrap().unwrap();
    /// assert_eq!(*receipt.unfinished()[0].cause(), Cause::Failed("no such mailbox".into()));
    /// ```
    #[doc(alias = "Nack")]
    pub fn nack(self, reason: impl Into<Arc<str>>) -> E {
        self.ack.nack(reason);
        self.event.into_inner()
    }

    /// Converts the event, and keeps its acknowledgement.
    ///
    /// If `f` panics, the event is discarded.
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::<&str>::new(8);
    /// let mut lengths = manager.subscribe().deliveries().map(|d| d.map(str::len));
    /// manager.try_notify("four").unwrap();
    /// assert_eq!(lengths.next().now_or_never().flatten().unwrap().ack(), 4);
    /// ```
    pub fn map<T>(self, f: impl FnOnce(E) -> T) -> Delivery<T> {
        let (event, ack) = self.into_parts();
        Delivery::new(f(event), ack)
    }

    /// Splits the delivery into the event and its acknowledgement.
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(8);
    /// let mut jobs = manager.subscribe().deliveries();
    /// manager.try_notify(String::from("job")).unwrap();
    /// let (job, ack) = jobs.next().now_or_never().flatten().unwrap().into_parts();
    /// assert_eq!((job.as_str(), jobs.unacked()), ("job", 1));
    /// ack.ack();
    /// assert_eq!(jobs.unacked(), 0);
    /// ```
    pub fn into_parts(self) -> (E, Ack) {
        (self.event.into_inner(), self.ack)
    }

    /// Returns the event's sequence number, from 1.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.ack.seq()
    }

    /// Stores `event`, which follows from this delivery's event, at once and without waiting, as
    /// [`Subscription::follow_up`]. Returns the number of subscribers that the event was stored for.
    ///
    /// # Errors
    /// [`FollowUpError`] with the event: `OtherType`, if the manager publishes events of another type
    /// than `E`, as after [`map`](Self::map), where [`Deliveries::follow_ups`] is the way; `Closed`,
    /// if the manager is closed.
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(1);
    /// let mut jobs = manager.subscribe().deliveries();
    /// manager.try_notify(1).unwrap();
    /// let job = jobs.next().now_or_never().flatten().unwrap();
    /// assert_eq!(job.follow_up(*job + 1), Ok(1));
    /// assert_eq!(job.follow_up(*job + 2), Ok(1), "past the full window");
    /// job.ack();
    /// assert_eq!(jobs.len(), 2);
    /// ```
    pub fn follow_up(&self, event: E) -> Result<usize, FollowUpError<E>>
    where
        E: Send + Sync + 'static,
    {
        self.ack.follow_up(event)
    }
}

impl<E> Deref for Delivery<E> {
    type Target = E;

    fn deref(&self) -> &E {
        &self.event
    }
}

/// Compares the event: `delivery == event`, and `assert_next!(deliveries, event)`.
impl<E: PartialEq> PartialEq<E> for Delivery<E> {
    fn eq(&self, event: &E) -> bool {
        **self == *event
    }
}

impl<E> fmt::Debug for Delivery<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("seq", &self.seq())
            .finish_non_exhaustive()
    }
}
