//! The channel as its subscribers know it.

use std::any::Any;
use std::task::{Poll, Waker};

use crate::channel::condition::ConditionKey;
use crate::subscriber_id::SubscriberId;
use crate::util::sync::Arc;

/// The channel without the type of its events, which acknowledgements and filtered subscriptions do
/// not know.
pub(crate) trait AnyChannel: Send + Sync {
    /// Reports a settled delivery of a subscriber. Called if the channel requested reports.
    fn report_settled(&self, subscriber: SubscriberId);

    /// Reports that a subscriber took an event from its filter queue (`took`), or only finished an event.
    /// Called if the channel requested reports.
    fn report_queue(&self, subscriber: SubscriberId, took: bool);

    /// Reports that a subscription was dropped and has settled its event in flight. Returns whether
    /// the subscriber was attached.
    fn report_gone(&self, subscriber: SubscriberId) -> bool;

    /// Disconnects a subscriber: the `Clone` of an event has panicked, or its predicate.
    fn disconnect_panicked(&self, subscriber: SubscriberId);

    /// Completes once the subscriber is detached. `key` is the future's entry while it waits.
    fn poll_detached(
        &self,
        subscriber: SubscriberId,
        key: &mut Option<ConditionKey>,
        waker: &Waker,
    ) -> Poll<()>;

    /// Removes the entry of a future that was dropped while it waited.
    fn leave_condition(&self, key: ConditionKey);

    /// Returns the channel, to be downcast to its type.
    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}
