//! The error of `reserve` with a time limit. Needs feature `rt`.

use std::error::Error;
use std::fmt;

use super::CLOSED;
use crate::inspect::SubscriberInfo;
use crate::util::list::list;

/// The reason why [`reserve`] with a time limit returned no permit: [`Reserve::within`].
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use futures::executor::block_on;
/// use genevent::{EventManager, SubscribeOptions, error::ReserveDeadlineError};
///
/// let manager = EventManager::new(1);
/// let stuck = manager.subscribe_with(SubscribeOptions::new().name("stuck"));
/// manager.try_notify("fills the window").unwrap();
///
/// let late = block_on(manager.reserve().within(Duration::from_millis(1))).unwrap_err();
/// assert!(matches!(late, ReserveDeadlineError::NotReserved(_)));
/// assert_eq!(late.waiting_for()[0].id(), stuck.id());
/// assert!(late.to_string().starts_with("not reserved in time: no room at #1 \"stuck\" from "));
/// ```
///
/// [`reserve`]: crate::EventManager::reserve
/// [`Reserve::within`]: crate::future::Reserve::within
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ReserveDeadlineError {
    /// The manager has been closed.
    Closed,
    /// The publisher was still queued when the time was up. No room is reserved.
    NotReserved(NotReserved),
}

/// A permit for which no room was free in time.
#[derive(Debug, Clone)]
pub struct NotReserved {
    pub(crate) waiting_for: Vec<SubscriberInfo>,
}

impl NotReserved {
    /// Returns the subscribers without room.
    ///
    /// The slice is empty if no subscriber is to blame: the publisher was queued behind other
    /// publishers, or permits hold all the room.
    #[must_use]
    pub fn waiting_for(&self) -> &[SubscriberInfo] {
        &self.waiting_for
    }
}

impl ReserveDeadlineError {
    /// Returns the subscribers without room. The slice is empty for [`Closed`](Self::Closed).
    #[must_use]
    pub fn waiting_for(&self) -> &[SubscriberInfo] {
        match self {
            Self::Closed => &[],
            Self::NotReserved(not_reserved) => not_reserved.waiting_for(),
        }
    }
}

impl fmt::Display for NotReserved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.waiting_for.is_empty() {
            return f.write_str(
                "not reserved in time: other publishers are in front, or permits hold the room",
            );
        }
        f.write_str("not reserved in time: no room at ")?;
        list(&self.waiting_for, f)
    }
}

impl fmt::Display for ReserveDeadlineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str(CLOSED),
            Self::NotReserved(not_reserved) => fmt::Display::fmt(not_reserved, f),
        }
    }
}

impl Error for NotReserved {}

impl Error for ReserveDeadlineError {}
