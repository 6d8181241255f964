//! The newest delivery of each key, in the order in which the deliveries were taken.

use std::borrow::Borrow;
use std::collections::{BTreeMap, HashMap};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::delivery::Delivery;
use crate::util::clock::Instant;
use crate::util::panic_guard::Guarded;
use crate::util::shrink::Shrink;

/// The number of keys for which an empty map keeps memory.
const MIN_CAPACITY: usize = 16;

/// The newest delivery of each key.
///
/// # Invariants
/// 1. `numbers` has the number of an entry of `entries` for each of its keys, unless a user's `Hash` or
///    `Eq` has panicked. The delivery that was inserted or popped is then dropped. A key without a number
///    counts as new, and a number without an entry is replaced: the other deliveries are still yielded.
/// 2. Entries are numbered in the order in which they were taken, so the first entry is due first.
pub(crate) struct NewestByKey<K, E> {
    numbers: HashMap<SharedKey<K>, u64>,
    entries: BTreeMap<u64, Entry<K, E>>,
    /// The number of deliveries ever taken.
    taken: u64,
}

struct Entry<K, E> {
    key: SharedKey<K>,
    delivery: Delivery<E>,
    due: Option<Instant>,
}

impl<K: Hash + Eq, E> NewestByKey<K, E> {
    /// Stores the newest delivery of `key`, and returns the delivery that it supersedes. `due`: the time
    /// at which the key has been quiet for long enough, if the time can be represented.
    pub(crate) fn insert(
        &mut self,
        key: K,
        delivery: Delivery<E>,
        due: Option<Instant>,
    ) -> Option<Delivery<E>> {
        let key = Guarded::new(key);
        let number = self.taken;
        self.taken += 1;
        let mut old = None;
        if let Some(known) = self.numbers.get_mut(&*key) {
            old = self.entries.remove(&std::mem::replace(known, number));
        }
        let (key, superseded) = if let Some(old) = old {
            (old.key, Some(old.delivery))
        } else {
            let key = SharedKey(Arc::new(key));
            self.numbers.insert(SharedKey(Arc::clone(&key.0)), number);
            (key, None)
        };
        let entry = Entry { key, delivery, due };
        self.entries.insert(number, entry);
        superseded
    }

    /// Takes the delivery that was taken first.
    pub(crate) fn pop_first(&mut self) -> Option<Delivery<E>> {
        let (_, Entry { key, delivery, .. }) = self.entries.pop_first()?;
        self.numbers.remove(&key);
        self.numbers.shrink_if_sparse(MIN_CAPACITY);
        Some(delivery)
    }
}

impl<K, E> NewestByKey<K, E> {
    pub(crate) fn new() -> Self {
        Self {
            numbers: HashMap::new(),
            entries: BTreeMap::new(),
            taken: 0,
        }
    }

    /// Returns the number of keys with a delivery.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns when the first delivery is due; `None` without deliveries, and if it is never due.
    pub(crate) fn first_due(&self) -> Option<Instant> {
        self.entries.first_key_value()?.1.due
    }
}

/// A user's key, in both maps.
struct SharedKey<K>(Arc<Guarded<K>>);

impl<K> Borrow<K> for SharedKey<K> {
    fn borrow(&self) -> &K {
        &self.0
    }
}

impl<K: Hash> Hash for SharedKey<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        K::hash(&self.0, state);
    }
}

impl<K: PartialEq> PartialEq for SharedKey<K> {
    fn eq(&self, other: &Self) -> bool {
        K::eq(&self.0, &other.0)
    }
}

impl<K: Eq> Eq for SharedKey<K> {}
