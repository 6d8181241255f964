//! Which subscription, and what reads it.

use std::fmt;

/// Names one subscription. Never used again for another one, of this manager or any other.
///
/// Shown as its number with its manager, which counts from 1. Ordered by age among the
/// subscriptions of one manager.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubscriberId {
    /// Which of the process's managers, by age.
    pub(crate) manager: u64,
    /// 1 for the first subscription that the manager gave out.
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

/// What reads a subscription.
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
    /// A stream, read by whoever holds it.
    #[default]
    Stream,
    /// A handler, run by a task of its own.
    Handler,
    /// Several handlers, run by one task.
    Group,
    /// A stream of what its filter lets through ([`Filtered`](crate::Filtered)).
    Filtered,
}

impl SubscriberKind {
    /// Whether a task of the manager's own reads the subscription: `stop` waits for its end.
    pub(crate) fn has_task(self) -> bool {
        matches!(self, Self::Handler | Self::Group)
    }
}
