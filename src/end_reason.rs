//! The reason why a stream ended.

use std::fmt;

use crate::error::CLOSED;

/// The reason why a subscription's stream ended: [`Subscription::end_reason`] after its `None`.
///
/// # Examples
/// ```
/// use futures::{StreamExt, executor::block_on};
/// use genevent::{EndReason, EventManager, Overflow};
///
/// let manager = EventManager::new(2);
/// let mut replica = manager.subscribe_with(Overflow::Disconnect);
/// for n in 1..=3 {
///     manager.try_notify(n).unwrap(); // the third is too much for it
/// }
/// let read: Vec<_> = block_on(replica.by_ref().collect());
/// assert_eq!(read, [1, 2]);
/// let reason = replica.end_reason().unwrap();
/// assert!(matches!(reason, EndReason::Disconnected { .. }));
/// assert_eq!(reason.to_string(), "disconnected: its window was full");
/// ```
///
/// [`Subscription::end_reason`]: crate::Subscription::end_reason
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
pub enum EndReason {
    /// The manager was closed, and the stream has yielded every stored event.
    Closed,
    /// The subscription was disconnected.
    #[non_exhaustive]
    Disconnected {
        /// The cause of the disconnect.
        cause: DisconnectCause,
    },
}

/// The cause of a disconnect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
pub enum DisconnectCause {
    /// The subscription's window was full ([`Overflow::Disconnect`](crate::Overflow::Disconnect)).
    Overflow,
    /// A call of [`EventManager::disconnect`](crate::EventManager::disconnect).
    Requested,
    /// The subscription blocked publishers for longer than its limit
    /// ([`Overflow::WaitAtMost`](crate::Overflow)).
    Overdue,
    /// The subscription's filter panicked
    /// ([`subscribe_filter_map`](crate::EventManager::subscribe_filter_map)), or the event's `Clone` for a
    /// filtered or [keyed](crate::Topics) subscription.
    Panicked,
}

impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str(CLOSED),
            Self::Disconnected { cause } => cause.fmt(f),
        }
    }
}

/// Writes the text of [`EndReason::Disconnected`] with this cause.
impl fmt::Display for DisconnectCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Overflow => "disconnected: its window was full",
            Self::Requested => "disconnected on request",
            Self::Overdue => "disconnected: it made publishers wait for too long",
            Self::Panicked => "disconnected: its filter panicked",
        })
    }
}
