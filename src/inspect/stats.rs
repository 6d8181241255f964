//! Statistics of a manager, to find out why publishers or `flush` make no progress.

use std::fmt;

use crate::inspect::{Named, SubscriberInfo};
use crate::subscriber_id::SubscriberKind;
use crate::util::sync::Arc;

/// A snapshot of a manager, taken by [`EventManager::stats`]: a plain value.
///
/// The parts of a snapshot agree with each other: while the snapshot is taken, no event is
/// published, no subscriber joins or leaves, and no publisher is queued. Streams may read on
/// meanwhile; each such read shows only in the counts of its own subscriber.
///
/// `Display` writes a few lines of text without event values; [`to_dot`](Self::to_dot) draws the
/// snapshot. With feature `serde`, the snapshot is `Serialize`, field by field as the methods below.
///
/// # Examples
/// Finding the subscriber that blocks publishers:
///
/// ```
/// use futures::FutureExt;
/// use genevent::{EventManager, SubscribeOptions};
///
/// let manager = EventManager::builder().name("orders").capacity(2).build();
/// let kitchen = manager.subscribe_with(SubscribeOptions::new().name("kitchen"));
/// manager.try_notify("tea").unwrap();
/// manager.try_notify("soup").unwrap();
/// let mut cake = manager.notify("cake");
/// assert!((&mut cake).now_or_never().is_none());
///
/// let stats = manager.stats();
/// assert_eq!((stats.published(), stats.waiting_publishers()), (2, 1));
/// let blocking: Vec<_> = stats.blocking().map(|info| info.id()).collect();
/// assert_eq!(blocking, [kitchen.id()]);
///
/// let text = stats.to_string();
/// let mut lines = text.lines();
/// assert_eq!(lines.next(), Some("\"orders\": 2 published, capacity 2, open"));
/// assert_eq!(lines.next(), Some("1 publisher waits for #1 \"kitchen\""));
/// ```
///
/// Warning of each subscriber that blocks publishers for five seconds:
///
/// ```
/// use std::time::Duration;
/// use genevent::{EventManager, SubscribeOptions};
/// use tokio::time::{sleep, timeout};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let manager = EventManager::new(1);
/// let kitchen = manager.subscribe_with(SubscribeOptions::new().name("kitchen"));
///
/// let weak = manager.downgrade();
/// let monitor = tokio::spawn(async move {
///     let mut warnings = Vec::new();
///     while let Some(manager) = weak.upgrade() {
///         for info in manager.stats().blocking() {
///             if info.blocking_for() >= Some(Duration::from_secs(5)) {
///                 warnings.push(info.to_string());
///             }
///         }
///         drop(manager);
///         sleep(Duration::from_secs(2)).await;
///     }
///     warnings
/// });
///
/// manager.notify("tea").await.unwrap();
/// let cake = timeout(Duration::from_secs(7), manager.notify("cake"));
/// assert!(cake.await.is_err(), "nobody reads");
/// drop(manager);
/// let warnings = monitor.await.unwrap();
/// assert!(warnings.len() == 1 && warnings[0].contains("kitchen"));
/// # drop(kitchen);
/// # }
/// ```
///
/// [`EventManager::stats`]: crate::EventManager::stats
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Stats {
    pub(crate) name: Option<Arc<str>>,
    pub(crate) capacity: usize,
    pub(crate) published: u64,
    pub(crate) closed: bool,
    pub(crate) permits: usize,
    pub(crate) waiting_publishers: usize,
    pub(crate) front_notified: bool,
    pub(crate) subscribers: Vec<SubscriberInfo>,
    pub(crate) leaving: Vec<SubscriberInfo>,
}

impl Stats {
    /// Returns the manager's name, if the manager has a name.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Returns the capacity: the most events a subscriber may have unread.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Returns how many events have been published, which is the sequence number of the newest
    /// event.
    #[must_use]
    pub fn published(&self) -> u64 {
        self.published
    }

    /// Returns whether the manager is closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Returns how many [permits](crate::Permit) are out, including the permits of ready sinks.
    /// Each permit takes the room of one event.
    #[must_use]
    pub fn permits(&self) -> usize {
        self.permits
    }

    /// Returns how many publishers are queued, including publishers with a granted place.
    #[must_use]
    pub fn waiting_publishers(&self) -> usize {
        self.waiting_publishers
    }

    /// Returns whether the publisher that has waited longest was granted a place, or woken to check
    /// for room, and has not been polled since.
    ///
    /// If that lasts for more than a moment, the publisher's future is kept without being polled.
    #[must_use]
    pub fn is_front_notified(&self) -> bool {
        self.front_notified
    }

    /// Returns the attached subscribers, oldest first, as [`subscribers`] does.
    ///
    /// [`subscribers`]: crate::EventManager::subscribers
    #[must_use]
    pub fn subscribers(&self) -> &[SubscriberInfo] {
        &self.subscribers
    }

    /// Returns the subscribers that block publishers, oldest first.
    ///
    /// If publishers wait and there is no such subscriber, permits hold the room, or [the front
    /// publisher is notified].
    ///
    /// [the front publisher is notified]: Self::is_front_notified
    pub fn blocking(&self) -> impl Iterator<Item = &SubscriberInfo> {
        let subscribers = self.subscribers.iter();
        subscribers.filter(|info| info.blocking_for().is_some())
    }

    /// Returns the detached subscribers that `flush` and `stop` still wait for, oldest first:
    /// subscribers with an event in flight, and handlers that have not ended.
    #[must_use]
    pub fn leaving(&self) -> &[SubscriberInfo] {
        &self.leaving
    }

    /// Writes what publishers wait for.
    fn fmt_waiting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (publishers, wait) = match self.waiting_publishers {
            0 => return Ok(()),
            1 => ("publisher", "waits"),
            _ => ("publishers", "wait"),
        };
        write!(f, "\n{} {publishers} {wait}", self.waiting_publishers)?;
        let mut separator = " for ";
        for info in self.blocking() {
            write!(f, "{separator}{}", Named(info))?;
            separator = ", ";
        }
        if self.front_notified {
            f.write_str("; the front has been notified, and not polled since")
        } else if separator == " for " {
            f.write_str(" for permits")
        } else {
            Ok(())
        }
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = self.name() {
            write!(f, "{name:?}: ")?;
        }
        let open = if self.closed { "closed" } else { "open" };
        let (published, capacity) = (self.published, self.capacity);
        write!(f, "{published} published, capacity {capacity}, {open}")?;
        self.fmt_waiting(f)?;
        match self.permits {
            0 => {}
            1 => f.write_str("\n1 permit is out")?,
            permits => write!(f, "\n{permits} permits are out")?,
        }
        match self.subscribers.len() {
            0 => f.write_str("\nno subscribers")?,
            1 => f.write_str("\n1 subscriber:")?,
            subscribers => write!(f, "\n{subscribers} subscribers:")?,
        }
        for info in &self.subscribers {
            write!(f, "\n  {} {info}", kind(info))?;
        }
        if !self.leaving.is_empty() {
            f.write_str("\nno longer subscribed, and not finished:")?;
        }
        for info in &self.leaving {
            write!(f, "\n  {} {info}", kind(info))?;
        }
        Ok(())
    }
}

fn kind(info: &SubscriberInfo) -> &'static str {
    match info.kind() {
        SubscriberKind::Stream => "stream ",
        SubscriberKind::Filtered => "filter ",
        SubscriberKind::Handler => "handler",
        SubscriberKind::Group => "group  ",
    }
}
