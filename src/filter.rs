//! Subscriptions to what concerns them: judged by the publisher, before the queue.
//!
//! [`EventManager::subscribe_filter_map`](crate::EventManager::subscribe_filter_map) and
//! [`subscribe_filter`](crate::EventManager::subscribe_filter) take a closure that says of each event
//! whether it is wanted, and what of it. The publisher asks it, so an unwanted event costs the
//! subscriber nothing: it takes no room, wakes nobody, is not cloned, owes nothing, and is not in
//! the receipt's count.
//!
//! A [`Filtered`] subscription is otherwise like a [`Subscription`](crate::Subscription) that
//! happens to see fewer events: the same order, the same policies, [deliveries](FilteredDeliveries),
//! receipts. Wanted events wait in a queue of its own, as long as its window, so it never keeps an
//! event in memory for others; and it makes a publisher wait only for room for an event that it
//! wants, or for a [permit](crate::Permit), which could become one.
//!
//! # The closure
//! It runs within each publishing call, before the event is stored and outside of every lock.
//! Keep it short and pure: it may be asked again about an event that found no room, and about one
//! that is then not published at all. It may call back into the manager (of what it publishes
//! itself it is asked as well). If it panics, its subscription alone is disconnected, with
//! [`DisconnectCause::Panicked`](crate::DisconnectCause::Panicked); the publisher notices nothing.
//! A closure that holds an [`EventManager`](crate::EventManager) keeps it open for as long as its
//! subscription exists; a [`WeakEventManager`](crate::WeakEventManager) does not.
//!
//! # Cost
//! Publishing asks all closures, one after the other, and does more only for those that want the
//! event: much as a predicate before each send would. Closures of one type, which one line of
//! code makes however often it runs, are asked in one loop, which is the cheapest. For a reader that
//! wants most events, `filter` on a plain subscription is cheaper: events are stored once for all of
//! these.

use std::fmt;
use std::panic::{AssertUnwindSafe, Location};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::{FusedStream, Stream};

use crate::channel::Channel;
use crate::channel::filter::queue::{AnyQueue, FilterQueue, Popped, QueuedEvent};
use crate::channel::subscriber::SubscriberState;
use crate::channel::subscriber::unacked::{ChannelReports, UnackedSet};
use crate::channel::ticket::{AckLevel, Ticket};
use crate::delivery::Ack;
use crate::end_reason::EndReason;
use crate::options::SubscribeOptions;
use crate::subscriber_id::SubscriberId;
#[cfg(feature = "rt")]
use crate::subscription::EVENTS_PER_COOP_UNIT;
use crate::subscription::Received;
use crate::util::sync::{Arc, Ordering};

mod deliveries;
mod subscribe;
mod with_missed;

pub use deliveries::FilteredDeliveries;
pub use with_missed::FilteredWithMissed;

/// A stream of what its filter makes of the events: of
/// [`subscribe_filter_map`](crate::EventManager::subscribe_filter_map) and
/// [`subscribe_filter`](crate::EventManager::subscribe_filter).
///
/// As in a [`Subscription`](crate::Subscription), coming back for the next item acknowledges the
/// event behind the one before. So do [`ack`](Self::ack) and dropping the stream; dropped while its
/// thread panics, it counts as *not* finished. Items are moved out, not cloned: `T` need not be
/// `Clone`.
///
/// On tokio (feature `rt`) it takes part in the task's budget as a plain subscription does.
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
    /// The channel leaves nothing half done when somebody's code panics.
    channel: AssertUnwindSafe<Arc<dyn ChannelReports>>,
    queue: Arc<FilterQueue<T>>,
    /// Who waits until the event in hand is finished with.
    in_hand: Option<Arc<Ticket>>,
    /// The number of the last event taken, and whether it is in hand or out as a delivery.
    last: (u64, bool),
    ended: Option<EndReason>,
    /// What was taken and not paid for out of the task's budget.
    #[cfg(feature = "rt")]
    unpaid: u8,
}

impl<T: Send + 'static> Filtered<T> {
    /// Subscribes; on a closed channel, to nothing.
    pub(crate) fn new<E: Send + Sync + 'static>(
        channel: &Arc<Channel<E>>,
        options: SubscribeOptions,
        created_at: &'static Location<'static>,
        judge: impl Fn(&E) -> Option<T> + Send + Sync + 'static,
    ) -> Self {
        let (lane, is_open) = channel.subscribe_filtered(options, created_at, judge);
        trace!(joined(lane.place(), is_open));
        Self {
            channel: AssertUnwindSafe(Arc::clone(channel) as _),
            queue: lane,
            in_hand: None,
            last: (0, false),
            ended: (!is_open).then_some(EndReason::Closed),
            #[cfg(feature = "rt")]
            unpaid: 0,
        }
    }

    /// A stream of deliveries, each with an acknowledgement of its own, as
    /// [`Subscription::deliveries`](crate::Subscription::deliveries).
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
    /// assert!((&mut done).now_or_never().is_none(), "received, and not finished with");
    /// two.ack();
    /// assert!(done.now_or_never().is_some());
    /// ```
    pub fn deliveries(mut self) -> FilteredDeliveries<T> {
        self.ack();
        let place = self.queue.place();
        let channel = Arc::downgrade(&self.channel);
        place.set_unacked(UnackedSet::new(channel, place.max_unacked));
        FilteredDeliveries::new(self)
    }

    /// How many items wait to be read.
    #[must_use]
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    fn hint(&self) -> (usize, Option<usize>) {
        let (pending, is_last) = self.queue.backlog();
        (pending, is_last.then_some(pending))
    }
}

impl<T> Filtered<T> {
    /// Names this subscription: for [`disconnect`](crate::EventManager::disconnect) and in
    /// [`Receipt::dropped_by`](crate::Receipt::dropped_by).
    #[must_use]
    pub fn id(&self) -> SubscriberId {
        self.place().id
    }

    /// Finishes with the event in hand without asking for the next one, as
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
    /// assert!((&mut done).now_or_never().is_none(), "still in hand");
    /// errors.ack();
    /// assert!(done.now_or_never().unwrap().unwrap().all_acked());
    /// ```
    pub fn ack(&mut self) {
        self.answer();
        if std::mem::take(&mut self.last.1) {
            let word = self.place().cursor.finish();
            if word.must_report() {
                self.channel.report_queue(self.id(), false);
            }
        }
    }

    /// How many wanted events this subscription has lost to newer ones so far, with
    /// [`Overflow::DropOldest`](crate::Overflow::DropOldest).
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.place().missed()
    }

    /// Why the stream ended; `None` until it has yielded its `None`.
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::{EndReason, EventManager};
    ///
    /// let manager = EventManager::new(4);
    /// let mut broken = manager.subscribe_filter_map(|n: &u32| Some(100 / n));
    /// assert_eq!(manager.try_notify(0), Ok(0), "its filter panics");
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

    /// Yields losses as values, in their place among the items.
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
    pub fn with_missed(self) -> FilteredWithMissed<T> {
        FilteredWithMissed::new(self)
    }

    fn place(&self) -> &Arc<SubscriberState> {
        self.queue.place()
    }

    /// The duty that comes with the item just yielded, for a stream of deliveries.
    fn take_ack(&mut self) -> Ack {
        let (seq, _) = self.last;
        let ticket = self.in_hand.take();
        Ack::new(seq, Arc::clone(self.place()), ticket)
    }

    /// Answers for the event in hand, if somebody waits.
    fn answer(&mut self) {
        if let Some(ticket) = self.in_hand.take() {
            ticket.ack();
            self.place().awaited_seq.store(0, Ordering::Release);
        }
    }

    /// The next item. Tells of a gap before it, with `Missed`, if `tell_missed`.
    fn poll_received(
        &mut self,
        cx: &mut Context<'_>,
        tell_missed: bool,
    ) -> Poll<Option<Received<T>>> {
        self.answer();
        if self.ended.is_some() {
            return Poll::Ready(None);
        }
        #[cfg(feature = "rt")]
        ready!(self.poll_paid(cx));
        let (taken, word) = self.queue.pop(cx.waker(), tell_missed);
        let took = matches!(&taken, Popped::Event(item) if item.needs_ack);
        let had = std::mem::take(&mut self.last.1);
        if word.must_report() && (took || had) && !seeded_bug!("filter-late-room") {
            self.channel.report_queue(self.id(), took);
        }
        match taken {
            Popped::Event(item) => Poll::Ready(Some(Received::Event(self.receive(item)))),
            Popped::Missed(lost) => {
                #[cfg(feature = "rt")]
                {
                    // A reader that is told of losses alone leaves its neighbours turns, too.
                    self.unpaid += 1;
                }
                Poll::Ready(Some(Received::Missed(lost)))
            }
            Popped::Parked => Poll::Pending,
            Popped::Ended(reason) => {
                self.ended = Some(reason);
                self.channel.report_gone(self.id());
                trace!(ended(self.place(), reason));
                Poll::Ready(None)
            }
        }
    }

    /// The item is in hand: answers for that.
    fn receive(&mut self, item: QueuedEvent<T>) -> T {
        self.last = (item.seq, item.needs_ack);
        match item.ticket {
            Some(ticket) if ticket.until() == AckLevel::Received => ticket.ack(),
            ticket => self.in_hand = ticket,
        }
        #[cfg(feature = "rt")]
        {
            self.unpaid += 1;
        }
        item.value
    }

    /// As a plain subscription pays, for what was taken.
    #[cfg(feature = "rt")]
    fn poll_paid(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if u64::from(self.unpaid) >= EVENTS_PER_COOP_UNIT {
            ready!(tokio::task::coop::poll_proceed(cx)).made_progress();
            self.unpaid = 0;
        }
        Poll::Ready(())
    }
}

impl<T> Unpin for Filtered<T> {}

impl<T: Send + 'static> Stream for Filtered<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        match ready!(self.poll_received(cx, false)) {
            Some(Received::Event(value)) => Poll::Ready(Some(value)),
            Some(Received::Missed(_)) => unreachable!("it did not ask"),
            None => Poll::Ready(None),
        }
    }

    /// Exact below; above it only once nothing can follow.
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.hint()
    }
}

impl<T: Send + 'static> FusedStream for Filtered<T> {
    fn is_terminated(&self) -> bool {
        self.ended.is_some()
    }
}

impl<T> Drop for Filtered<T> {
    fn drop(&mut self) {
        if let Some(ticket) = self.in_hand.take() {
            if std::thread::panicking() {
                ticket.drop_by(self.id());
            } else {
                ticket.ack();
            }
        }
        self.place().cursor.finish();
        if self.ended.is_none() {
            let counted = self.channel.report_gone(self.id());
            if counted {
                trace!(dropped(self.place()));
            }
        }
        self.queue.clear();
    }
}

impl<T: Send + 'static> fmt::Debug for Filtered<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filtered")
            .field("id", &self.id())
            .field("pending", &self.len())
            .field("end_reason", &self.end_reason())
            .finish_non_exhaustive()
    }
}
