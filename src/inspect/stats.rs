//! How a manager stands, for people who ask why nothing moves.

use std::fmt;

use crate::inspect::SubscriberInfo;
use crate::subscriber_id::SubscriberKind;
use crate::util::sync::Arc;

/// How a manager stood when [`EventManager::stats`] looked: a plain value.
///
/// Nothing is published, nobody joins, leaves or stands in line while it is taken, so its parts
/// agree with one another. Streams that read on need not ask: what one takes meanwhile shows in its
/// own counts, once.
///
/// Its `Display` is for people, some lines without events in them; [`to_dot`](Self::to_dot) draws
/// it.
///
/// # Examples
/// Why does it stand still?
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
/// [`EventManager::stats`]: crate::EventManager::stats
#[derive(Debug, Clone)]
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
    /// The manager's name, if it was given one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// How many events a subscriber may have unread, at most.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// How many events have been published so far, which is the number of the newest one.
    #[must_use]
    pub fn published(&self) -> u64 {
        self.published
    }

    /// Whether the manager was closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// How many [permits](crate::Permit) are out, those of sinks that are ready among them. Each
    /// takes the room of an event.
    #[must_use]
    pub fn permits(&self) -> usize {
        self.permits
    }

    /// How many publishers stand in line: for room, or, after [`is_front_notified`], for their turn.
    ///
    /// [`is_front_notified`]: Self::is_front_notified
    #[must_use]
    pub fn waiting_publishers(&self) -> usize {
        self.waiting_publishers
    }

    /// Whether the publisher at the head of the line has been woken, and not been polled since.
    ///
    /// For more than a moment, that says that its future is kept and not polled: it holds up all
    /// behind it, whoever has room.
    #[must_use]
    pub fn is_front_notified(&self) -> bool {
        self.front_notified
    }

    /// The subscribers that count, oldest first, as [`subscribers`] gives them.
    ///
    /// [`subscribers`]: crate::EventManager::subscribers
    #[must_use]
    pub fn subscribers(&self) -> &[SubscriberInfo] {
        &self.subscribers
    }

    /// Those subscribers that publishers wait for, oldest first.
    ///
    /// Empty while publishers wait: permits hold the room, or [the head is called].
    ///
    /// [the head is called]: Self::is_front_notified
    pub fn blocking(&self) -> impl Iterator<Item = &SubscriberInfo> {
        let subscribers = self.subscribers.iter();
        subscribers.filter(|info| info.blocking_for().is_some())
    }

    /// Those that no longer count and are still waited for by `flush` and `stop`, oldest first:
    /// they have yet to finish with what they had in hand, or they are handlers that have yet to
    /// end.
    #[must_use]
    pub fn leaving(&self) -> &[SubscriberInfo] {
        &self.leaving
    }

    /// Why publishers wait.
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

/// Its number, and its name.
pub(super) struct Named<'a>(pub(super) &'a SubscriberInfo);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.id())?;
        match self.0.name() {
            Some(name) => write!(f, " {name:?}"),
            None => Ok(()),
        }
    }
}
