//! One small type for each way of failing. Each gives back what was handed in.

use std::error::Error;
use std::fmt;

#[cfg(feature = "rt")]
use crate::ack::Receipt;
#[cfg(feature = "rt")]
use crate::inspect::SubscriberInfo;

/// Why [`try_notify`](crate::EventManager::try_notify) did not store the event.
///
/// # Examples
/// ```
/// use genevent::{EventManager, error::TryNotifyError};
///
/// let manager = EventManager::new(1);
/// let reader = manager.subscribe();
/// manager.try_notify("first").unwrap();
///
/// let error = manager.try_notify("second").unwrap_err();
/// assert!(matches!(error, TryNotifyError::Full("second")));
/// assert_eq!(error.into_event(), "second");
/// # drop(reader);
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TryNotifyError<E> {
    /// A lossless subscriber has no room for it, or publishers that came earlier still wait.
    Full(E),
    /// The manager has been closed.
    Closed(E),
}

impl<E> TryNotifyError<E> {
    /// The event that was not stored.
    pub fn into_event(self) -> E {
        match self {
            Self::Full(event) | Self::Closed(event) => event,
        }
    }

    fn message(&self) -> &'static str {
        match self {
            Self::Full(_) => "no room for the event",
            Self::Closed(_) => CLOSED,
        }
    }
}

/// Why an event was not stored by [`notify`], [`ack_notify`] or [`sync_notify`].
///
/// # Examples
/// ```
/// use futures::executor::block_on;
/// use genevent::{EventManager, error::NotifyError};
///
/// let manager = EventManager::new(1);
/// manager.close();
///
/// let error = block_on(manager.notify("late")).unwrap_err();
/// assert!(matches!(error, NotifyError::Closed("late")));
/// assert_eq!(error.to_string(), "the event manager is closed");
/// ```
///
/// [`notify`]: crate::EventManager::notify
/// [`ack_notify`]: crate::EventManager::ack_notify
/// [`sync_notify`]: crate::EventManager::sync_notify
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotifyError<E> {
    /// The manager was closed before the event was stored.
    Closed(E),
}

impl<E> NotifyError<E> {
    /// The event that was not stored.
    pub fn into_event(self) -> E {
        match self {
            Self::Closed(event) => event,
        }
    }

    fn message(&self) -> &'static str {
        match self {
            Self::Closed(_) => CLOSED,
        }
    }
}

/// Why there was no room to reserve.
///
/// # Examples
/// ```
/// use futures::executor::block_on;
/// use genevent::{EventManager, error::ReserveError};
///
/// let manager = EventManager::<u8>::new(1);
/// manager.close();
/// assert_eq!(block_on(manager.reserve()).unwrap_err(), ReserveError::Closed);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReserveError {
    /// The manager has been closed.
    Closed,
}

impl fmt::Display for ReserveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str(CLOSED),
        }
    }
}

impl Error for ReserveError {}

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
/// assert_eq!(late.pending()[0].id(), stuck.id());
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
#[cfg(feature = "rt")]
#[derive(Clone)]
#[non_exhaustive]
pub enum DeadlineError<E> {
    /// The manager was closed before the event was stored.
    Closed(E),
    /// It still stood in line. Delivered to nobody.
    NotStored(NotStored<E>),
    /// It is delivered, and stays so; these subscribers have yet to answer.
    Unanswered(Unanswered),
}

/// An event that found no room in time.
#[cfg(feature = "rt")]
#[derive(Clone)]
pub struct NotStored<E> {
    pub(crate) event: E,
    pub(crate) pending: Vec<SubscriberInfo>,
}

#[cfg(feature = "rt")]
impl<E> NotStored<E> {
    /// The subscribers that have no room. Empty if it only stood behind other publishers.
    #[must_use]
    pub fn pending(&self) -> &[SubscriberInfo] {
        &self.pending
    }

    /// The event.
    #[must_use]
    pub fn into_event(self) -> E {
        self.event
    }
}

/// Not every subscriber has answered in time.
#[cfg(feature = "rt")]
#[derive(Debug, Clone)]
pub struct Unanswered {
    pub(crate) receipt: Option<Receipt>,
    pub(crate) pending: Vec<SubscriberInfo>,
}

#[cfg(feature = "rt")]
impl Unanswered {
    /// The subscribers that have yet to answer, oldest first. They may since have done so.
    #[must_use]
    pub fn pending(&self) -> &[SubscriberInfo] {
        &self.pending
    }

    /// What is known so far: those that have answered. `None` from `flush` and `stop`, which wait
    /// for more than one event.
    #[must_use]
    pub fn receipt(&self) -> Option<&Receipt> {
        self.receipt.as_ref()
    }
}

#[cfg(feature = "rt")]
impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.pending.is_empty() {
            f.write_str("not answered in time by ")?;
            return list(&self.pending, f);
        }
        f.write_str("not answered in time")?;
        if self.receipt.is_none() {
            // `stop`, which waits for them first.
            f.write_str(": a permit is still out")?;
        }
        Ok(())
    }
}

#[cfg(feature = "rt")]
impl Error for Unanswered {}

#[cfg(feature = "rt")]
impl<E> DeadlineError<E> {
    /// Whom it waited for: for room, or for an answer.
    #[must_use]
    pub fn pending(&self) -> &[SubscriberInfo] {
        match self {
            Self::Closed(_) => &[],
            Self::NotStored(not_stored) => not_stored.pending(),
            Self::Unanswered(unanswered) => unanswered.pending(),
        }
    }

    /// The event, unless it has been delivered.
    #[must_use]
    pub fn into_event(self) -> Option<E> {
        match self {
            Self::Closed(event) => Some(event),
            Self::NotStored(not_stored) => Some(not_stored.into_event()),
            Self::Unanswered(_) => None,
        }
    }
}

#[cfg(feature = "rt")]
impl<E> fmt::Display for DeadlineError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(_) => f.write_str(CLOSED),
            Self::NotStored(not_stored) => fmt::Display::fmt(not_stored, f),
            Self::Unanswered(unanswered) => fmt::Display::fmt(unanswered, f),
        }
    }
}

#[cfg(feature = "rt")]
impl<E> fmt::Display for NotStored<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.pending.is_empty() {
            return f.write_str("not stored in time: other publishers wait in front");
        }
        f.write_str("not stored in time: no room at ")?;
        list(&self.pending, f)
    }
}

#[cfg(feature = "rt")]
impl<E> fmt::Debug for DeadlineError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(_) => f.write_str("Closed(..)"),
            Self::NotStored(not_stored) => fmt::Debug::fmt(not_stored, f),
            Self::Unanswered(unanswered) => fmt::Debug::fmt(unanswered, f),
        }
    }
}

#[cfg(feature = "rt")]
impl<E> fmt::Debug for NotStored<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NotStored")
            .field("pending", &self.pending)
            .finish_non_exhaustive()
    }
}

#[cfg(feature = "rt")]
impl<E> Error for DeadlineError<E> {}

/// The first few, and how many more.
#[cfg(feature = "rt")]
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

const CLOSED: &str = "the event manager is closed";

/// `Debug`, `Display` and `Error` without asking any of them of the event.
macro_rules! error_without_event {
    ($($name:ident { $($variant:ident),+ })+) => {$(
        impl<E> fmt::Debug for $name<E> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$variant(_) => concat!(stringify!($variant), "(..)"),)+
                })
            }
        }

        impl<E> fmt::Display for $name<E> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.message())
            }
        }

        impl<E> Error for $name<E> {}
    )+};
}

error_without_event! {
    TryNotifyError { Full, Closed }
    NotifyError { Closed }
}
