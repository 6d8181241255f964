//! Events that carry their own acknowledgement.

use std::fmt;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::{FusedStream, Stream};

use crate::channel::subscriber::SubscriberState;
use crate::channel::ticket::Ticket;
use crate::end_reason::EndReason;
use crate::subscriber_id::SubscriberId;
use crate::subscription::Subscription;
use crate::util::panic_guard::Shielded;
use crate::util::sync::Arc;

/// A stream of [deliveries](Delivery): each event is finished with when its delivery says so,
/// not when the stream is polled again.
///
/// From [`Subscription::deliveries`]. It keeps [`sync_notify`] exact through adapters that read
/// ahead (`buffer_unordered`, `chunks`, a spawned task for each event): the receipt waits for
/// [`Delivery::ack`], wherever and in whatever order that is called.
///
/// An event leaves its window when it is yielded. So that reading ahead stays bounded, the stream
/// is pending while [`max_unacked`] deliveries are out, also once the subscription is disconnected
/// and its deliveries owe nothing. That goes for its end, too: a pipeline that
/// holds on to all of `max_unacked` deliveries and waits for one more, or for the end (`collect`,
/// `chunks`), waits for itself.
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
/// [`sync_notify`]: crate::EventManager::sync_notify
/// [`max_unacked`]: crate::SubscribeOptions::max_unacked
#[must_use = "a subscription that is not read makes publishers wait once its window is full"]
pub struct Deliveries<E> {
    subscription: Subscription<E>,
}

impl<E> Deliveries<E> {
    /// `subscription` must hold deliveries.
    pub(crate) fn new(subscription: Subscription<E>) -> Self {
        Self { subscription }
    }

    /// Names this subscription, as [`Subscription::id`].
    #[must_use]
    pub fn id(&self) -> SubscriberId {
        self.subscription.id()
    }

    /// How many deliveries are out: received, and neither acknowledged nor dropped.
    #[must_use]
    pub fn unacked(&self) -> usize {
        let place = self.subscription.place();
        // A delivery whose `Clone` panicked is noted as out, and nobody has it.
        place.unacked(place.cursor.load()) - usize::from(self.subscription.has_unyielded())
    }

    /// How many events have been lost to newer ones, as [`Subscription::missed`].
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.subscription.missed()
    }

    /// How many events wait to be read, as [`Subscription::pending`].
    #[must_use]
    pub fn len(&self) -> usize {
        self.subscription.len()
    }

    /// Why the stream ended, as [`Subscription::end_reason`].
    #[must_use]
    pub fn end_reason(&self) -> Option<EndReason> {
        self.subscription.end_reason()
    }
}

impl<E: Clone> Stream for Deliveries<E> {
    type Item = Delivery<E>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Delivery<E>>> {
        let is_out = self.subscription.has_unyielded();
        if !is_out && !self.subscription.place().may_deliver(cx.waker()) {
            return Poll::Pending;
        }
        let event = ready!(Pin::new(&mut self.subscription).poll_next(cx));
        Poll::Ready(event.map(|event| Delivery::new(event, self.subscription.take_ack())))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.subscription.size_hint()
    }
}

impl<E: Clone> FusedStream for Deliveries<E> {
    fn is_terminated(&self) -> bool {
        self.subscription.is_terminated()
    }
}

impl<E> Drop for Deliveries<E> {
    fn drop(&mut self) {
        // The deliveries that are out would keep its waker, and wake it in vain.
        if let Some(held) = self.subscription.place().unacked_set() {
            held.stop_waiting();
        }
    }
}

impl<E> fmt::Debug for Deliveries<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deliveries")
            .field("subscription", &self.subscription)
            .field("unacked", &self.unacked())
            .finish()
    }
}

/// One event, and the duty to say when it is finished with.
///
/// It dereferences to the event. [`ack`](Self::ack) says "finished"; dropping it says "not
/// finished", and the receipt names the subscriber as one that dropped the event. Both may happen
/// in any order among deliveries, from any task or thread, and after the stream is gone.
///
/// If the event's own `Drop` panics when a delivery is dropped, the panic hook tells of that, and
/// the panic goes no further.
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
/// assert_eq!((*one, two.seq()), ("first", 2));
///
/// two.ack(); // out of order
/// assert!(second.now_or_never().unwrap().unwrap().all_acked());
/// drop(one); // gives it up
/// assert_eq!(first.now_or_never().unwrap().unwrap().dropped(), 1);
/// ```
#[must_use = "dropping a delivery says that its event was not finished with: call `ack`"]
pub struct Delivery<E> {
    event: Shielded<E>,
    ack: Ack,
}

impl<E> Delivery<E> {
    pub(crate) fn new(event: E, ack: Ack) -> Self {
        let event = Shielded::new(event);
        Self { event, ack }
    }

    /// Finished with the event; gives it out.
    pub fn ack(self) -> E {
        self.ack.ack();
        self.event.into_inner()
    }

    /// Changes the event, and keeps the acknowledgement with it.
    ///
    /// If `f` panics, the event counts as dropped.
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

    /// The event and its acknowledgement, apart.
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

    /// The event's number in the manager's sequence, from 1.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.ack.seq
    }
}

impl<E> Deref for Delivery<E> {
    type Target = E;

    fn deref(&self) -> &E {
        &self.event
    }
}

impl<E> fmt::Debug for Delivery<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("seq", &self.seq())
            .finish_non_exhaustive()
    }
}

/// The duty to say when an event is finished with, without the event:
/// [`Delivery::into_parts`].
#[must_use = "dropping an ack says that its event was not finished with: call `ack`"]
pub struct Ack {
    seq: u64,
    place: Arc<SubscriberState>,
    /// Who waits for the answer, until it is given. `None` from the start if nobody does, or if
    /// the delivery owes nothing.
    ticket: Option<Arc<Ticket>>,
}

impl Ack {
    /// `place` has noted the delivery as out.
    pub(crate) fn new(seq: u64, place: Arc<SubscriberState>, ticket: Option<Arc<Ticket>>) -> Self {
        Self { seq, place, ticket }
    }

    /// Finished with the event.
    pub fn ack(mut self) {
        if let Some(ticket) = self.ticket.take() {
            ticket.ack();
        }
        // The rest is what dropping does.
    }

    /// The event's number in the manager's sequence, from 1.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.seq
    }
}

impl Drop for Ack {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            ticket.drop_by(self.place.id);
        }
        self.place.settle_delivery(self.seq);
    }
}

impl fmt::Debug for Ack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ack")
            .field("seq", &self.seq)
            .finish_non_exhaustive()
    }
}
