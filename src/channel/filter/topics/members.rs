//! The subscribers of one key.

use crate::channel::filter::key_log::KeyLog;
use crate::channel::filter::queue::FilterQueue;
use crate::util::key_table::KeyEntry;
use crate::util::number_table::NumberTable;
use crate::util::sync::{Arc, Mutex};

/// The queues of subscribers, by their numbers.
pub(super) type Queues<E> = NumberTable<Arc<FilterQueue<E>>>;

/// A key with its subscribers.
pub(super) type Key<E, K> = Arc<KeyEntry<K, KeyMembers<E>>>;

/// The subscribers of one key.
pub(super) struct KeyMembers<E> {
    /// The subscribers whose values are pushed to their queues.
    pub(super) pushed: Mutex<Queues<E>>,
    /// The events for all other subscribers.
    pub(super) log: Arc<KeyLog<E>>,
}

impl<E> KeyMembers<E> {
    /// `capacity`: the most unread events of a subscriber.
    pub(super) fn new(capacity: u64) -> Self {
        Self {
            pushed: Mutex::new(Queues::new()),
            log: Arc::new(KeyLog::new(capacity)),
        }
    }
}
