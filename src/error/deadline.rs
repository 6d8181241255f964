//! Giving up on a publisher that waited only so long: feature `rt`.

use std::error::Error;
use std::fmt;

use super::{CLOSED, WOULD_DEADLOCK};
use crate::inspect::SubscriberInfo;
use crate::receipt::Receipt;

/// Why a publisher that waited only so long gave up: [`SyncNotify::within`] and
/// [`AckNotify::within`].
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use genevent::{EventManager, SubscribeOptions, error::DeadlineError};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let manager = EventManager::new(1);
/// let stuck = manager.subscribe_with(SubscribeOptions::new().name("stuck"));
/// let second = Duration::from_secs(1);
///
/// let late = manager.sync_notify("first").within(second).await.unwrap_err();
/// assert!(matches!(late, DeadlineError::Unanswered(_)), "delivered, not answered");
/// assert_eq!(late.waiting_for()[0].id(), stuck.id());
/// assert!(late.to_string().starts_with("not answered in time by #1 \"stuck\" from "));
///
/// let late = manager.sync_notify("second").within(second).await.unwrap_err();
/// assert!(matches!(late, DeadlineError::NotStored(_)));
/// assert_eq!(late.into_event(), Some("second"));
/// # }
/// ```
///
/// [`SyncNotify::within`]: crate::future::SyncNotify::within
/// [`AckNotify::within`]: crate::future::AckNotify::within
#[derive(Clone)]
#[non_exhaustive]
pub enum DeadlineError<E> {
    /// The manager was closed before the event was stored.
    Closed(E),
    /// A handler of this manager asked, and could only have waited for itself.
    WouldDeadlock(E),
    /// It still stood in line. Delivered to nobody.
    NotStored(NotStored<E>),
    /// It is delivered, and stays so; these subscribers have yet to answer.
    Unanswered(Unanswered),
}

/// An event that found no room in time.
#[derive(Clone)]
pub struct NotStored<E> {
    pub(crate) event: E,
    pub(crate) pending: Vec<SubscriberInfo>,
}

impl<E> NotStored<E> {
    /// The subscribers that have no room. Empty if there are none: it stood behind other
    /// publishers, or permits hold all the room.
    #[must_use]
    pub fn waiting_for(&self) -> &[SubscriberInfo] {
        &self.pending
    }

    /// The event.
    #[must_use]
    pub fn into_event(self) -> E {
        self.event
    }
}

/// Not every subscriber has answered in time.
#[derive(Debug, Clone)]
pub struct Unanswered {
    pub(crate) receipt: Option<Receipt>,
    pub(crate) pending: Vec<SubscriberInfo>,
    pub(crate) would_deadlock: bool,
}

impl Unanswered {
    pub(crate) fn of(pending: Vec<SubscriberInfo>) -> Self {
        Self {
            receipt: None,
            pending,
            would_deadlock: false,
        }
    }

    /// Not for want of time: a handler asked, at once told that it is what it would wait for.
    #[must_use]
    pub fn would_deadlock(&self) -> bool {
        self.would_deadlock
    }

    /// The subscribers that have yet to answer, oldest first. They may since have done so. Empty
    /// only from `stop`, if nothing but permits is waited for.
    #[must_use]
    pub fn waiting_for(&self) -> &[SubscriberInfo] {
        &self.pending
    }

    /// What is known so far: those that have answered. `None` from `flush` and `stop`, which wait
    /// for more than one event.
    #[must_use]
    pub fn receipt(&self) -> Option<&Receipt> {
        self.receipt.as_ref()
    }
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.would_deadlock {
            return f.write_str(WOULD_DEADLOCK);
        }
        if self.pending.is_empty() {
            return f.write_str("not over in time: permits are out");
        }
        f.write_str("not answered in time by ")?;
        list(&self.pending, f)
    }
}

impl Error for Unanswered {}

impl<E> DeadlineError<E> {
    /// Whom it waited for: for room, or for an answer.
    #[must_use]
    pub fn waiting_for(&self) -> &[SubscriberInfo] {
        match self {
            Self::Closed(_) | Self::WouldDeadlock(_) => &[],
            Self::NotStored(not_stored) => not_stored.waiting_for(),
            Self::Unanswered(unanswered) => unanswered.waiting_for(),
        }
    }

    /// The event, unless it has been delivered.
    #[must_use]
    pub fn into_event(self) -> Option<E> {
        match self {
            Self::Closed(event) | Self::WouldDeadlock(event) => Some(event),
            Self::NotStored(not_stored) => Some(not_stored.into_event()),
            Self::Unanswered(_) => None,
        }
    }
}

impl<E> fmt::Display for DeadlineError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(_) => f.write_str(CLOSED),
            Self::WouldDeadlock(_) => f.write_str(WOULD_DEADLOCK),
            Self::NotStored(not_stored) => fmt::Display::fmt(not_stored, f),
            Self::Unanswered(unanswered) => fmt::Display::fmt(unanswered, f),
        }
    }
}

impl<E> fmt::Display for NotStored<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.pending.is_empty() {
            return f.write_str(
                "not stored in time: other publishers are in front, or permits hold the room",
            );
        }
        f.write_str("not stored in time: no room at ")?;
        list(&self.pending, f)
    }
}

impl<E> fmt::Debug for DeadlineError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(_) => f.write_str("Closed(..)"),
            Self::WouldDeadlock(_) => f.write_str("WouldDeadlock(..)"),
            Self::NotStored(not_stored) => fmt::Debug::fmt(not_stored, f),
            Self::Unanswered(unanswered) => fmt::Debug::fmt(unanswered, f),
        }
    }
}

impl<E> fmt::Debug for NotStored<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NotStored")
            .field("pending", &self.pending)
            .finish_non_exhaustive()
    }
}

impl<E> Error for DeadlineError<E> {}

/// The first few, and how many more.
fn list(pending: &[SubscriberInfo], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    const SHOWN: usize = 8;
    for (index, info) in pending.iter().take(SHOWN).enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        write!(f, "{comma}{info}")?;
    }
    match pending.len().saturating_sub(SHOWN) {
        0 => Ok(()),
        more => write!(f, " and {more} more"),
    }
}
