//! A hash table whose keys are values of the user.
//!
//! `Hash`, `Eq` and `Drop` of a key are user code, which must not run under a lock. So the hash is computed
//! before the lock, and the table maps hashes to lists of entries. The keys of a list are compared outside
//! of the lock. An insertion starts over if the list has got another entry meanwhile.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState};

use crate::util::one_or_many::OneOrMany;
use crate::util::panic_guard::Guarded;
use crate::util::shrink::Shrink;
use crate::util::sync::{Arc, LockedU64, Mutex};

/// A table of values by keys. An entry exists while it is in use.
pub(crate) struct KeyTable<K, V> {
    hasher: RandomState,
    entries: Mutex<Entries<K, V>>,
}

/// Lists of entries with the same hash.
type ByHash<T> = HashMap<u64, Vec<Arc<T>>, BuildHasherDefault<IsHash>>;

/// # Invariants
/// 1. An entry is in the list of its hash, and has a number of uses above 0. The numbers of a list rise,
///    up to `newest` at most: a search can skip the entries that an earlier search has compared.
/// 2. No list is empty: memory is O(entries).
struct Entries<K, V> {
    by_hash: ByHash<KeyEntry<K, V>>,
    newest: u64,
}

/// A key and its value. Guarded: the last owner may be any task that has looked the key up.
pub(crate) struct KeyEntry<K, V> {
    key: Guarded<K>,
    hash: u64,
    number: u64,
    /// How often the entry was acquired and not released. Accessed under the lock of the table.
    uses: LockedU64,
    pub(crate) value: V,
}

/// Capacity for this many keys is never given back.
const MIN_CAPACITY: usize = 8;

impl<K, V> KeyTable<K, V> {
    pub(crate) fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            entries: Mutex::new(Entries {
                by_hash: HashMap::default(),
                newest: 0,
            }),
        }
    }

    /// Returns the number of entries.
    pub(crate) fn len(&self) -> usize {
        let entries = self.entries.lock();
        entries.by_hash.values().map(Vec::len).sum()
    }

    /// Returns whether an entry is in the table.
    pub(crate) fn contains(&self, entry: &KeyEntry<K, V>) -> bool {
        let _entries = self.entries.lock();
        entry.uses.get() > 0
    }

    /// Ends one use of an entry. Returns the entry if this was the last use: the caller drops the key
    /// without a lock. May be called under other locks.
    pub(crate) fn release(&self, entry: Arc<KeyEntry<K, V>>) -> Option<Arc<KeyEntry<K, V>>> {
        let mut entries = self.entries.lock();
        let uses = entry.uses.get() - 1;
        entry.uses.set(uses);
        if uses > 0 && !seeded_bug!("topics-forget-keys-in-use") {
            return None;
        }
        let Entries { by_hash, .. } = &mut *entries;
        let list = by_hash.get_mut(&entry.hash)?;
        list.retain(|other| !Arc::ptr_eq(other, &entry));
        if list.is_empty() {
            by_hash.remove(&entry.hash);
            by_hash.shrink_if_sparse(MIN_CAPACITY);
        }
        Some(entry)
    }

    /// Returns the entries with a hash, which have yet to be compared, and the number of the newest entry.
    fn candidates(&self, hash: u64) -> (OneOrMany<Arc<KeyEntry<K, V>>>, u64) {
        let entries = self.entries.lock();
        let mut found = OneOrMany::default();
        for entry in entries.by_hash.get(&hash).into_iter().flatten() {
            found.push(Arc::clone(entry));
        }
        (found, entries.newest)
    }
}

impl<K: Hash + Eq, V> KeyTable<K, V> {
    /// Returns the hash of a key. Runs user code.
    #[inline]
    pub(crate) fn hash(&self, key: &K) -> u64 {
        self.hasher.hash_one(key)
    }

    /// Returns the entry of a key if its number is above `seen`, and the number of the newest entry. Runs
    /// user code, and is never called under a lock.
    pub(crate) fn find(&self, hash: u64, key: &K, seen: u64) -> (Option<Arc<KeyEntry<K, V>>>, u64) {
        let (candidates, newest) = self.candidates(hash);
        let mut candidates = candidates.into_iter();
        let found = candidates.find(|entry| entry.number > seen && entry.is(key));
        (found, newest)
    }

    /// Returns the entry of a key, which is made by `value` if there is none, and counts a use of it. Runs
    /// user code, and is never called under a lock.
    pub(crate) fn acquire(&self, key: K, value: impl FnOnce() -> V) -> Arc<KeyEntry<K, V>> {
        let key = Guarded::new(key);
        let hash = self.hash(&key);
        let mut new = KeyEntry {
            key,
            hash,
            number: 0,
            uses: LockedU64::new(1),
            value: value(),
        };
        loop {
            let (candidates, newest) = self.candidates(hash);
            let found = candidates.into_iter().find(|entry| entry.is(&new.key));
            let mut entries = self.entries.lock();
            if let Some(found) = found {
                let uses = found.uses.get();
                // Released meanwhile: the entry is not in the table any more.
                if uses == 0 {
                    // Unlock first: `found` may be the last owner of its key.
                    drop(entries);
                    continue;
                }
                found.uses.set(uses + 1);
                // The new key is dropped without the lock.
                drop(entries);
                return found;
            }
            let Entries {
                by_hash,
                newest: number,
            } = &mut *entries;
            let list = by_hash.entry(hash).or_insert_with(|| Vec::with_capacity(1));
            if list.last().is_some_and(|entry| entry.number > newest) {
                continue;
            }
            *number += 1;
            new.number = *number;
            let new = Arc::new(new);
            list.push(Arc::clone(&new));
            return new;
        }
    }
}

impl<K, V> KeyEntry<K, V> {
    /// Returns the number of the entry, which no other entry of the table ever has.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Returns the hash of the key.
    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    /// Returns whether this is the entry of a key. Runs user code, and is never called under a lock.
    pub(crate) fn is(&self, key: &K) -> bool
    where
        K: Eq,
    {
        *self.key == *key
    }
}

/// The hasher of a number that is a hash already.
#[derive(Default)]
struct IsHash(u64);

impl Hasher for IsHash {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("only `u64` is hashed")
    }

    #[inline]
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[cfg(all(test, not(any(genevent_shuttle, genevent_loom))))]
mod tests {
    use super::*;

    /// A key whose hash is one of three.
    #[derive(PartialEq, Eq)]
    struct Colliding(u32);

    impl Hash for Colliding {
        fn hash<H: Hasher>(&self, state: &mut H) {
            (self.0 % 3).hash(state);
        }
    }

    #[test]
    fn entries_live_while_they_are_used() {
        let table = KeyTable::new();
        let used: Vec<_> = (0..30)
            .map(|n| table.acquire(Colliding(n % 15), || n))
            .collect();
        for n in 0..15 {
            let hash = table.hash(&Colliding(n));
            let (entry, newest) = table.find(hash, &Colliding(n), 0);
            assert_eq!(entry.map(|entry| entry.value), Some(n));
            assert!(table.find(hash, &Colliding(n), newest).0.is_none());
        }
        let mut removed = 0;
        for entry in used {
            removed += usize::from(table.release(entry).is_some());
        }
        assert_eq!(removed, 15);
        let hash = table.hash(&Colliding(1));
        assert!(table.find(hash, &Colliding(1), 0).0.is_none());
        assert_eq!(table.entries.lock().by_hash.len(), 0);
    }

    #[test]
    fn a_table_gives_back_the_memory_of_keys_that_have_gone() {
        let table = KeyTable::new();
        let used: Vec<_> = (0..10_000).map(|n| table.acquire(n, || ())).collect();
        assert!(table.entries.lock().by_hash.capacity() >= 10_000);
        for entry in used {
            table.release(entry);
        }
        assert!(table.entries.lock().by_hash.capacity() <= 4 * MIN_CAPACITY);
    }
}
