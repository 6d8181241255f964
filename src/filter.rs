//! Filtered subscriptions: publishers evaluate a predicate before an event is queued.
//!
//! [`EventManager::subscribe_filter_map`](crate::EventManager::subscribe_filter_map) and
//! [`subscribe_filter`](crate::EventManager::subscribe_filter) take a predicate: a closure that
//! selects the wanted events and makes a value from each. Publishers evaluate the predicate, and an
//! unwanted event costs the subscriber nothing: the event takes no room in the window, wakes no
//! task, is not cloned, owes no acknowledgement, and does not count in the receipt.
//!
//! In all other respects, a [`Filtered`] subscription works like a
//! [`Subscription`](crate::Subscription) with fewer events: the same order, overflow policies,
//! [deliveries](crate::Deliveries) and receipts. Wanted events wait in a queue of the
//! subscription's own, bounded by the window. A filtered subscription therefore keeps no event in
//! memory for other subscribers. (The subscribers of a key of [topics](crate::Topics#clones) share its
//! events.) With a full window, a filtered subscription blocks publishers of
//! wanted events, and publishers waiting for a [permit](crate::Permit), as any filter may match the
//! later event.
//!
//! # The predicate
//! A predicate runs within each publishing call, before the event is stored and outside of every
//! lock. Keep predicates short and pure: a predicate may be evaluated again for an event that
//! found no room, and for an event that is not published in the end. A predicate may call the
//! manager; events published by a predicate are evaluated as well. A predicate that panics
//! disconnects its own subscription, with
//! [`DisconnectCause::Panicked`](crate::DisconnectCause::Panicked); the publisher continues. The same
//! predicate is called for the retained events that a [replay](crate::SubscribeOptions::replay) asks
//! for, by the call that subscribes, and a panic has the same effect. A
//! predicate that owns an [`EventManager`](crate::EventManager) keeps the manager open as long as
//! the subscription exists; use a [`WeakEventManager`](crate::WeakEventManager) instead.
//!
//! # Cost
//! Publishing evaluates all predicates in turn, and does more work only for matches: about the cost of a
//! predicate before each send. Predicates of the same closure type, such as all predicates created by the
//! same line of code, are evaluated in a single loop, which is the cheapest case. For subscribers that each
//! want the events with one key, [topics](crate::Topics) cost less: the publisher looks the key up. For a
//! subscriber that wants most events, `filter` on a plain subscription is cheaper: the channel stores an
//! event once for all plain subscriptions.

use std::fmt;
use std::panic::{AssertUnwindSafe, Location};

use crate::channel::filter::Interest;
use crate::channel::filter::interest::evaluate_retained;
use crate::channel::filter::queue::replayed::ReplayedValues;
use crate::channel::filter::reading::Reading;
use crate::channel::subscriber::SubscriberState;
use crate::channel::subscriber::any_channel::AnyChannel;
use crate::channel::subscriber::unacked::UnackedSet;
use crate::channel::ticket::Ticket;
use crate::channel::{Channel, JoinedFiltered};
use crate::delivery::Deliveries;
use crate::end_reason::EndReason;
use crate::future::Disconnected;
use crate::options::{Replay, SubscribeOptions};
use crate::receipt::Cause;
use crate::subscriber_id::SubscriberId;
use crate::subscription::WithMissed;
use crate::util::sync::Arc;

#[cfg(feature = "rt")]
mod ahead;
mod follow_up;
mod keyed;
mod poll;
mod read;
mod subscribe;

pub(crate) use subscribe::check_options;

/// A stream of a predicate's values for the wanted events: from
/// [`subscribe_filter_map`](crate::EventManager::subscribe_filter_map) and
/// [`subscribe_filter`](crate::EventManager::subscribe_filter).
///
/// As with a [`Subscription`](crate::Subscription), polling for the next item acknowledges the
/// event of the previous item, and so does [`ack`](Self::ack). Dropping the stream does not: the
/// event in flight counts as dropped. The values of a predicate are moved, not cloned: `T` need not be
/// `Clone`. The events of [topics](crate::Topics#clones) are cloned.
///
/// On tokio (feature `rt`), the stream takes part in the task's coop budget like a plain
/// subscription.
///
/// # Cancel safety
/// Dropping the future of `next()` loses nothing: the item stays unread.
///
/// # Examples
/// ```
/// use futures::{StreamExt, executor::block_on};
/// use genevent::EventManager;
///
/// enum Event {
///     Paid { order: u32 },
///     Viewed,
/// }
///
/// let manager = EventManager::new(16);
/// let paid = manager.subscribe_filter_map(|event| match event {
///     Event::Paid { order } => Some(*order),
///     Event::Viewed => None,
/// });
/// assert_eq!(manager.try_notify(Event::Viewed).unwrap(), 0);
/// assert_eq!(manager.try_notify(Event::Paid { order: 7 }).unwrap(), 1);
/// drop(manager);
/// assert_eq!(block_on(paid.collect::<Vec<_>>()), [7]);
/// ```
#[must_use = "a subscription that is not read makes publishers wait once its window is full"]
pub struct Filtered<T> {
    /// Unwind safe: a panic of user code leaves no channel state half changed.
    channel: AssertUnwindSafe<Arc<dyn AnyChannel>>,
    /// Unwind safe, likewise.
    reading: AssertUnwindSafe<Reading<T>>,
    /// The ticket of a publisher that waits until the event in flight is finished.
    in_flight: Option<Arc<Ticket>>,
    /// The sequence number of the last event taken.
    last_seq: u64,
    /// The last event is in flight or a delivery, and was taken while the subscriber was attached.
    needs_ack: bool,
    ended: Option<EndReason>,
    /// The number of items taken and not yet paid for out of the task's coop budget.
    #[cfg(feature = "rt")]
    coop_unpaid: u8,
}

impl<T: Send + 'static> Filtered<T> {
    /// Subscribes, and evaluates the retained events to begin with. On a closed channel, the stream has
    /// ended.
    pub(crate) fn new<E: Send + Sync + 'static>(
        channel: &Arc<Channel<E>>,
        options: SubscribeOptions,
        created_at: &'static Location<'static>,
        interest: impl Interest<E, Value = T>,
    ) -> Self {
        let most = match options.replay {
            Replay::Newest(events) => events,
            Replay::Nothing | Replay::Since(_) => usize::MAX,
        };
        let JoinedFiltered {
            reading,
            joined,
            replayed,
            is_open,
        } = channel.subscribe_filtered(options, created_at, interest);
        if !is_open {
            reading.subscriber().set_end(EndReason::Closed);
        }
        trace!(joined(reading.subscriber(), is_open));
        // Before the evaluation: a panic drops the stream, which leaves the channel.
        let mut subscription = Self {
            channel: AssertUnwindSafe(Arc::clone(channel) as _),
            reading: AssertUnwindSafe(reading),
            in_flight: None,
            last_seq: 0,
            needs_ack: false,
            ended: (!is_open).then_some(EndReason::Closed),
            #[cfg(feature = "rt")]
            coop_unpaid: 0,
        };
        let mut values = ReplayedValues::new(replayed.missed);
        if let Some(retained) = replayed.backlog {
            let evaluated = evaluate_retained(*retained, most, &joined, &mut values);
            if evaluated.is_err() {
                channel.disconnect_panicked(subscription.id());
            }
        }
        subscription.reading.set_replayed(values);
        subscription
    }

    /// Converts the subscription to a stream of deliveries, each with an explicit acknowledgement,
    /// as [`Subscription::deliveries`](crate::Subscription::deliveries).
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(8);
    /// let mut even = manager.subscribe_filter(|n| n % 2 == 0).deliveries();
    /// let mut done = manager.sync_notify(2);
    /// assert!((&mut done).now_or_never().is_none());
    ///
    /// let two = even.next().now_or_never().flatten().unwrap();
    /// assert!((&mut done).now_or_never().is_none(), "received, not finished");
    /// two.ack();
    /// assert!(done.now_or_never().is_some());
    /// ```
    pub fn deliveries(mut self) -> Deliveries<T, Self> {
        self.ack();
        let subscriber = self.subscriber();
        let channel = Arc::downgrade(&self.channel);
        subscriber.set_unacked(UnackedSet::new(channel, subscriber.max_unacked));
        Deliveries::new(Arc::clone(subscriber), self)
    }
}

impl<T> Filtered<T> {
    /// Returns the id of this subscription, for [`disconnect`](crate::EventManager::disconnect) and
    /// [`Receipt::unfinished`](crate::Receipt::unfinished).
    #[must_use]
    pub fn id(&self) -> SubscriberId {
        self.subscriber().id
    }

    /// Returns the number of unread items, [replayed](SubscribeOptions::replay) events included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.reading.unread_and_is_last().0
    }

    /// Returns whether no item waits to be read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Acknowledges the event in flight without polling for the next item, as
    /// [`Subscription::ack`](crate::Subscription::ack).
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(4);
    /// let mut errors = manager.subscribe_filter(|line: &&str| line.starts_with("error"));
    /// let mut done = manager.sync_notify("error: no disk");
    /// assert!((&mut done).now_or_never().is_none());
    ///
    /// errors.next().now_or_never();
    /// assert!((&mut done).now_or_never().is_none(), "still in flight");
    /// errors.ack();
    /// assert!(done.now_or_never().unwrap().unwrap().all_acked());
    /// ```
    pub fn ack(&mut self) {
        self.ack_current();
        if std::mem::take(&mut self.needs_ack) {
            let cursor = self.subscriber().cursor.finish();
            if cursor.must_report() {
                self.channel.report_queue(self.id(), false);
            }
        }
    }

    /// Reports the event in flight as failed, with a `reason`, without polling for the next item, as
    /// [`Subscription::nack`](crate::Subscription::nack).
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(4);
    /// let mut even = manager.subscribe_filter(|n| n % 2 == 0);
    /// let mut done = manager.sync_notify(2);
    /// assert!((&mut done).now_or_never().is_none());
    ///
    /// even.next().now_or_never();
    /// even.nack("too small");
    /// let receipt = done.now_or_never().unwrap().unwrap();
    /// assert_eq!(receipt.unfinished()[0].cause().to_string(), "failed: too small");
    /// ```
    pub fn nack(&mut self, reason: impl Into<Arc<str>>) {
        self.give_up(Cause::Failed(reason.into()));
        self.ack();
    }

    /// Settles the event in flight as not finished, for its publisher. The caller must
    /// [`ack`](Self::ack) or poll, which then finishes the event for the channel.
    pub(crate) fn give_up(&mut self, cause: Cause) {
        let in_flight = self.in_flight.take();
        (self.subscriber()).give_up_in_flight(in_flight, cause);
    }

    /// Returns the number of wanted events overwritten so far, with
    /// [`Overflow::DropOldest`](crate::Overflow::DropOldest), and of all events that
    /// [`replay_since`](SubscribeOptions::replay_since) asked for and that were not retained any more.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.subscriber().missed()
    }

    /// Returns the reason why the stream ended, or `None` until the stream has yielded `None`.
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::{EndReason, EventManager};
    ///
    /// let manager = EventManager::new(4);
    /// let mut broken = manager.subscribe_filter_map(|n: &u32| Some(100 / n));
    /// assert_eq!(manager.try_notify(0), Ok(0), "the predicate panics");
    /// assert_eq!(broken.next().now_or_never(), Some(None));
    ///
    /// let reason = broken.end_reason().unwrap();
    /// assert!(matches!(reason, EndReason::Disconnected { .. }));
    /// assert_eq!(reason.to_string(), "disconnected: its filter panicked");
    /// ```
    #[must_use]
    pub fn end_reason(&self) -> Option<EndReason> {
        self.ended
    }

    /// Waits until the subscription is disconnected or has ended, also while nobody polls the stream,
    /// as [`Subscription::disconnected`](crate::Subscription::disconnected).
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    ///
    /// # Examples
    /// ```
    /// use futures::FutureExt;
    /// use genevent::{EventManager, Overflow, SubscribeOptions};
    ///
    /// let manager = EventManager::new(8);
    /// let slow = SubscribeOptions::from(Overflow::Disconnect).window(1);
    /// let even = manager.subscribe_filter_with(slow, |n| n % 2 == 0);
    /// let mut gone = even.disconnected();
    /// manager.try_notify(2).unwrap();
    /// assert!((&mut gone).now_or_never().is_none());
    /// manager.try_notify(4).unwrap();
    /// assert!(gone.now_or_never().is_some());
    /// ```
    pub fn disconnected(&self) -> Disconnected {
        let channel = Arc::clone(&self.channel);
        Disconnected::new(self.subscriber(), Some(channel))
    }

    /// Yields missed events as values, at their position among the items.
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::{EventManager, Overflow, Received};
    ///
    /// let manager = EventManager::new(2);
    /// let even = manager.subscribe_filter_map_with(Overflow::DropOldest, |n| (n % 2 == 0).then_some(*n));
    /// for n in 1..=8 {
    ///     manager.try_notify(n).unwrap();
    /// }
    /// drop(manager);
    /// let all = even.with_missed().collect::<Vec<_>>().now_or_never().unwrap();
    /// assert_eq!(
    ///     all,
    ///     [Received::Missed(2), Received::Event(6), Received::Event(8)]
    /// );
    /// ```
    pub fn with_missed(self) -> WithMissed<T, Self> {
        WithMissed::new(self)
    }

    pub(crate) fn subscriber(&self) -> &Arc<SubscriberState> {
        self.reading.subscriber()
    }

    /// Finishes an event that owes no acknowledgement, and acknowledges the event in flight if a
    /// publisher waits for the acknowledgement.
    #[inline]
    fn ack_current(&mut self) {
        if !self.needs_ack {
            self.subscriber().finish_unowed();
        }
        if let Some(ticket) = self.in_flight.take() {
            self.subscriber().ack_in_flight(Some(&ticket));
        }
    }
}

impl<T> Unpin for Filtered<T> {}

impl<T> Drop for Filtered<T> {
    fn drop(&mut self) {
        let in_flight = self.in_flight.take();
        (self.subscriber()).give_up_in_flight(in_flight, Cause::Left);
        // Before leaving: a concurrent flush must not wait for a finished event.
        self.subscriber().finish_unowed();
        self.subscriber().cursor.finish();
        if self.ended.is_none() {
            let counted = self.channel.report_gone(self.id());
            if counted {
                trace!(dropped(self.subscriber()));
            }
        }
        self.reading.clear();
    }
}

impl<T> fmt::Debug for Filtered<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filtered")
            .field("id", &self.id())
            .field("len", &self.len())
            .field("end_reason", &self.end_reason())
            .finish_non_exhaustive()
    }
}
