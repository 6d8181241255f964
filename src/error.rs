//! Errors: one small type for each way to fail. Each error returns the value passed in.

use std::error::Error;
use std::fmt;

#[cfg(feature = "rt")]
mod deadline;
#[cfg(feature = "rt")]
mod reserve;
mod try_next;
#[cfg(feature = "rt")]
mod wait;

#[cfg(feature = "rt")]
pub use deadline::{DeadlineError, NotStored, Unanswered};
#[cfg(feature = "rt")]
pub use reserve::{NotReserved, ReserveDeadlineError};
pub use try_next::TryNextError;
#[cfg(feature = "rt")]
pub use wait::{Unsettled, WaitError};

/// The reason why [`try_notify`](crate::EventManager::try_notify) did not store the event.
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
    /// A lossless subscriber has no room for the event, or earlier publishers are queued. Not
    /// returned inside a handler of the manager.
    Full(E),
    /// The manager has been closed.
    Closed(E),
}

impl<E> TryNotifyError<E> {
    /// Returns the rejected event.
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

/// The reason why [`notify`], [`ack_notify`] or [`sync_notify`] did not store the event.
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
    /// The caller is a handler of this manager and would have waited for its own acknowledgement.
    /// Not returned by [`notify`](crate::EventManager::notify).
    WouldDeadlock(E),
}

impl<E> NotifyError<E> {
    /// Returns the rejected event.
    pub fn into_event(self) -> E {
        match self {
            Self::Closed(event) | Self::WouldDeadlock(event) => event,
        }
    }

    fn message(&self) -> &'static str {
        match self {
            Self::Closed(_) => CLOSED,
            Self::WouldDeadlock(_) => WOULD_DEADLOCK,
        }
    }
}

/// The reason why [`Subscription::follow_up`](crate::Subscription::follow_up) or one of its
/// siblings did not store the event.
///
/// # Examples
/// ```
/// use futures::{FutureExt, StreamExt};
/// use genevent::{EventManager, error::FollowUpError};
///
/// let manager = EventManager::new(1);
/// let mut reader = manager.subscribe();
/// let error = reader.follow_up("early").unwrap_err();
/// assert_eq!(error, FollowUpError::NothingInFlight("early"));
/// assert_eq!(error.to_string(), "no event is in flight for the event to follow");
///
/// manager.try_notify("first").unwrap();
/// reader.next().now_or_never();
/// manager.close();
/// assert_eq!(reader.follow_up("late"), Err(FollowUpError::Closed("late")));
/// ```
///
/// The values of a filtered subscription need not be events:
/// ```
/// use futures::{FutureExt, StreamExt};
/// use genevent::{EventManager, FollowUps, error::FollowUpError};
///
/// let manager = EventManager::new(1);
/// let mut numbers = manager.subscribe_filter_map(|line: &&str| line.parse::<u32>().ok());
/// let follow_ups: FollowUps<&str> = numbers.follow_ups();
/// manager.try_notify("7").unwrap();
/// assert_eq!(numbers.next().now_or_never(), Some(Some(7)));
///
/// let error = numbers.follow_up(8).unwrap_err();
/// assert_eq!(error, FollowUpError::OtherType(8));
/// assert_eq!(error.to_string(), "the manager publishes events of another type");
/// assert_eq!(follow_ups.notify("8"), Ok(1));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FollowUpError<E> {
    /// The manager has been closed.
    Closed(E),
    /// The subscription has no event in flight: its stream has yielded none since the last
    /// acknowledgement. A [delivery](crate::Delivery) does not fail in this way.
    NothingInFlight(E),
    /// The manager publishes events of another type than `E`. Values made by the predicate of a
    /// [filtered](crate::Filtered) subscription or by [`map`](crate::Delivery::map) are no events;
    /// `follow_ups::<Event>()` of the stream publishes events.
    OtherType(E),
}

impl<E> FollowUpError<E> {
    /// Returns the rejected event.
    pub fn into_event(self) -> E {
        match self {
            Self::Closed(event) | Self::NothingInFlight(event) | Self::OtherType(event) => event,
        }
    }

    fn message(&self) -> &'static str {
        match self {
            Self::Closed(_) => CLOSED,
            Self::NothingInFlight(_) => "no event is in flight for the event to follow",
            Self::OtherType(_) => "the manager publishes events of another type",
        }
    }
}

/// The reason why [`reserve`](crate::EventManager::reserve) returned no permit, or a sink failed.
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
    /// The caller is a handler of this manager, flushes a [`SyncSink`](crate::SyncSink), and would
    /// have waited for its own acknowledgement.
    WouldDeadlock,
}

impl fmt::Display for ReserveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str(CLOSED),
            Self::WouldDeadlock => f.write_str(WOULD_DEADLOCK),
        }
    }
}

impl Error for ReserveError {}

/// The error of a handler that would wait for itself in [`flush`], [`quiet`] or [`stop`].
///
/// The call had no effect, unless the future was first polled outside of the handler: then `stop`
/// has closed the manager. The check covers only code that the handler itself awaits, not tasks
/// spawned and awaited by the handler; such tasks need a limit by `within`.
///
/// # Examples
/// ```
/// use std::ops::ControlFlow;
/// use genevent::{EventManager, Handled, Handler, WeakEventManager, error::WouldDeadlock};
///
/// struct Flushing(WeakEventManager<u8>);
///
/// impl Handler<u8> for Flushing {
///     async fn handle_event(&mut self, _: &u8) -> Handled {
///         let manager = self.0.upgrade().unwrap();
///         let flushed = manager.flush().await;
///         assert!(matches!(flushed, Err(WouldDeadlock { .. })), "its event is in flight");
///         Ok(ControlFlow::Continue(()))
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let manager = EventManager::new(8);
/// manager.add_handler("flushing", Flushing(manager.downgrade())).unwrap();
/// assert!(manager.sync_notify(1).await.unwrap().all_acked());
/// assert_eq!(manager.flush().await, Ok(()));
/// # }
/// ```
///
/// [`flush`]: crate::EventManager::flush
/// [`quiet`]: crate::EventManager::quiet
/// [`stop`]: crate::EventManager::stop
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct WouldDeadlock;

impl fmt::Display for WouldDeadlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(WOULD_DEADLOCK)
    }
}

impl Error for WouldDeadlock {}

pub(crate) const CLOSED: &str = "the event manager is closed";
pub(crate) const WOULD_DEADLOCK: &str = "the handler would wait for itself";

/// Implements `Debug`, `Display` and `Error` without requiring them of the event.
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
    NotifyError { Closed, WouldDeadlock }
    FollowUpError { Closed, NothingInFlight, OtherType }
}
