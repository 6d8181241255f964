//! The wakers of futures that wait for the same thing.

use std::collections::BTreeMap;
use std::task::Waker;

/// The wakers of any number of futures. Each future has a key, from its first pending poll on.
#[derive(Default)]
pub(crate) struct Wakers {
    by_key: BTreeMap<u64, Waker>,
    keys_issued: u64,
}

impl Wakers {
    /// Returns whether a waker equal to `waker` is registered for `key`.
    pub(crate) fn would_wake(&self, key: Option<u64>, waker: &Waker) -> bool {
        let registered = key.and_then(|key| self.by_key.get(&key));
        registered.is_some_and(|registered| registered.will_wake(waker))
    }

    /// Registers `waker` under `key`, or under a new key. Returns the replaced waker, to be dropped without
    /// a lock.
    pub(crate) fn insert(&mut self, key: &mut Option<u64>, waker: Waker) -> Option<Waker> {
        let key = key.get_or_insert_with(|| {
            self.keys_issued += 1;
            self.keys_issued
        });
        self.by_key.insert(*key, waker)
    }

    /// Removes the waker of a future that no longer waits.
    pub(crate) fn remove(&mut self, key: u64) -> Option<Waker> {
        self.by_key.remove(&key)
    }

    /// Takes all wakers.
    pub(crate) fn take_all(&mut self) -> impl Iterator<Item = Waker> + use<> {
        std::mem::take(&mut self.by_key).into_values()
    }
}
