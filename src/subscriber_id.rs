//! The identity of a subscription, and the kind of its reader.

use std::fmt;

/// The id of a subscription. Ids are never reused, neither by the same manager nor by other
/// managers.
///
/// Displayed as the subscription's number within its manager, counted from 1. Ordered by age among
/// the subscriptions of a manager.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubscriberId {
    /// The number of the manager in this process, by age.
    pub(crate) manager: u64,
    /// The number of the subscription in its manager, from 1.
    pub(crate) number: u64,
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
