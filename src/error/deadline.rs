//! The errors of a publish with a time limit. Needs feature `rt`.

use std::error::Error;
use std::fmt;

use super::{CLOSED, WOULD_DEADLOCK};
use crate::inspect::SubscriberInfo;
use crate::receipt::{PendingReceipt, Receipt};
use crate::util::list::list;
use crate::util::sync::Arc;

/// The reason why a publish with a time limit failed: [`Notify::within`], [`AckNotify::within`] and
/// [`SyncNotify::within`].
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
/// [`Notify::within`]: crate::future::Notify::within
/// [`SyncNotify::within`]: crate::future::SyncNotify::within
/// [`AckNotify::within`]: crate::future::AckNotify::within
#[derive(Clone)]
#[non_exhaustive]
pub enum DeadlineError<E> {
    /// The manager was closed before the event was stored.
    Closed(E),
    /// The caller is a handler of this manager and would have waited for itself.
    WouldDeadlock(E),
    /// The publisher was still queued when the time was up. No subscriber gets the event.
    NotStored(NotStored<E>),
    /// The event is stored and stays stored; some subscribers have not answered yet. Never returned
    /// by `notify`, which waits for no answer.
    Unanswered(Unanswered),
}

/// An event for which no room was free in time.
#[derive(Clone)]
pub struct NotStored<E> {
    pub(crate) event: E,
    pub(crate) waiting_for: Vec<SubscriberInfo>,
}

impl<E> NotStored<E> {
    /// Returns the subscribers without room.
    ///
    /// The slice is empty if no subscriber is to blame: the publisher was queued behind other
    /// publishers, or permits hold all the room.
    #[must_use]
    pub fn waiting_for(&self) -> &[SubscriberInfo] {
        &self.waiting_for
    }

    /// Returns the event.
    #[must_use]
    pub fn into_event(self) -> E {
        self.event
    }
}

/// A stored event whose time ran out before every subscriber answered.
///
/// [`settled`](Self::settled) goes on waiting for the answers.
#[derive(Clone)]
pub struct Unanswered {
    pub(crate) receipt: Receipt,
    pub(crate) waiting_for: Vec<SubscriberInfo>,
    /// The answers still to come.
    pub(crate) pending: Arc<dyn PendingReceipt>,
}

impl Unanswered {
    /// Returns the subscribers that have not answered yet, oldest first, when the time was up.
    #[must_use]
    pub fn waiting_for(&self) -> &[SubscriberInfo] {
        &self.waiting_for
    }

    /// Returns the receipt as of when the time was up. Subscribers that had not answered are not
    /// counted in this receipt.
    #[must_use]
    pub fn receipt(&self) -> &Receipt {
        &self.receipt
    }
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not answered in time by ")?;
        list(&self.waiting_for, f)
    }
}

impl fmt::Debug for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unanswered")
            .field("receipt", &self.receipt)
            .field("waiting_for", &self.waiting_for)
            .finish_non_exhaustive()
    }
}

impl Error for Unanswered {}

impl<E> DeadlineError<E> {
    /// Returns the subscribers that the publish waited for, either for room or for an answer.
    #[must_use]
    pub fn waiting_for(&self) -> &[SubscriberInfo] {
        match self {
            Self::Closed(_) | Self::WouldDeadlock(_) => &[],
            Self::NotStored(not_stored) => not_stored.waiting_for(),
            Self::Unanswered(unanswered) => unanswered.waiting_for(),
        }
    }

    /// Returns the event, or `None` if the event is stored.
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
        if self.waiting_for.is_empty() {
            return f.write_str(
                "not stored in time: other publishers are in front, or permits hold the room",
            );
        }
        f.write_str("not stored in time: no room at ")?;
        list(&self.waiting_for, f)
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
            .field("waiting_for", &self.waiting_for)
            .finish_non_exhaustive()
    }
}

impl<E> Error for DeadlineError<E> {}

impl<E> Error for NotStored<E> {}
