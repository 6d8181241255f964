//! One small type for each way of failing. Each gives back what was handed in.

use std::error::Error;
use std::fmt;

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
