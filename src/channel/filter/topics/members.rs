//! The subscribers of one key.

use crate::channel::filter::key_log::KeyLog;
use crate::channel::filter::key_log::event::SharedEvent;
use crate::channel::filter::queue::FilterQueue;
use crate::channel::parked::Unparked;
use crate::channel::ticket::Ticket;
use crate::subscriber_id::SubscriberId;
use crate::util::key_table::KeyEntry;
use crate::util::number_table::NumberTable;
use crate::util::sync::{Arc, Mutex};

/// The queues of subscribers, by their numbers.
pub(super) type Queues<E> = NumberTable<Arc<FilterQueue<E>>>;

/// A key with its subscribers.
pub(super) type Key<E, K> = Arc<KeyEntry<K, KeyMembers<E>>>;

/// The subscribers of one key.
pub(super) struct KeyMembers<E> {
    log: Arc<KeyLog<E>>,
    lists: Mutex<KeyLists<E>>,
}

/// # Invariants
/// 1. `crowded` has each reader of the log whose unread events filled at least half of its window when the
///    newest event was appended. The others have room for an event, while no more than half of the smallest
///    window is reserved.
/// 2. No other reader is crowded before the log has the event `next_crowded`.
struct KeyLists<E> {
    /// The subscribers whose values are pushed to their queues.
    pushed: Queues<E>,
    /// The subscribers that read the log.
    readers: Queues<E>,
    /// A table, so that leaving takes no time for each reader that stays.
    crowded: Queues<E>,
    next_crowded: u64,
    /// A lower bound of the windows of all readers.
    smallest_window: u64,
}

impl<E> KeyMembers<E> {
    /// `capacity`: the most unread events of a subscriber.
    pub(super) fn new(capacity: u64) -> Self {
        Self {
            log: Arc::new(KeyLog::new(capacity)),
            lists: Mutex::new(KeyLists {
                pushed: Queues::new(),
                readers: Queues::new(),
                crowded: Queues::new(),
                next_crowded: u64::MAX,
                smallest_window: u64::MAX,
            }),
        }
    }

    pub(super) fn log(&self) -> &Arc<KeyLog<E>> {
        &self.log
    }

    /// Adds a subscriber, which reads the log if its queue has the log.
    pub(super) fn insert(&self, number: u64, queue: &Arc<FilterQueue<E>>) {
        let mut lists = self.lists.lock();
        let Some(crowded_at) = queue.crowded_at() else {
            return lists.pushed.insert(number, Arc::clone(queue));
        };
        lists.readers.insert(number, Arc::clone(queue));
        lists.next_crowded = lists.next_crowded.min(crowded_at);
        let window = queue.subscriber().window as u64;
        lists.smallest_window = lists.smallest_window.min(window);
    }

    pub(super) fn remove(&self, number: u64) {
        let mut lists = self.lists.lock();
        if lists.readers.remove(number).is_none() {
            lists.pushed.remove(number);
        }
        lists.crowded.remove(number);
    }

    /// Calls `f` with the subscribers whose values are pushed, under a lock. Returns whether others read the
    /// log.
    pub(super) fn with_pushed<R>(&self, f: impl FnOnce(&Queues<E>) -> R) -> (R, bool) {
        let lists = self.lists.lock();
        (f(&lists.pushed), lists.readers.len() > 0)
    }

    /// Returns the ids of the readers of the log.
    pub(super) fn reader_ids(&self) -> Vec<SubscriberId> {
        let lists = self.lists.lock();
        (lists.readers.iter().map(|queue| queue.subscriber().id)).collect()
    }

    /// Returns the readers of the log without room for an event beside `reserved`.
    pub(super) fn full_readers(&self, reserved: u64) -> Vec<SubscriberId> {
        let lists = self.lists.lock();
        let without_room = |queue: &&Arc<FilterQueue<E>>| !queue.has_room(reserved);
        let id = |queue: &Arc<FilterQueue<E>>| queue.subscriber().id;
        if reserved <= lists.smallest_window / 2 {
            let crowded = lists.crowded.iter();
            crowded.filter(without_room).map(id).collect()
        } else {
            let readers = lists.readers.iter();
            readers.filter(without_room).map(id).collect()
        }
    }

    /// Appends an event to the log, unless the log has no readers. Returns the parked readers, and the numbers
    /// of the lossless readers that are crowded. Called under the channel's lock.
    pub(super) fn append(
        &self,
        seq: u64,
        event: &mut Option<Arc<SharedEvent<E>>>,
        ticket: Option<&Arc<Ticket>>,
    ) -> Option<(Unparked, Vec<u64>)> {
        let mut lists = self.lists.lock();
        if lists.readers.len() == 0 {
            return None;
        }
        let event = event.take().expect("an event is appended once");
        let parked = self.log.append(seq, event, ticket);
        lists.update_crowded(self.log.tail());
        let crowded = lists.crowded.iter().map(|queue| queue.subscriber());
        let lossless = crowded.filter(|subscriber| subscriber.overflow.is_lossless());
        Some((
            parked,
            lossless.map(|subscriber| subscriber.id.number).collect(),
        ))
    }
}

impl<E> KeyLists<E> {
    /// Restores the invariants after an event was appended, at offset `tail` of the log.
    fn update_crowded(&mut self, tail: u64) {
        let mut next = u64::MAX;
        let mut is_crowded = |queue: &Arc<FilterQueue<E>>| {
            let at = queue
                .crowded_at()
                .expect("a reader leaves the lists when it leaves the log");
            if at > tail {
                next = next.min(at);
            }
            at <= tail
        };
        if self.next_crowded <= tail && !seeded_bug!("crowded-key-readers-forgotten") {
            let readers = self.readers.iter();
            let mut crowded = Queues::new();
            for queue in readers.filter(|queue| is_crowded(queue)) {
                crowded.insert(queue.subscriber().id.number, Arc::clone(queue));
            }
            (self.crowded, self.next_crowded) = (crowded, next);
        } else if self.crowded.len() > 0 {
            let uncrowded = self.crowded.iter().filter(|queue| !is_crowded(queue));
            let uncrowded: Vec<_> = uncrowded
                .map(|queue| queue.subscriber().id.number)
                .collect();
            for number in uncrowded {
                self.crowded.remove(number);
            }
            self.next_crowded = next.min(self.next_crowded);
        }
    }
}
