//! Topics: a group of filters that want the events with certain keys.
//!
//! A publisher computes the key of its event, and looks up the subscribers of that key: other subscribers
//! cost nothing. The subscribers of this key alone share a [log](super::key_log), to which the event is
//! appended once. Subscribers of several keys, and subscribers whose events may be overwritten, have queues
//! of their own. The group is shared by the registry, the snapshots and the user's
//! handles, and is not copied when a subscriber comes or goes, as a group of predicates is. So a
//! publisher may find subscribers that joined after its snapshot of the registry, and must leave them for
//! its next evaluation: the numbers of the subscribers tell which.
//!
//! `Hash`, `Eq` and `Drop` of keys are user code. A key is hashed and compared before the channel is locked
//! ([`TopicKeys::new`]), which only counts its uses.

use std::any::Any;
use std::cell::Cell;
use std::hash::Hash;
use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::any_group::AnyGroup;
use super::interest::{Evaluate, Interest};
use super::key_log::KeyLog;
use super::key_log::reader::KeyReader;
use super::reading::Reading;
use super::registry::FilterRegistry;
use super::user_code::Panicked;
use super::{FilterMatches, GroupMatches};
use crate::channel::filter::any_queue::AnyQueue;
use crate::channel::filter::queue::FilterQueue;
use crate::channel::filter::user_code::Removed;
use crate::channel::subscriber::SubscriberState;
use crate::options::Overflow;
use crate::util::key_table::KeyTable;
use crate::util::number_table::NumberTable;
use crate::util::one_or_many::OneOrMany;
use crate::util::panic_guard::Guarded;
use crate::util::sync::{Arc, Mutex};

mod matches;
mod members;

use matches::{LogMatch, TopicMatches, fill_matches, unfilled_matches};
use members::{Key, KeyMembers};

type KeyFn<E, K> = Guarded<Box<dyn Fn(&E) -> K + Send + Sync>>;

/// The subscribers of all keys that a key function returns.
///
/// # Invariants
/// 1. Members, and the queues of the keys, change under the lock of the channel. A publisher that has
///    taken a snapshot therefore finds all members up to the newest of the snapshot, except for members
///    that have left.
/// 2. A member uses each of its keys once, and is in the queues of each. A key without members would
///    leak.
pub(crate) struct TopicGroup<E, K> {
    /// Tells apart the keys that one evaluation has computed by several key functions.
    id: u64,
    capacity: u64,
    key_of: KeyFn<E, K>,
    keys: KeyTable<K, KeyMembers<E>>,
    members: Mutex<NumberTable<TopicMember<E, K>>>,
}

/// A subscriber and the keys that it wants.
struct TopicMember<E, K> {
    queue: Arc<dyn AnyQueue>,
    keys: Box<[Key<E, K>]>,
}

/// The key of an event, computed by the group with this id.
struct KnownKey<E, K> {
    group: u64,
    hash: u64,
    key: Guarded<K>,
    /// The entry of the key, if it was found.
    entry: Cell<Option<Key<E, K>>>,
    /// The number of the newest entry at the last search. A key is compared with each entry at most once: a
    /// comparison that lets a subscriber join would otherwise be repeated for ever.
    seen: Cell<u64>,
}

impl<E, K> TopicGroup<E, K> {
    /// `capacity`: the most unread events of a subscriber.
    pub(crate) fn new(
        capacity: usize,
        key_of: impl Fn(&E) -> K + Send + Sync + 'static,
    ) -> Arc<Self> {
        // An atomic of `std`, not of `util::sync`: models need not explore the order of ids.
        static NEXT_ID: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        Arc::new(Self {
            id: NEXT_ID.fetch_add(1, std::sync::atomic::Ordering::Relaxed),
            capacity: capacity as u64,
            key_of: Guarded::new(Box::new(key_of)),
            keys: KeyTable::new(),
            members: Mutex::new(NumberTable::new()),
        })
    }

    /// Returns the number of keys with subscribers.
    pub(crate) fn keys(&self) -> usize {
        self.keys.len()
    }

    fn insert(&self, queue: Arc<dyn AnyQueue>, keys: Box<[Key<E, K>]>) {
        let number = queue.subscriber().id.number;
        (self.members.lock()).insert(number, TopicMember { queue, keys });
    }

    /// Takes a member out of the queues of its keys, and ends the use of the keys. Returns the keys
    /// without members, to be dropped without the lock.
    fn forget(self: &Arc<Self>, number: u64, member: TopicMember<E, K>) -> RemovedMember<E, K> {
        let mut keys = Vec::new();
        for key in member.keys {
            key.value.pushed.lock().remove(number);
            keys.extend(self.keys.release(key));
        }
        RemovedMember {
            _topics: Arc::clone(self),
            _queue: member.queue,
            _keys: keys,
        }
    }
}

impl<E: 'static, K: Hash + Eq + Send + 'static> TopicGroup<E, K> {
    /// Returns the key of an event. A panic of user code is the caller's.
    fn known_key(&self, event: &E) -> KnownKey<E, K> {
        let key = Guarded::new((self.key_of)(event));
        KnownKey {
            group: self.id,
            hash: self.keys.hash(&key),
            key,
            entry: Cell::new(None),
            seen: Cell::new(0),
        }
    }

    /// Returns the entry of a key. A panic of user code is the caller's.
    fn entry_of(&self, known: &KnownKey<E, K>) -> Option<Key<E, K>> {
        let mut entry = known.entry.take();
        if !entry
            .as_ref()
            .is_some_and(|entry| self.keys.contains(entry))
        {
            let (found, newest) = self.keys.find(known.hash, &known.key, known.seen.get());
            known.seen.set(newest);
            entry = found;
        }
        known.entry.set(entry.clone());
        entry
    }
}

/// A member that has left, and its keys without other members. Owns the topics: the registry may be their
/// last owner, and drops them under the lock, where the key function must not be dropped.
struct RemovedMember<E, K> {
    _topics: Arc<TopicGroup<E, K>>,
    _queue: Arc<dyn AnyQueue>,
    _keys: Vec<Key<E, K>>,
}

/// [`TopicGroup`] as an entry of the registry.
pub(super) struct SharedTopics<E, K>(Arc<TopicGroup<E, K>>);

impl<E, K> AnyGroup<E> for SharedTopics<E, K>
where
    E: Clone + Send + Sync + 'static,
    K: Hash + Eq + Send + Sync + 'static,
{
    fn evaluate(
        &self,
        numbers: RangeInclusive<u64>,
        event: &E,
        earlier: Option<&FilterMatches>,
        found: &mut FilterMatches,
    ) {
        let group = &*self.0;
        let newer = seeded_bug!("topics-find-newer-members").then_some(u64::MAX);
        let numbers = *numbers.start()..=newer.unwrap_or(*numbers.end());
        let mut matches_for = |known: &KnownKey<E, K>| {
            let Some(entry) = group.entry_of(known) else {
                return (OneOrMany::default(), None);
            };
            let KeyMembers { pushed, log } = &entry.value;
            let mut pushed = unfilled_matches(&pushed.lock(), numbers.clone());
            fill_matches(&mut pushed, event, &mut found.panicked);
            // Asked of the earlier result, not kept with the key: a panic drops this result.
            let is_new =
                log.readers() > 0 && !earlier.is_some_and(|earlier| earlier.appends_to(log));
            let logged = is_new.then(|| LogMatch::new(entry, event, &mut found.panicked));
            let logged = logged.flatten();
            found.has_logged |= logged.is_some();
            (pushed, logged)
        };
        if let Some(known) = earlier.and_then(|earlier| earlier.known_key::<E, K>(group.id)) {
            let (matches, logged) = matches_for(known);
            let pushed = GroupMatches { matches, known: () };
            found.push(TopicMatches { pushed, logged });
        } else {
            let known = group.known_key(event);
            let (matches, logged) = matches_for(&known);
            let pushed = GroupMatches { matches, known };
            found.push(TopicMatches { pushed, logged });
        }
    }

    fn copy(&self) -> Arc<dyn AnyGroup<E>> {
        Arc::new(Self(Arc::clone(&self.0)))
    }

    fn is_empty(&self) -> bool {
        self.0.members.lock().len() == 0
    }

    fn contains(&self, number: u64) -> bool {
        self.0.members.lock().get(number).is_some()
    }

    fn remove(&mut self, number: u64) -> Option<Removed> {
        let member = self.0.members.lock().remove(number)?;
        Some(Arc::new(self.0.forget(number, member)))
    }

    fn take_shared(&self) -> Option<Removed> {
        let members = std::mem::replace(&mut *self.0.members.lock(), NumberTable::new());
        let members = members.into_entries();
        let removed = members.map(|(number, member)| self.0.forget(number, member));
        Some(Arc::new(removed.collect::<Vec<_>>()))
    }

    fn for_each_queue(&self, f: &mut dyn FnMut(&dyn AnyQueue)) {
        let members = self.0.members.lock();
        members.iter().for_each(|member| f(&*member.queue));
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

/// The keys that a new subscriber wants, each used until the subscriber has left.
///
/// # Invariants
/// 1. The keys are sorted by their numbers, without duplicates.
pub(crate) struct TopicKeys<E, K> {
    topics: Arc<TopicGroup<E, K>>,
    keys: Vec<Key<E, K>>,
}

impl<E, K: Hash + Eq> TopicKeys<E, K> {
    /// Looks up the keys. Runs user code, and is never called under a lock.
    pub(crate) fn new(topics: &Arc<TopicGroup<E, K>>, keys: impl IntoIterator<Item = K>) -> Self {
        let mut this = Self {
            topics: Arc::clone(topics),
            keys: Vec::new(),
        };
        // One by one: user code that panics leaves no used key behind.
        for key in keys {
            let key = topics
                .keys
                .acquire(key, || KeyMembers::new(topics.capacity));
            this.keys.push(key);
        }
        this.keys.sort_unstable_by_key(|key| key.number());
        let mut duplicates = Vec::new();
        this.keys.dedup_by(|key, before| {
            let is_duplicate = Arc::ptr_eq(key, before);
            duplicates.extend(is_duplicate.then(|| Arc::clone(key)));
            is_duplicate
        });
        for key in duplicates {
            topics.keys.release(key);
        }
        this
    }
}

impl<E, K> Drop for TopicKeys<E, K> {
    fn drop(&mut self) {
        for key in std::mem::take(&mut self.keys) {
            self.topics.keys.release(key);
        }
    }
}

impl<E, K> Interest<E> for TopicKeys<E, K>
where
    E: Clone + Send + Sync + 'static,
    K: Hash + Eq + Send + Sync + 'static,
{
    type Value = E;
    type Joined = WantedKeys<E, K>;

    fn join(
        mut self,
        filters: &mut FilterRegistry<E>,
        subscriber: &Arc<SubscriberState>,
    ) -> (Reading<E>, Self::Joined) {
        let keys = std::mem::take(&mut self.keys);
        let mut wanted = WantedKeys {
            topics: Arc::clone(&self.topics),
            keys: keys.clone(),
        };
        wanted.keys.sort_unstable_by_key(|key| key.hash());
        let number = subscriber.id.number;
        let reading = match &keys[..] {
            [key] if subscriber.overflow != Overflow::DropOldest => {
                Reading::KeyLog(Box::new(KeyReader::new(&key.value.log, subscriber)))
            }
            _ => {
                let queue = Arc::new(FilterQueue::new(Arc::clone(subscriber)));
                for key in &keys {
                    (key.value.pushed.lock()).insert(number, Arc::clone(&queue));
                }
                Reading::Queue(queue)
            }
        };
        self.topics.insert(reading.shared(), keys.into());
        let shared = SharedTopics(Arc::clone(&self.topics));
        filters.join_shared(number, shared, |group| Arc::ptr_eq(&group.0, &self.topics));
        (reading, wanted)
    }
}

/// The keys of a subscriber that has joined.
pub(crate) struct WantedKeys<E, K> {
    topics: Arc<TopicGroup<E, K>>,
    /// The keys, sorted by hash. Not looked up in the table, which forgets the keys when the manager closes or
    /// the subscriber is disconnected: the subscriber still gets its retained events.
    keys: Vec<Key<E, K>>,
}

impl<E, K> Evaluate<E, E> for WantedKeys<E, K>
where
    E: Clone + 'static,
    K: Hash + Eq + Send + 'static,
{
    /// A panic of the key function, or of the key, is the caller's.
    fn value_of(&self, event: &E) -> Result<Option<E>, Panicked> {
        let known = self.topics.known_key(event);
        let first = self.keys.partition_point(|key| key.hash() < known.hash);
        let mut same_hash = (self.keys[first..].iter()).take_while(|key| key.hash() == known.hash);
        let forgotten =
            seeded_bug!("replay-forgets-keys") && self.topics.entry_of(&known).is_none();
        if forgotten || !same_hash.any(|key| key.is(&known.key)) {
            return Ok(None);
        }
        let value = catch_unwind(AssertUnwindSafe(|| event.clone()));
        value.map(Some).map_err(Panicked::from_payload)
    }
}

impl FilterMatches {
    /// Returns the key of the event, if the group has computed it before.
    fn known_key<E: 'static, K: 'static>(&self, group: u64) -> Option<&KnownKey<E, K>> {
        let known = self.groups.iter().map(|matches| matches.known());
        let mut keys = known.filter_map(|known| known.downcast_ref());
        keys.find(|key: &&KnownKey<E, K>| key.group == group)
    }

    /// Returns whether the event is to be appended to this log.
    fn appends_to<E>(&self, log: &Arc<KeyLog<E>>) -> bool {
        let log = Arc::as_ptr(log).cast();
        self.groups.iter().any(|matches| matches.appends_to(log))
    }
}
