//! Where a filtered subscription takes its events from.

use super::any_queue::AnyQueue;
use super::key_log::reader::KeyReader;
use super::queue::FilterQueue;
use super::queue::replayed::ReplayedValues;
use crate::channel::subscriber::SubscriberState;
use crate::util::sync::Arc;

/// The source of a filtered subscription.
pub(crate) enum Reading<T> {
    /// A queue of its own, to which publishers push values.
    Queue(Arc<FilterQueue<T>>),
    /// The log of a key, which several subscriptions read.
    KeyLog(Box<KeyReader<T>>),
}

impl<T: Send + 'static> Reading<T> {
    /// Returns the part that the channel shares.
    pub(crate) fn shared(&self) -> Arc<dyn AnyQueue> {
        match self {
            Self::Queue(queue) => Arc::clone(queue) as _,
            Self::KeyLog(reader) => Arc::clone(reader.place()) as _,
        }
    }
}

impl<T> Reading<T> {
    #[inline]
    pub(crate) fn subscriber(&self) -> &Arc<SubscriberState> {
        match self {
            Self::Queue(queue) => queue.subscriber(),
            Self::KeyLog(reader) => reader.subscriber(),
        }
    }

    /// Lets the subscription begin with `replayed`. Called before the subscription is read.
    pub(crate) fn set_replayed(&mut self, replayed: ReplayedValues<T>) {
        match self {
            Self::Queue(queue) => queue.set_replayed(replayed),
            Self::KeyLog(reader) => reader.set_replayed(replayed),
        }
    }

    /// Returns the number of events and of replayed values to be read, and true if no more will follow
    /// them.
    pub(crate) fn unread_and_is_last(&self) -> (usize, bool) {
        match self {
            Self::Queue(queue) => queue.unread_and_is_last(),
            Self::KeyLog(reader) => reader.unread_and_is_last(),
        }
    }

    /// Returns whether the next poll finds an event or the end, or a loss if `report_missed`.
    pub(crate) fn is_ready(&self, report_missed: bool) -> bool {
        match self {
            Self::Queue(queue) => queue.is_ready(report_missed),
            Self::KeyLog(reader) => reader.is_ready(report_missed),
        }
    }

    /// Returns the sequence number of the next event.
    #[cfg(feature = "rt")]
    pub(crate) fn front(&self) -> Option<u64> {
        match self {
            Self::Queue(queue) => queue.front(),
            Self::KeyLog(reader) => reader.next_seq(),
        }
    }

    /// Drops all unread events of a subscriber that has left, and settles them.
    pub(crate) fn clear(&mut self) {
        match self {
            Self::Queue(queue) => queue.clear(),
            Self::KeyLog(reader) => reader.clear(),
        }
    }
}
