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

/// The names of a subscriber, for people. They never change, and receipts keep them after the subscriber has
/// left.
#[derive(Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub(crate) struct Identity {
    pub(crate) id: SubscriberId,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) kind: SubscriberKind,
    #[cfg_attr(feature = "serde", serde(serialize_with = "as_text"))]
    pub(crate) created_at: &'static Location<'static>,
    /// The group of a handler.
    #[cfg_attr(
        feature = "serde",
        serde(
            skip_serializing_if = "Option::is_none",
            serialize_with = "name_of_group"
        )
    )]
    pub(crate) group: Option<Arc<Identity>>,
}

impl Identity {
    /// Returns the name of the group.
    pub(crate) fn group(&self) -> Option<&str> {
        self.group.as_ref()?.name.as_deref()
    }
}

#[cfg(feature = "serde")]
#[expect(clippy::ref_option, reason = "serde passes a reference to the field")]
pub(crate) fn name_of_group<S: serde::Serializer>(
    group: &Option<Arc<Identity>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let name = group.as_ref().and_then(|group| group.name.as_deref());
    serde::Serialize::serialize(&name, serializer)
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
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_name(f, self.id, self.name.as_deref(), self.group())
    }
}

/// Writes the number and the name of a subscriber, and the name of its group.
pub(crate) fn write_name(
    f: &mut fmt::Formatter<'_>,
    id: SubscriberId,
    name: Option<&str>,
    group: Option<&str>,
) -> fmt::Result {
    write!(f, "{id}")?;
    if let Some(name) = name {
        write!(f, " {name:?}")?;
    }
    match group {
        Some(group) => write!(f, " of {group:?}"),
        None => Ok(()),
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
    /// A handler, in a task of its own or in a group.
    Handler,
    /// A group, in place of its handlers: where a group is waited for that has no handlers, or none that is
    /// waited for.
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
