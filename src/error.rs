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
    /// A handler of this manager asked, and could only have waited for itself.
    WouldDeadlock(E),
}

impl<E> NotifyError<E> {
    /// The event that was not stored.
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
    /// A handler of this manager asked, and could only have waited for itself.
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

/// A handler asked to wait for what it could only do itself: [`flush`], [`stop`].
///
/// Nothing has been done, unless the future was first polled outside of the handler: then `stop` has
/// closed the manager. Found out only for code that the handler itself awaits, not for tasks
/// that it spawns and waits for; for these there is `within`.
///
/// # Examples
/// ```
/// use std::ops::ControlFlow;
/// use genevent::{EventManager, Handler, WeakEventManager, error::WouldDeadlock};
///
/// struct Flushing(WeakEventManager<u8>);
///
/// impl Handler<u8> for Flushing {
///     async fn handle_event(&mut self, _: &u8) -> ControlFlow<()> {
///         let manager = self.0.upgrade().unwrap();
///         assert_eq!(manager.flush().await, Err(WouldDeadlock), "it has an event in hand");
///         ControlFlow::Continue(())
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
/// [`stop`]: crate::EventManager::stop
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WouldDeadlock;

impl fmt::Display for WouldDeadlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(WOULD_DEADLOCK)
    }
}

impl Error for WouldDeadlock {}

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
    /// A handler of this manager asked, and could only have waited for itself.
    WouldDeadlock(E),
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
    /// The subscribers that have no room. Empty if there are none: it stood behind other
    /// publishers, or permits hold all the room.
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
    pub(crate) would_deadlock: bool,
}

#[cfg(feature = "rt")]
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

#[cfg(feature = "rt")]
impl Error for Unanswered {}

#[cfg(feature = "rt")]
impl<E> DeadlineError<E> {
    /// Whom it waited for: for room, or for an answer.
    #[must_use]
    pub fn pending(&self) -> &[SubscriberInfo] {
        match self {
            Self::Closed(_) | Self::WouldDeadlock(_) => &[],
            Self::NotStored(not_stored) => not_stored.pending(),
            Self::Unanswered(unanswered) => unanswered.pending(),
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

#[cfg(feature = "rt")]
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

#[cfg(feature = "rt")]
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

#[cfg(feature = "rt")]
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
const WOULD_DEADLOCK: &str = "the handler would wait for itself";

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
    NotifyError { Closed, WouldDeadlock }
}
