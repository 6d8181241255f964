//! The event manager: publish, subscribe, close.

use std::fmt;
use std::panic::Location;

use crate::channel::Channel;
use crate::error::TryNotifyError;
use crate::future::{
    AckNotify, Closed, Flush, Notify, Reserve, Stop, SyncNotify, WaitForSubscribers,
};
use crate::inspect::{SubscriberId, SubscriberInfo};
use crate::options::SubscribeOptions;
use crate::sink::{EventSink, SyncSink};
use crate::stats::Stats;
use crate::subscription::Subscription;
use crate::sync::Arc;

mod builder;
mod weak;

pub use builder::EventManagerBuilder;
pub use weak::WeakEventManager;

/// Hands every event to every subscriber: one bounded sequence, read by each at its own pace.
///
/// Cheap to clone; all clones are the same manager. When the last one is dropped, the manager
/// is [closed](Self::close): subscribers read what is stored, then their streams end. A
/// [`WeakEventManager`] does not keep it open.
///
/// # The ladder
/// Four ways to publish; each waits for more than the one before:
///
/// | call | returns when |
/// |---|---|
/// | [`try_notify`](Self::try_notify) | at once, stored or not |
/// | [`notify`](Self::notify) | the event is stored: every waiting subscriber had room |
/// | [`ack_notify`](Self::ack_notify) | every subscriber has received it |
/// | [`sync_notify`](Self::sync_notify) | every subscriber has finished with it |
///
/// # Order
/// Events are numbered from 1 in one sequence. Every subscriber sees them in that order, each
/// at most once, and without gaps unless its own [`Overflow`](crate::Overflow) policy says so.
/// Publishers that wait for room stand in one line, first come, first served, whichever call
/// they made. A future in that line that is neither polled nor dropped holds up all behind it.
///
/// # Examples
/// ```
/// use futures::{StreamExt, executor::block_on, join};
/// use genevent::EventManager;
///
/// let manager = EventManager::new(64);
/// let mut orders = manager.subscribe();
///
/// let (receipt, read) = block_on(async {
///     join!(manager.sync_notify("order 1"), async {
///         let order = orders.next().await;
///         orders.ack(); // done with it
///         order
///     })
/// });
/// assert_eq!(read, Some("order 1"));
/// assert_eq!(receipt.unwrap().acked(), 1);
/// ```
#[doc(alias = "GenEvent")]
#[doc(alias = "gen_event")]
pub struct EventManager<E> {
    channel: Arc<Channel<E>>,
}

impl<E: Send + Sync + 'static> EventManager<E> {
    /// A manager whose subscribers may have up to `capacity` events unread.
    ///
    /// Memory is taken as events come, not ahead; the capacity is only a bound.
    ///
    /// # Panics
    /// If `capacity` is 0: nothing could ever be stored.
    ///
    /// # Examples
    /// ```
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::<String>::new(256);
    /// assert_eq!(manager.capacity(), 256);
    /// ```
    #[doc(alias = "GenEvent.start_link")]
    #[track_caller]
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self::builder().capacity(capacity).build()
    }

    /// A manager to be set up further: a name, a capacity.
    ///
    /// # Examples
    /// ```
    /// use genevent::EventManager;
    ///
    /// let manager: EventManager<u8> = EventManager::builder().name("audit").capacity(8).build();
    /// assert_eq!(manager.name(), Some("audit"));
    /// ```
    pub fn builder() -> EventManagerBuilder<E> {
        EventManagerBuilder::new()
    }

    // ---- Publishing -------------------------------------------------------------------------

    /// Stores `event` if that needs no waiting.
    ///
    /// Gives the number of subscribers that it was stored for. With none, that is 0: the event
    /// takes its number in the sequence and is gone, unless the manager
    /// [retains](EventManagerBuilder::retain) it.
    ///
    /// Takes O(1) while no subscriber has been left unlooked at for a whole window of events, and
    /// O(log subscribers) for each that has; waking costs one call for each that sleeps.
    ///
    /// # Errors
    /// [`Full`](TryNotifyError::Full) if a lossless subscriber has no room for it, or if
    /// publishers that came earlier still wait; [`Closed`](TryNotifyError::Closed) once the
    /// manager is closed. Both give the event back.
    ///
    /// # Examples
    /// ```
    /// use genevent::{EventManager, error::TryNotifyError};
    ///
    /// let manager = EventManager::new(1);
    /// assert_eq!(manager.try_notify('a'), Ok(0), "nobody listens");
    ///
    /// let reader = manager.subscribe();
    /// assert_eq!(manager.try_notify('b'), Ok(1));
    /// assert_eq!(manager.try_notify('c'), Err(TryNotifyError::Full('c')));
    /// # drop(reader);
    /// ```
    #[inline]
    pub fn try_notify(&self, event: E) -> Result<usize, TryNotifyError<E>> {
        self.channel.try_store(event).map(|stored| {
            trace!(published(self.channel.name(), stored));
            stored.audience
        })
    }

    /// Stores `event` once every waiting subscriber has room for it.
    ///
    /// Gives the number of subscribers that it was stored for; 0, at once, if there are none.
    /// As `notify` in Elixir's `GenEvent`, except that it waits where that would queue without
    /// bound.
    ///
    /// # Errors
    /// [`NotifyError`](crate::error::NotifyError) with the event: `Closed`, if the manager was
    /// closed before it was stored; `WouldDeadlock`, if a handler of this manager waits for room
    /// that it would have to make itself.
    ///
    /// # Cancel safety
    /// Dropped before the event is stored: delivered to nobody, and the place in line passes to
    /// the next publisher. It is stored in the poll that returns `Ready`, so nothing is lost
    /// after it either.
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(1);
    /// let mut reader = manager.subscribe();
    /// assert_eq!(manager.notify('a').now_or_never(), Some(Ok(1)));
    ///
    /// let mut second = manager.notify('b');
    /// assert_eq!((&mut second).now_or_never(), None, "no room yet");
    /// assert_eq!(reader.next().now_or_never(), Some(Some('a')));
    /// assert_eq!(second.now_or_never(), Some(Ok(1)));
    /// ```
    #[doc(alias = "GenEvent.notify")]
    #[inline]
    pub fn notify(&self, event: E) -> Notify<'_, E> {
        Notify::new(&self.channel, event)
    }

    /// Stores `event` and waits until every subscriber has *received* it: its stream has
    /// yielded it.
    ///
    /// Who is waited for is fixed when the event is stored; whoever subscribes later does not
    /// count. With no subscribers the receipt is at hand at once, and
    /// [`is_unheard`](crate::Receipt::is_unheard). Elixir's `ack_notify` answers when the
    /// manager takes the event up; this one knows more.
    ///
    /// # Errors
    /// [`NotifyError`](crate::error::NotifyError) with the event: `Closed`, if the manager was
    /// closed before it was stored; `WouldDeadlock`, if a handler of this manager would wait for
    /// its own answer.
    ///
    /// # Cancel safety
    /// Dropped before the event is stored: delivered to nobody. Later: delivered to all, only
    /// the receipt is lost. Never to some.
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(8);
    /// let mut reader = manager.subscribe();
    /// let mut received = manager.ack_notify("hello");
    /// assert!((&mut received).now_or_never().is_none());
    ///
    /// let hello = reader.next().now_or_never();
    /// let receipt = received.now_or_never().unwrap().unwrap();
    /// assert_eq!((hello, receipt.acked()), (Some(Some("hello")), 1));
    /// ```
    #[doc(alias = "GenEvent.ack_notify")]
    pub fn ack_notify(&self, event: E) -> AckNotify<'_, E> {
        AckNotify::new(&self.channel, event)
    }

    /// Stores `event` and waits until every subscriber has *finished* with it.
    ///
    /// A subscriber has finished when it comes back for the next event, calls
    /// [`Subscription::ack`], or drops its stream. One that ends otherwise (leaves with the
    /// event unread, panics over it, is disconnected) is not waited for, and
    /// [`Receipt::dropped_by`](crate::Receipt::dropped_by) names it. Who is waited for is fixed
    /// when the event is stored; with no subscribers the receipt is at hand at once. As
    /// `sync_notify` in Elixir's `GenEvent`.
    ///
    /// A subscriber that holds an event and does not come back makes this wait. Do not await
    /// it from the task that reads: it would wait for itself.
    ///
    /// # Errors
    /// [`NotifyError`](crate::error::NotifyError) with the event: `Closed`, if the manager was
    /// closed before it was stored; `WouldDeadlock`, if a handler of this manager would wait for
    /// its own answer.
    ///
    /// # Cancel safety
    /// Dropped before the event is stored: delivered to nobody. Later: delivered to all, only
    /// the receipt is lost. Never to some.
    ///
    /// # Examples
    /// ```
    /// use futures::{StreamExt, executor::block_on, join};
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(8);
    /// let mut worker = manager.subscribe();
    /// let mut done = Vec::new();
    ///
    /// let receipt = block_on(async {
    ///     let work = async {
    ///         let job = worker.next().await.unwrap();
    ///         done.push(job);
    ///         drop(worker); // finished with it, and with everything
    ///     };
    ///     join!(manager.sync_notify("job"), work).0.unwrap()
    /// });
    /// assert!(receipt.all_acked());
    /// assert_eq!(done, ["job"]);
    /// ```
    ///
    /// [`Subscription::ack`]: crate::Subscription::ack
    #[doc(alias = "GenEvent.sync_notify")]
    pub fn sync_notify(&self, event: E) -> SyncNotify<'_, E> {
        SyncNotify::new(&self.channel, event)
    }

    /// Waits until there is room for one event, and holds it.
    ///
    /// For an event that is only made once it can be sent, or must be sent where nothing can be
    /// awaited. The [`Permit`](crate::Permit) stores it without waiting and cannot fail. Stands in the same line
    /// as [`notify`](Self::notify). At most `capacity` permits are out at once.
    ///
    /// # Errors
    /// [`ReserveError`](crate::error::ReserveError): `Closed`, if the manager is closed;
    /// `WouldDeadlock`, as in [`notify`](Self::notify).
    ///
    /// # Cancel safety
    /// Dropping it holds no room, and passes the place in line on.
    ///
    /// # Examples
    /// ```
    /// use futures::executor::block_on;
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(4);
    /// let reader = manager.subscribe();
    /// let permit = block_on(manager.reserve()).unwrap();
    /// let event = "made only now";
    /// assert_eq!(permit.notify(event), 1);
    /// assert_eq!(reader.pending(), 1);
    /// ```
    pub fn reserve(&self) -> Reserve<'_, E> {
        Reserve::new(&self.channel)
    }

    /// A sink whose items are published, for the end of a pipeline.
    ///
    /// # Examples
    /// ```
    /// use futures::{SinkExt, executor::block_on};
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(8);
    /// let reader = manager.subscribe();
    /// block_on(manager.sink().send("sent")).unwrap();
    /// assert_eq!(reader.pending(), 1);
    /// ```
    pub fn sink(&self) -> EventSink<E> {
        EventSink::new(self.clone())
    }

    /// A sink that is flushed when every subscriber has finished with what was sent.
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, SinkExt};
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(8);
    /// let reader = manager.subscribe();
    /// let mut sink = manager.sync_sink();
    /// let mut sent = sink.send("sent");
    /// assert!((&mut sent).now_or_never().is_none());
    /// drop(reader);
    /// assert!(sent.now_or_never().is_some());
    /// ```
    pub fn sync_sink(&self) -> SyncSink<E> {
        SyncSink::new(self.clone())
    }

    /// Waits until every event stored before the first poll is settled: finished with, or
    /// dropped by whoever did not. Closes nothing.
    ///
    /// # Errors
    /// [`WouldDeadlock`](crate::error::WouldDeadlock) if a handler of this manager asks, which
    /// has an event in hand itself.
    ///
    /// # Cancel safety
    /// Dropping it changes nothing.
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(8);
    /// let mut reader = manager.subscribe();
    /// manager.try_notify(1).unwrap();
    ///
    /// let mut settled = manager.flush();
    /// assert!((&mut settled).now_or_never().is_none());
    /// reader.next().now_or_never();
    /// reader.ack();
    /// assert!(settled.now_or_never().is_some());
    /// ```
    pub fn flush(&self) -> Flush<'_, E> {
        Flush::new(&self.channel)
    }

    // ---- Subscribing ------------------------------------------------------------------------

    /// A stream of every event published from now on, lossless: publishers wait for it.
    ///
    /// It takes effect at the call, not at the first poll, so nothing in between is missed
    /// (Elixir's `GenEvent.stream` subscribes when it is enumerated). On a closed manager: a
    /// stream that has ended. To begin with events that came before:
    /// [`replay`](SubscribeOptions::replay).
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(8);
    /// manager.try_notify("before").unwrap();
    /// let mut reader = manager.subscribe();
    /// manager.try_notify("after").unwrap();
    /// assert_eq!(reader.next().now_or_never(), Some(Some("after")));
    ///
    /// manager.close();
    /// let mut late = manager.subscribe();
    /// assert_eq!(late.next().now_or_never(), Some(None));
    /// ```
    #[doc(alias = "GenEvent.stream")]
    #[track_caller]
    pub fn subscribe(&self) -> Subscription<E> {
        self.subscribe_with(SubscribeOptions::new())
    }

    /// A stream with a policy, a window or a name of its own.
    ///
    /// Takes [`SubscribeOptions`], or an [`Overflow`](crate::Overflow) alone.
    ///
    /// # Panics
    /// If it is to come [after](SubscribeOptions::after) a subscription of another manager.
    ///
    /// # Examples
    /// ```
    /// use genevent::{EventManager, Overflow, SubscribeOptions};
    ///
    /// let manager = EventManager::new(1_000);
    /// let log = manager.subscribe_with(SubscribeOptions::new().name("log").window(2));
    /// let metrics = manager.subscribe_with(Overflow::DropOldest);
    /// manager.try_notify(1).unwrap();
    /// manager.try_notify(2).unwrap();
    /// assert!(manager.try_notify(3).is_err(), "the log's window is full");
    /// # drop((log, metrics));
    /// ```
    #[track_caller]
    pub fn subscribe_with(&self, options: impl Into<SubscribeOptions>) -> Subscription<E> {
        let options = options.into();
        assert!(
            self.channel.owns(&options.after),
            "a subscription comes after others of its own manager"
        );
        Subscription::new(Arc::clone(&self.channel), options, Location::caller())
    }

    /// A stream that is the next stage after `other`: it sees an event only once `other` has settled
    /// it and all before.
    ///
    /// As the stages of a Disruptor's graph, but they may come and go at any time. It is a
    /// subscriber like any other: publishers wait for its room, which what it may not see yet takes
    /// up as well, and `sync_notify` waits for both. Settled is what `other` has finished with,
    /// given up, or lost to newer events; of an `other` that yields deliveries, each must be
    /// answered for. Once `other` has left, nothing is waited for but deliveries that are out; one
    /// that is disconnected is waited for while it has an event in hand.
    ///
    /// What it may not see yet counts against it as every unread event: with
    /// [`Overflow::WaitAtMost`](crate::Overflow) or `Disconnect`, a stage is disconnected for the
    /// slowness of `other`; with `DropOldest`, it loses events for that. To disconnect the stage
    /// releases publishers; to disconnect an `other` that is stuck with an event in hand does not.
    ///
    /// A stage that has read everything is woken by a new event as every subscriber is, and once
    /// more when it may see it. What is [replayed](SubscribeOptions::replay), and what it still
    /// yields after it was disconnected, does not wait. There can be no cycle: who is waited for
    /// came first. With options of its own, or after several: [`SubscribeOptions::after`].
    ///
    /// Do not read both in one task so that one waits for the other (`zip`): page
    /// [`deadlocks`](crate::deadlocks).
    ///
    /// # Panics
    /// If `other` is a subscription of another manager.
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(8);
    /// let mut journal = manager.subscribe();
    /// let mut business = manager.subscribe_after(&journal);
    ///
    /// manager.try_notify("order").unwrap();
    /// assert_eq!(business.next().now_or_never(), None);
    /// assert_eq!(journal.next().now_or_never(), Some(Some("order")));
    /// assert_eq!(business.next().now_or_never(), None, "the journal has it in hand");
    /// journal.ack();
    /// assert_eq!(business.next().now_or_never(), Some(Some("order")));
    /// ```
    #[track_caller]
    pub fn subscribe_after(&self, other: &Subscription<E>) -> Subscription<E> {
        self.subscribe_with(SubscribeOptions::new().after(other.id()))
    }

    /// Ends a subscription from outside: the way out of a reader that is stuck.
    ///
    /// It no longer counts, at once: what it had not read is `dropped` in the receipts, and
    /// publishers that waited for it go on. Its stream still yields what it had not read, then
    /// ends. What it has in hand it still owes. Gives false if there is no such subscription
    /// any more.
    ///
    /// # Examples
    /// ```
    /// use futures::FutureExt;
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(1);
    /// let stuck = manager.subscribe();
    /// let mut saved = manager.sync_notify("save");
    /// assert!((&mut saved).now_or_never().is_none());
    ///
    /// assert!(manager.disconnect(stuck.id()));
    /// let receipt = saved.now_or_never().unwrap().unwrap();
    /// assert_eq!(receipt.dropped_by(), [stuck.id()]);
    /// ```
    pub fn disconnect(&self, subscriber: SubscriberId) -> bool {
        self.channel.disconnect(subscriber)
    }

    /// How many subscribers the next event would be stored for.
    ///
    /// # Examples
    /// ```
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::<()>::default();
    /// let one = manager.subscribe();
    /// assert_eq!(manager.subscriber_count(), 1);
    /// drop(one);
    /// assert_eq!(manager.subscriber_count(), 0);
    /// ```
    #[must_use]
    pub fn subscriber_count(&self) -> usize {
        self.channel.subscriber_count()
    }

    /// Those subscribers, oldest first: who they are and how far each has read.
    ///
    /// # Examples
    /// ```
    /// use genevent::{EventManager, SubscribeOptions};
    ///
    /// let manager = EventManager::new(8);
    /// let slow = manager.subscribe_with(SubscribeOptions::new().name("slow"));
    /// manager.try_notify(1).unwrap();
    /// let behind: Vec<_> = manager.subscribers().into_iter().filter(|s| s.pending() > 0).collect();
    /// assert_eq!(behind[0].id(), slow.id());
    /// ```
    #[doc(alias = "GenEvent.which_handlers")]
    #[must_use]
    pub fn subscribers(&self) -> Vec<SubscriberInfo> {
        self.channel.subscribers()
    }

    /// How the manager stands, all at one moment: who reads, who waits for whom.
    ///
    /// For people and dashboards that ask why nothing moves. It takes the manager's lock for as
    /// long as it takes to copy the counts of every subscriber.
    ///
    /// # Examples
    /// ```
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(8);
    /// let reader = manager.subscribe();
    /// manager.try_notify('a').unwrap();
    /// let stats = manager.stats();
    /// assert_eq!((stats.published(), stats.subscribers()[0].pending()), (1, 1));
    /// assert_eq!((stats.waiting(), stats.permits()), (0, 0));
    /// # drop(reader);
    /// ```
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.channel.stats()
    }

    /// Waits until there are at least `subscribers`, and gives how many there are.
    ///
    /// For a producer that should not talk to an empty room. Gives fewer only if the manager is
    /// closed.
    ///
    /// # Cancel safety
    /// Dropping it changes nothing.
    ///
    /// # Examples
    /// ```
    /// use futures::FutureExt;
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::<()>::default();
    /// let mut ready = manager.wait_for_subscribers(1);
    /// assert_eq!((&mut ready).now_or_never(), None);
    /// let reader = manager.subscribe();
    /// assert_eq!(ready.now_or_never(), Some(1));
    /// # drop(reader);
    /// ```
    pub fn wait_for_subscribers(&self, subscribers: usize) -> WaitForSubscribers<'_, E> {
        WaitForSubscribers::new(&self.channel, subscribers)
    }

    // ---- Ending -----------------------------------------------------------------------------

    /// Lets nothing more in. Never waits, and may be called again.
    ///
    /// Later publishers get `Closed` with their event, and so do those that wait for room.
    /// Subscribers read what is stored, then their streams end.
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(2);
    /// let mut reader = manager.subscribe();
    /// manager.try_notify(1).unwrap();
    /// manager.close();
    /// assert!(manager.try_notify(2).is_err());
    /// assert_eq!(reader.next().now_or_never(), Some(Some(1)));
    /// assert_eq!(reader.next().now_or_never(), Some(None));
    /// ```
    pub fn close(&self) {
        self.channel.close();
    }

    /// [Closes](Self::close) the manager, and waits until every stored event is settled and
    /// every handler has ended.
    ///
    /// As `GenEvent.stop`, except that nothing but the events themselves is waited for: a
    /// subscriber that is stuck keeps this from resolving, not from closing, and can be
    /// [disconnected](Self::disconnect).
    ///
    /// # Errors
    /// [`WouldDeadlock`](crate::error::WouldDeadlock) if a handler of this manager asks; the
    /// manager is not closed then.
    ///
    /// # Cancel safety
    /// The manager is closed from the first poll on, also if this is dropped then.
    ///
    /// # Examples
    /// ```
    /// use futures::{StreamExt, executor::block_on, join};
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(8);
    /// let reader = manager.subscribe();
    /// manager.try_notify("last words").unwrap();
    ///
    /// let (read, stopped) = block_on(async {
    ///     join!(reader.collect::<Vec<_>>(), manager.stop())
    /// });
    /// assert_eq!((read, stopped), (vec!["last words"], Ok(())));
    /// assert!(manager.is_closed());
    /// ```
    #[doc(alias = "GenEvent.stop")]
    pub fn stop(&self) -> Stop<'_, E> {
        Stop::new(&self.channel)
    }

    /// Waits until the manager is closed.
    ///
    /// # Cancel safety
    /// Dropping it changes nothing.
    ///
    /// # Examples
    /// ```
    /// use futures::FutureExt;
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::<()>::default();
    /// let other = manager.clone();
    /// let mut closed = manager.closed();
    /// assert!((&mut closed).now_or_never().is_none());
    /// other.close();
    /// assert!(closed.now_or_never().is_some());
    /// ```
    pub fn closed(&self) -> Closed<'_, E> {
        Closed::new(&self.channel)
    }

    /// Whether nothing more is let in.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.channel.is_closed()
    }

    /// A handle that does not keep the manager open.
    ///
    /// # Examples
    /// ```
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::<u8>::default();
    /// let weak = manager.downgrade();
    /// assert!(weak.upgrade().is_some());
    /// drop(manager);
    /// assert!(weak.upgrade().is_none());
    /// ```
    #[must_use]
    pub fn downgrade(&self) -> WeakEventManager<E> {
        WeakEventManager::new(Arc::clone(&self.channel))
    }

    /// How many events a subscriber may have unread, at most.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.channel.capacity()
    }

    /// The name it was [built](Self::builder) with, for people to read.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.channel.name()
    }
}

impl<E: Send + Sync + 'static> Default for EventManager<E> {
    /// A manager with a capacity of 1,024 events.
    fn default() -> Self {
        Self::builder().build()
    }
}

impl<E> EventManager<E> {
    pub(crate) fn channel(&self) -> &Arc<Channel<E>> {
        &self.channel
    }
}

impl<E> Clone for EventManager<E> {
    fn clone(&self) -> Self {
        let retained = self.channel.retain();
        debug_assert!(retained, "a manager that exists is not the last");
        Self {
            channel: Arc::clone(&self.channel),
        }
    }
}

impl<E> Drop for EventManager<E> {
    fn drop(&mut self) {
        self.channel.release();
    }
}

impl<E> fmt::Debug for EventManager<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventManager")
            .field("name", &self.channel.name())
            .field("capacity", &self.channel.capacity())
            .field("subscribers", &self.channel.subscriber_count())
            .field("closed", &self.channel.is_closed())
            .finish_non_exhaustive()
    }
}
