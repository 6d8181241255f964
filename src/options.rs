//! The options of a subscription: its overflow policy, window, replay and name.

use std::sync::Arc;
use std::time::Duration;

use crate::subscriber_id::{SubscriberId, SubscriberKind};

mod replay;

pub(crate) use replay::Replay;

/// The overflow policy of a subscriber: the action when its unread events fill its window.
///
/// A policy acts only when an event is really stored. A [`try_notify`] returning `Full`, or a
/// publisher cancelled while waiting, disconnects no subscriber and loses no event.
///
/// # Examples
/// ```
/// use genevent::{EventManager, Overflow};
///
/// let manager = EventManager::new(2);
/// let lossy = manager.subscribe_with(Overflow::DropOldest);
/// for n in 1..=5 {
///     manager.try_notify(n).expect("a lossy subscriber never blocks a publisher");
/// }
/// assert_eq!(lossy.missed(), 3);
/// assert_eq!(lossy.len(), 2);
/// ```
///
/// [`try_notify`]: crate::EventManager::try_notify
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
pub enum Overflow {
    /// Publishers wait for the subscriber. Nothing is lost. The default, and the policy of every
    /// handler whose options set no other.
    #[doc(alias = "SUSPEND")]
    #[default]
    Wait,
    /// Publishers wait for the subscriber up to this duration. Then the subscriber is disconnected,
    /// as by [`Disconnect`](Self::Disconnect), so a stuck reader cannot block publishers for longer.
    ///
    /// The time runs while a publisher waits for the subscriber, and stands still while no publisher
    /// waits. A cancelled publisher does not reset the time; a read of the subscriber does.
    /// For a filtered subscriber, only the publisher at the front of the wait queue is known to
    /// wait, because filters are evaluated when their publisher reaches the front. The policy
    /// limits waiting for room, not waiting for acknowledgements. A subscriber that has read
    /// everything is not disconnected if [permits](crate::Permit) hold its room.
    ///
    /// The subscriber is disconnected when an event is stored for which the subscriber has no room,
    /// and not before. A permit given after the time is up disconnects no subscriber until its
    /// event is stored; a subscriber with room by then stays.
    ///
    /// The waiting publishers check the clock, each woken by a timer; there is no background task.
    /// Publishers wait on any executor. A publisher that has waited in a runtime may be polled in another
    /// runtime, or outside of all runtimes: see [Time limits](crate#time-limits).
    ///
    /// ```
    /// use std::time::Duration;
    /// use genevent::{EventManager, Overflow};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let manager = EventManager::new(1);
    /// let stuck = manager.subscribe_with(Overflow::WaitAtMost(Duration::from_secs(5)));
    /// manager.notify("first").await.unwrap();
    ///
    /// let start = tokio::time::Instant::now();
    /// assert_eq!(manager.notify("second").await, Ok(0), "no subscriber is left");
    /// assert_eq!(start.elapsed().as_secs(), 5);
    /// # drop(stuck);
    /// # }
    /// ```
    #[cfg(feature = "rt")]
    WaitAtMost(Duration),
    /// The subscriber loses its oldest unread events. [`Subscription::missed`] counts the lost
    /// events, and [`Subscription::with_missed`] shows where they were lost. For readers that need
    /// only recent events: displays, metrics.
    ///
    /// [`Subscription::missed`]: crate::Subscription::missed
    /// [`Subscription::with_missed`]: crate::Subscription::with_missed
    #[doc(alias = "DROP_OLDEST")]
    #[doc(alias = "set_overflow")]
    DropOldest,
    /// The subscriber is disconnected: it is detached, still yields its unread events, and then
    /// ends with [`EndReason::Disconnected`]. For readers in need of all events, or of a new start:
    /// replicas, caches.
    ///
    /// Publishers give the subscriber no time to read: a burst longer than its window disconnects even a fast
    /// reader. Choose a [window](SubscribeOptions::window) longer than the longest burst of a publisher.
    ///
    /// [`EndReason::Disconnected`]: crate::EndReason::Disconnected
    Disconnect,
}

impl Overflow {
    /// Returns whether the policy makes publishers wait and loses nothing.
    pub(crate) fn is_lossless(self) -> bool {
        match self {
            Self::Wait => true,
            #[cfg(feature = "rt")]
            Self::WaitAtMost(_) => true,
            Self::DropOldest | Self::Disconnect => false,
        }
    }

    /// Returns how long publishers wait for the subscriber, or `None` for no limit.
    pub(crate) fn max_wait(self) -> Option<Duration> {
        match self {
            #[cfg(feature = "rt")]
            Self::WaitAtMost(limit) => Some(limit),
            _ => None,
        }
    }
}

/// Settings of a subscription, for [`EventManager::subscribe_with`].
///
/// # Examples
/// ```
/// use genevent::{EventManager, Overflow, SubscribeOptions};
///
/// let manager = EventManager::<u32>::new(64);
/// let screen = manager.subscribe_with(
///     SubscribeOptions::new()
///         .name("screen")
///         .overflow(Overflow::DropOldest)
///         .window(8),
/// );
/// let info = &manager.subscribers()[0];
/// assert_eq!((info.name(), info.window()), (Some("screen"), 8));
/// # drop(screen);
/// ```
///
/// [`EventManager::subscribe_with`]: crate::EventManager::subscribe_with
#[derive(Debug, Clone, Default)]
#[must_use = "options do nothing until they are given to `subscribe_with`"]
pub struct SubscribeOptions {
    /// `None`: the manager's default.
    pub(crate) overflow: Option<Overflow>,
    pub(crate) window: Option<usize>,
    pub(crate) max_unacked: Option<usize>,
    pub(crate) replay: Replay,
    pub(crate) after: Vec<SubscriberId>,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) observer: bool,
    pub(crate) kind: SubscriberKind,
}

impl SubscribeOptions {
    /// Creates options with the manager's default policy, the whole capacity as window, and no
    /// name.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the overflow policy. If not set, the manager's
    /// [`default_overflow`](crate::EventManagerBuilder::default_overflow), which is
    /// [`Overflow::Wait`] if not set either.
    #[doc(alias = "onBufferOverflow")]
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = Some(overflow);
        self
    }

    /// Sets the window: how many events may be unread before the overflow policy acts. From 1 up to
    /// the manager's capacity, which is also the default; a larger window is reduced to the
    /// capacity.
    ///
    /// # Panics
    /// If `events` is 0: the subscriber could never receive an event.
    #[track_caller]
    pub fn window(mut self, events: usize) -> Self {
        assert!(events > 0, "a window holds at least one event");
        self.window = Some(events);
        self
    }

    /// Sets how many [deliveries](crate::Deliveries) may be out at once: at this number of
    /// deliveries neither acknowledged nor dropped, the stream of deliveries is pending. If not
    /// set: the manager's capacity, and at least 1,024. A plain subscription never has more than
    /// one event in flight.
    ///
    /// The limit includes deliveries without an acknowledgement owed: of [replayed](Self::replay)
    /// events, and of the backlog of a disconnected subscription.
    ///
    /// # Panics
    /// If `deliveries` is 0: the stream would never yield a delivery.
    #[track_caller]
    pub fn max_unacked(mut self, deliveries: usize) -> Self {
        assert!(
            deliveries > 0,
            "a stream of deliveries needs room for at least one delivery"
        );
        self.max_unacked = Some(deliveries);
        self
    }

    /// Makes the subscription a later stage of `other`: the stream yields an event only once
    /// `other` has settled the event and all events before. [`subscribe_after`] has the details.
    /// Further calls add further subscriptions to wait for.
    ///
    /// No subscription waits for an `other` after it has left. [Filtered](crate::filter)
    /// subscriptions and handlers can be waited for too, by their [ids](crate::SubscriberInfo::id). The
    /// handlers of a `HandlerGroup` share a position: the id of any handler stands for the group
    /// with all of its handlers.
    ///
    /// # Panics
    /// [`subscribe_with`] panics if `other` belongs to another manager, or is an
    /// [observer](Self::observer): nothing waits for an observer, and so no stage does.
    /// [`subscribe_filter_map_with`] and [`subscribe_filter_with`] panic whenever `after` is set, and so
    /// do the methods that subscribe to [topics](crate::Topics) or add a handler with a filter: a
    /// filtered subscription cannot be a later stage.
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::{EventManager, SubscribeOptions};
    ///
    /// let manager = EventManager::new(8);
    /// let mut journal = manager.subscribe();
    /// let mut replica = manager.subscribe();
    /// let both = SubscribeOptions::new().after(journal.id()).after(replica.id());
    /// let mut business = manager.subscribe_with(both);
    ///
    /// manager.try_notify("order").unwrap();
    /// for stage in [&mut journal, &mut replica] {
    ///     assert_eq!(business.next().now_or_never(), None);
    ///     stage.next().now_or_never();
    ///     stage.ack();
    /// }
    /// assert_eq!(business.next().now_or_never(), Some(Some("order")));
    /// ```
    ///
    /// [`subscribe_after`]: crate::EventManager::subscribe_after
    /// [`subscribe_with`]: crate::EventManager::subscribe_with
    /// [`subscribe_filter_map_with`]: crate::EventManager::subscribe_filter_map_with
    /// [`subscribe_filter_with`]: crate::EventManager::subscribe_filter_with
    pub fn after(mut self, other: SubscriberId) -> Self {
        if !self.after.contains(&other) {
            self.after.push(other);
        }
        self
    }

    /// Makes the subscription an observer, which owes no acknowledgement: for readers that the work
    /// does not depend on, such as the screens that show it.
    ///
    /// An observer appears in no [`Receipt`], and [`ack_notify`], [`sync_notify`], [`flush`], [`quiet`] and
    /// [`stop`] never wait for an observer; a [`sync_notify`] that only observers hear resolves at once.
    /// The number that [`notify`], [`try_notify`] and a permit return is the number of subscribers that the
    /// event was stored for, observers included; [`subscriber_count`] and [`subscribers`] include them as
    /// well.
    ///
    /// The overflow policy acts as on every subscriber. Publishers wait for room in the window of a
    /// lossless observer ([`Wait`](Overflow::Wait), `WaitAtMost`). An observer that is lossy
    /// ([`DropOldest`](Overflow::DropOldest), [`Disconnect`](Overflow::Disconnect)) never delays a
    /// publisher.
    ///
    /// An observer reads like every other subscription. It may be filtered, or a stage [after](Self::after)
    /// subscriptions that are no observers. Its [deliveries](crate::Deliveries)
    /// may be acknowledged or dropped, without effect, and count towards
    /// [`max_unacked`](Self::max_unacked). Its [follow-ups](crate::Subscription::follow_up) are events
    /// like others, but [`quiet`] does not wait for events that an observer is about to publish.
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::{EventManager, Overflow, SubscribeOptions};
    ///
    /// let manager = EventManager::new(8);
    /// let mut billing = manager.subscribe();
    /// let browser = SubscribeOptions::new().observer().overflow(Overflow::Disconnect).window(2);
    /// let unread = manager.subscribe_with(browser);
    ///
    /// let mut answer = manager.sync_notify("order");
    /// assert!((&mut answer).now_or_never().is_none(), "billing has not finished");
    /// billing.next().now_or_never();
    /// billing.ack();
    /// let receipt = answer.now_or_never().unwrap().unwrap();
    /// assert_eq!((receipt.acked(), receipt.dropped()), (1, 0));
    ///
    /// assert_eq!(manager.try_notify("change"), Ok(2), "stored for the browser, too");
    /// drop(billing);
    /// assert!(manager.flush().now_or_never().is_some(), "two events are unread");
    /// assert_eq!(unread.len(), 2);
    /// ```
    ///
    /// [`Receipt`]: crate::Receipt
    /// [`ack_notify`]: crate::EventManager::ack_notify
    /// [`sync_notify`]: crate::EventManager::sync_notify
    /// [`flush`]: crate::EventManager::flush
    /// [`quiet`]: crate::EventManager::quiet
    /// [`stop`]: crate::EventManager::stop
    /// [`notify`]: crate::EventManager::notify
    /// [`try_notify`]: crate::EventManager::try_notify
    /// [`subscriber_count`]: crate::EventManager::subscriber_count
    /// [`subscribers`]: crate::EventManager::subscribers
    pub fn observer(mut self) -> Self {
        self.observer = true;
        self
    }

    /// Sets a name, shown by [`EventManager::subscribers`] and in errors. Names need not be unique.
    ///
    /// [`EventManager::subscribers`]: crate::EventManager::subscribers
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    #[cfg(feature = "rt")]
    pub(crate) fn kind(mut self, kind: SubscriberKind) -> Self {
        self.kind = kind;
        self
    }
}

impl From<Overflow> for SubscribeOptions {
    fn from(overflow: Overflow) -> Self {
        Self::new().overflow(overflow)
    }
}
