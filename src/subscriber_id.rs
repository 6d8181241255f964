//! The identity of a subscription, and the kind of its reader.

use std::fmt;
use std::panic::Location;

use crate::util::sync::Arc;

/// The id of a subscription. Ids are never reused, neither by the same manager nor by other
/// managers.
///
/// Displayed as the subscription's [number](Self::number) within its manager. Ordered by age among
/// the subscriptions of a manager.
///
/// # Examples
/// ```
/// use genevent::EventManager;
///
/// let manager = EventManager::<u8>::default();
/// let (first, second) = (manager.subscribe(), manager.subscribe());
/// assert_eq!((first.id().number(), second.id().number()), (1, 2));
/// assert_eq!(second.id().to_string(), "#2");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubscriberId {
    /// The number of the manager in this process, by age.
    pub(crate) manager: u64,
    /// The number of the subscription in its manager, from 1.
    pub(crate) number: u64,
}

impl SubscriberId {
    /// Returns the subscription's number within its manager, counted from 1. Subscriptions of two
    /// managers may have the same number.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }
}

/// Serializes the number.
#[cfg(feature = "serde")]
impl serde::Serialize for SubscriberId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.number)
    }
}

impl fmt::Display for SubscriberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.number)
    }
}

impl fmt::Debug for SubscriberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SubscriberId({})", self.number)
    }
}

/// What names a subscriber to people: constant, and kept by what outlives the subscriber.
#[derive(Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub(crate) struct Identity {
    pub(crate) id: SubscriberId,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) kind: SubscriberKind,
    #[cfg_attr(feature = "serde", serde(serialize_with = "as_text"))]
    pub(crate) created_at: &'static Location<'static>,
}

/// Serializes a source line as `file:line:column`.
#[cfg(feature = "serde")]
pub(crate) fn as_text<S: serde::Serializer>(
    value: &impl fmt::Display,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// Writes the number and the name.
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.id)?;
        match &self.name {
            Some(name) => write!(f, " {name:?}"),
            None => Ok(()),
        }
    }
}

/// The kind of a subscription's reader.
///
/// # Examples
/// ```
/// use genevent::{EventManager, SubscriberKind};
///
/// let manager = EventManager::<u8>::default();
/// let reader = manager.subscribe();
/// assert_eq!(manager.subscribers()[0].kind(), SubscriberKind::Stream);
/// # drop(reader);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
pub enum SubscriberKind {
    /// A stream, read by user code.
    #[default]
    Stream,
    /// A handler, run by a task of its own.
    Handler,
    /// Several handlers, run by one task.
    Group,
    /// A stream of the events passed by its filter ([`Filtered`](crate::Filtered)).
    Filtered,
}

impl SubscriberKind {
    /// Returns whether a task of the library reads the subscription; `stop` waits for the end of
    /// that task.
    pub(crate) fn has_task(self) -> bool {
        matches!(self, Self::Handler | Self::Group)
    }
}
