//! How a subscription behaves when its reader is slow.

use std::sync::Arc;
use std::time::Duration;

use crate::subscriber_id::{SubscriberId, SubscriberKind};

/// What happens to a subscriber whose unread events fill its window.
///
/// A policy acts only when an event is really stored: a [`try_notify`] that answers `Full`, or a
/// publisher that is cancelled while it waits, harms nobody.
///
/// # Examples
/// ```
/// use genevent::{EventManager, Overflow};
///
/// let manager = EventManager::new(2);
/// let lossy = manager.subscribe_with(Overflow::DropOldest);
/// for n in 1..=5 {
///     manager.try_notify(n).expect("a lossy subscriber never makes anybody wait");
/// }
/// assert_eq!(lossy.missed(), 3);
/// assert_eq!(lossy.len(), 2);
/// ```
///
/// [`try_notify`]: crate::EventManager::try_notify
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Overflow {
    /// Publishers wait for it. Nothing is lost. The default, and the policy of every handler.
    #[default]
    Wait,
    /// Publishers wait for it so long, then it is disconnected as by
    /// [`Disconnect`](Self::Disconnect): one stuck reader cannot hold everybody for longer.
    ///
    /// Time counts while at least one publisher waits for the subscriber. A publisher that is
    /// cancelled does not reset the time; time in which nobody waits does not count; the
    /// subscriber's reading an event resets the time. For a filtered subscriber, only the first
    /// publisher in the queue is known to wait: the filters judge an event when its publisher is
    /// first. The policy limits waiting for room, not waiting for answers. A subscriber that has
    /// read everything is not disconnected if [permits](crate::Permit) hold its room.
    ///
    /// The subscriber is disconnected when an event is stored that it has no room for, and not
    /// before. A permit that is given when the time is up disconnects nobody until its event is
    /// stored; a subscriber that has made room by then stays.
    ///
    /// The publishers that wait look at the clock. There is no task in the background. The clock
    /// is tokio's (`# Panics`: a publisher that has to wait for such a subscriber outside of a tokio
    /// runtime with time enabled). A publisher that has begun to wait in one runtime may be polled
    /// in another one.
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
    /// assert_eq!(manager.notify("second").await, Ok(0), "nobody is left to hear it");
    /// assert_eq!(start.elapsed().as_secs(), 5);
    /// # drop(stuck);
    /// # }
    /// ```
    #[cfg(feature = "rt")]
    WaitAtMost(Duration),
    /// It loses its oldest unread events; [`Subscription::missed`] counts them and
    /// [`Subscription::with_missed`] shows where. For readers that want what is new:
    /// displays, metrics.
    ///
    /// [`Subscription::missed`]: crate::Subscription::missed
    /// [`Subscription::with_missed`]: crate::Subscription::with_missed
    DropOldest,
    /// It is disconnected: it no longer counts, still yields what it had not read, and then
    /// ends with [`EndReason::Disconnected`]. For readers that must see all or start anew:
    /// replicas, caches.
    ///
    /// [`EndReason::Disconnected`]: crate::EndReason::Disconnected
    Disconnect,
}

impl Overflow {
    /// Whether publishers wait for such a subscriber.
    pub(crate) fn is_lossless(self) -> bool {
        match self {
            Self::Wait => true,
            #[cfg(feature = "rt")]
            Self::WaitAtMost(_) => true,
            Self::DropOldest | Self::Disconnect => false,
        }
    }

    /// For how long they do, if not for ever.
    pub(crate) fn max_wait(self) -> Option<Duration> {
        match self {
            #[cfg(feature = "rt")]
            Self::WaitAtMost(patience) => Some(patience),
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
    /// The manager's default if not set.
    pub(crate) overflow: Option<Overflow>,
    pub(crate) window: Option<usize>,
    pub(crate) max_unacked: Option<usize>,
    pub(crate) replay: usize,
    pub(crate) after: Vec<SubscriberId>,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) kind: SubscriberKind,
}

impl SubscribeOptions {
    /// The manager's default policy, the whole capacity as the window, no name.
    pub fn new() -> Self {
        Self::default()
    }

    /// What happens when the window is full. If not set, the manager's
    /// [`default_overflow`](crate::EventManagerBuilder::default_overflow), which is
    /// [`Overflow::Wait`] if not set either.
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = Some(overflow);
        self
    }

    /// How many events may be unread before the overflow policy acts: 1 up to the manager's
    /// capacity, which is also the default; more than the capacity means the capacity.
    ///
    /// # Panics
    /// If `events` is 0: such a subscriber could never be given anything.
    #[track_caller]
    pub fn window(mut self, events: usize) -> Self {
        assert!(events > 0, "a window holds at least one event");
        self.window = Some(events);
        self
    }

    /// How many [deliveries](crate::Deliveries) may be out at once: while so many are neither
    /// acknowledged nor dropped, the stream of deliveries is pending. If not set: the manager's
    /// capacity, and at least 1,024. Plain subscriptions have at most one event in hand anyway.
    ///
    /// Deliveries that owe nothing count as well: of [replayed](Self::replay) events, and of the
    /// backlog of a subscription that was disconnected.
    ///
    /// # Panics
    /// If `deliveries` is 0: the stream would never yield one.
    #[track_caller]
    pub fn max_unacked(mut self, deliveries: usize) -> Self {
        assert!(deliveries > 0, "at least one delivery may be out");
        self.max_unacked = Some(deliveries);
        self
    }

    /// Begins with the newest events that were published before, in their order: as many as the
    /// manager still [retains](crate::EventManagerBuilder::retain), and at most so many. 0 if not
    /// set. More than are retained means all of them.
    ///
    /// They join what is published from now on without a gap or a double, also while publishers
    /// are at work. Nobody waits for them: they are in no receipt, a [`flush`] does not ask for
    /// them, and a [`Delivery`](crate::Delivery) of one has no duty, although it counts against
    /// [`max_unacked`](Self::max_unacked). They take no room in the window, so no overflow policy touches them: one that
    /// loses its oldest events, or is disconnected, before it has read them still yields them
    /// first, and then tells. What is published meanwhile counts as ever.
    ///
    /// [`Subscription::pending`] and the stream's `size_hint` count them, as events to be read;
    /// [`SubscriberInfo::pending`] does not, as it tells what fills the window. They stay in memory
    /// until this subscription has read them. Subscribing takes time in proportion to the segments
    /// that hold them, of up to 256 events each; of one, at worst, where each was read alone.
    ///
    /// A [filtered](crate::filter) subscription begins with the next event, whatever is set here.
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::{EventManager, SubscribeOptions};
    ///
    /// let manager = EventManager::builder().capacity(1).retain(100).build();
    /// for line in ["one", "two", "three"] {
    ///     manager.try_notify(line).unwrap();
    /// }
    /// let tail = manager.subscribe_with(SubscribeOptions::new().replay(2));
    /// assert_eq!(tail.len(), 2);
    /// assert_eq!(manager.try_notify("four"), Ok(1), "its window is empty");
    ///
    /// drop(manager);
    /// let lines = tail.collect::<Vec<_>>().now_or_never().unwrap();
    /// assert_eq!(lines, ["two", "three", "four"]);
    /// ```
    ///
    /// [`flush`]: crate::EventManager::flush
    /// [`Subscription::pending`]: crate::Subscription::pending
    /// [`SubscriberInfo::pending`]: crate::inspect::SubscriberInfo::pending
    pub fn replay(mut self, events: usize) -> Self {
        self.replay = events;
        self
    }

    /// Sees an event only once `other` has settled it and all before: the next stage of a graph,
    /// as [`subscribe_after`], which says what that means. Called again, it waits for each of
    /// them.
    ///
    /// One that has left by then is not waited for. [Filtered](crate::filter) subscriptions and
    /// handlers can be waited for, too, by their [ids](crate::inspect::SubscriberInfo::id).
    ///
    /// # Panics
    /// [`subscribe_with`] panics if `other` is of another manager; and
    /// [`subscribe_filter_map_with`] and [`subscribe_filter_with`] do, whatever it is: they do not wait for
    /// others.
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

    /// A name for people to read, in [`EventManager::subscribers`]. It need not be unique.
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
