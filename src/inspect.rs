//! Inspection: information about a subscriber, and statistics of a manager.

use std::fmt;
use std::panic::Location;
use std::time::Duration;

use crate::options::Overflow;
use crate::subscriber_id::{Identity, SubscriberId, SubscriberKind, write_name};
use crate::util::sync::Arc;

mod dot;
mod stats;

pub use stats::Stats;

/// The state of one subscription when [`EventManager::subscribers`] was called.
///
/// `Display` writes one line:
///
/// ```
/// use genevent::{EventManager, SubscribeOptions};
///
/// let manager = EventManager::new(4);
/// let mut audit = manager.subscribe_with(SubscribeOptions::new().name("audit"));
/// manager.try_notify("login").unwrap();
///
/// let info = manager.subscribers().remove(0);
/// assert_eq!(info.id(), audit.id());
/// assert_eq!((info.unread(), info.unacked(), info.missed()), (1, 0, 0));
/// let line = info.created_at().line();
/// assert!(info.to_string().starts_with("#1 \"audit\" from "));
/// assert!(info.to_string().ends_with(&format!(":{line}:25: 1 of 4 unread, 0 in flight")));
/// # drop(audit);
/// ```
///
/// [`EventManager::subscribers`]: crate::EventManager::subscribers
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct SubscriberInfo {
    pub(crate) id: SubscriberId,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) kind: SubscriberKind,
    #[cfg_attr(
        feature = "serde",
        serde(
            skip_serializing_if = "Option::is_none",
            serialize_with = "crate::subscriber_id::name_of_group"
        )
    )]
    pub(crate) group: Option<Arc<Identity>>,
    pub(crate) is_observer: bool,
    #[cfg_attr(
        feature = "serde",
        serde(serialize_with = "crate::subscriber_id::as_text")
    )]
    pub(crate) created_at: &'static Location<'static>,
    pub(crate) overflow: Overflow,
    pub(crate) window: usize,
    /// The subscribers of the earlier stages.
    pub(crate) after: Vec<SubscriberId>,
    pub(crate) unread: usize,
    pub(crate) unacked: usize,
    pub(crate) missed: u64,
    pub(crate) blocking_for: Option<Duration>,
}

impl SubscriberInfo {
    /// Returns the subscription's id.
    #[must_use]
    pub fn id(&self) -> SubscriberId {
        self.id
    }

    /// Returns the subscription's name, if it has a name.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Returns the kind of reader.
    #[must_use]
    pub fn kind(&self) -> SubscriberKind {
        self.kind
    }

    /// Returns the name of the group, if the subscriber is a handler of a group.
    ///
    /// A handler of a group has the window of its group. The event that the group handles is in flight
    /// ([`unacked`](Self::unacked)) for one handler; for the handlers behind that handler, the event is
    /// still unread. A full window is [held up](Self::blocking_for) by the handler with the event in
    /// flight; between events, by all handlers.
    ///
    /// # Examples
    #[cfg_attr(feature = "rt", doc = "```")]
    #[cfg_attr(not(feature = "rt"), doc = "```ignore")]
    /// use genevent::{EventManager, handler_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::<u8>::new(8);
    /// let metrics = manager.handler_group("metrics").unwrap();
    /// metrics.add_handler("hits", handler_fn(|_: &u8| ())).unwrap();
    /// let hits = &manager.subscribers()[0];
    /// assert_eq!((hits.name(), hits.group()), (Some("hits"), Some("metrics")));
    /// # }
    /// ```
    #[must_use]
    pub fn group(&self) -> Option<&str> {
        self.group.as_ref()?.name.as_deref()
    }

    /// Returns whether the subscription is an [observer](crate::SubscribeOptions::observer), for
    /// whose acknowledgements no call waits.
    ///
    /// # Examples
    /// ```
    /// use genevent::{EventManager, SubscribeOptions};
    ///
    /// let manager = EventManager::<u8>::new(4);
    /// let browser = manager.subscribe_with(SubscribeOptions::new().observer());
    /// let info = manager.subscribers().remove(0);
    /// assert!(info.is_observer());
    /// assert!(info.to_string().ends_with("0 of 4 unread, 0 in flight, observer"));
    /// # drop(browser);
    /// ```
    #[must_use]
    pub fn is_observer(&self) -> bool {
        self.is_observer
    }

    /// Returns the source line that called `subscribe` or added the handler.
    #[must_use]
    pub fn created_at(&self) -> &'static Location<'static> {
        self.created_at
    }

    /// Returns the window: how many events may be unread before the overflow policy acts.
    #[must_use]
    pub fn window(&self) -> usize {
        self.window
    }

    /// Returns the overflow policy.
    #[must_use]
    pub fn overflow(&self) -> Overflow {
        self.overflow
    }

    /// Returns the subscriptions this subscription comes [after](crate::SubscribeOptions::after),
    /// attached or not.
    ///
    /// # Examples
    /// ```
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::<u8>::new(8);
    /// let journal = manager.subscribe();
    /// let business = manager.subscribe_after(&journal);
    /// assert_eq!(manager.subscribers()[1].after(), [journal.id()]);
    /// # drop(business);
    /// ```
    #[must_use]
    pub fn after(&self) -> &[SubscriberId] {
        &self.after
    }

    /// Returns the number of unread events in the window.
    /// [Replayed](crate::SubscribeOptions::replay) events take no room in the window and are not
    /// included.
    #[must_use]
    pub fn unread(&self) -> usize {
        self.unread
    }

    /// Returns the number of events received and not finished.
    #[must_use]
    pub fn unacked(&self) -> usize {
        self.unacked
    }

    /// Returns how many events the subscriber has missed so far: overwritten ([`Overflow::DropOldest`]), or
    /// not retained any more for its [`replay_since`](crate::SubscribeOptions::replay_since).
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.missed
    }

    /// Returns for how long the subscriber has been blocking publishers. `None` if no publisher
    /// waits for this subscriber.
    ///
    /// The time starts when the first publisher begins to wait for the subscriber, not when the
    /// window becomes full. On tokio, the clock is tokio's. Time in which no publisher waits does
    /// not count. A cancelled publisher does not reset the time; a read of the subscriber does. A
    /// subscriber that has read everything does not block publishers, even while
    /// [permits](crate::Permit) hold its room.
    ///
    /// # Examples
    /// ```
    /// use futures::FutureExt;
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(1);
    /// let slow = manager.subscribe();
    /// manager.try_notify("fills it").unwrap();
    /// assert_eq!(manager.subscribers()[0].blocking_for(), None, "full, but no publisher waits");
    ///
    /// let mut waits = manager.notify("too much");
    /// assert!((&mut waits).now_or_never().is_none());
    /// assert!(manager.subscribers()[0].blocking_for().is_some());
    /// # drop(slow);
    /// ```
    #[must_use]
    pub fn blocking_for(&self) -> Option<Duration> {
        self.blocking_for
    }
}

impl fmt::Display for SubscriberInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} from {}: {} of {} unread, {} in flight",
            Named(self),
            self.created_at(),
            self.unread(),
            self.window(),
            self.unacked(),
        )?;
        if self.is_observer() {
            f.write_str(", observer")?;
        }
        for other in self.after() {
            write!(f, ", after {other}")?;
        }
        match self.missed() {
            0 => {}
            missed => write!(f, ", {missed} missed")?,
        }
        match self.blocking_for() {
            None => Ok(()),
            Some(time) => write!(f, ", blocking publishers for {time:.1?}"),
        }
    }
}

/// Writes the number and the name of a subscriber.
struct Named<'a>(&'a SubscriberInfo);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_name(f, self.0.id, self.0.name(), self.0.group())
    }
}
