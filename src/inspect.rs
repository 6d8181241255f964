//! Seeing who subscribes, and how far each of them is.

use std::fmt;
use std::panic::Location;
use std::time::Duration;

use crate::options::Overflow;
use crate::subscriber_id::{SubscriberId, SubscriberKind};
use crate::util::sync::Arc;

mod dot;
mod stats;

pub use stats::Stats;

/// One subscription as [`EventManager::subscribers`] saw it.
///
/// Its `Display` is a line for people:
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
pub struct SubscriberInfo {
    pub(crate) id: SubscriberId,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) kind: SubscriberKind,
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
    /// The subscription's id.
    #[must_use]
    pub fn id(&self) -> SubscriberId {
        self.id
    }

    /// Its name, if it was given one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// What reads it.
    #[must_use]
    pub fn kind(&self) -> SubscriberKind {
        self.kind
    }

    /// The line that called `subscribe`, or added the handler.
    #[must_use]
    pub fn created_at(&self) -> &'static Location<'static> {
        self.created_at
    }

    /// How many events may be unread before its overflow policy acts.
    #[must_use]
    pub fn window(&self) -> usize {
        self.window
    }

    /// Its overflow policy.
    #[must_use]
    pub fn overflow(&self) -> Overflow {
        self.overflow
    }

    /// Those that it comes [after](crate::SubscribeOptions::after), left or not.
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

    /// Events it had not read, of those that fill its window: not what is
    /// [replayed](crate::SubscribeOptions::replay).
    #[must_use]
    pub fn unread(&self) -> usize {
        self.unread
    }

    /// Events it had received and not finished with.
    #[must_use]
    pub fn unacked(&self) -> usize {
        self.unacked
    }

    /// Events it has lost to newer ones so far ([`Overflow::DropOldest`]).
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.missed
    }

    /// For how long publishers have been waiting for it to read on; `None` if none waits, or
    /// none because of this subscriber.
    ///
    /// The time counts from when the first publisher began to wait for the subscriber, not from when
    /// its window was full, and on tokio the clock is tokio's. Time in which nobody waits does not
    /// count. A publisher that is cancelled does not reset the time; the subscriber's reading an
    /// event does. While [permits](crate::Permit) hold the room of a
    /// subscriber that has read everything, it is not to blame.
    ///
    /// # Examples
    /// ```
    /// use futures::FutureExt;
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(1);
    /// let slow = manager.subscribe();
    /// manager.try_notify("fills it").unwrap();
    /// assert_eq!(manager.subscribers()[0].blocking_for(), None, "full, but nobody waits");
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
        write!(f, "{}", self.id())?;
        if let Some(name) = self.name() {
            write!(f, " {name:?}")?;
        }
        write!(
            f,
            " from {}: {} of {} unread, {} in flight",
            self.created_at(),
            self.unread(),
            self.window(),
            self.unacked(),
        )?;
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
