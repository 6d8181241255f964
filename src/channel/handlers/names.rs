//! The names of handlers: unique, oldest first, and readable without waiting for any handler.

use std::any::Any;
use std::collections::{BTreeMap, HashMap};

use crate::subscriber_id::SubscriberId;
use crate::util::shrink::Shrink;
use crate::util::sync::{Arc, Mutex};

/// The address of a handler or a group, behind its name.
pub(crate) trait Address: Send + Sync {
    /// Returns the id of the handler or the group. A swap keeps the id.
    fn id(&self) -> SubscriberId;
    /// Returns the handler of the group with this id.
    fn find_member(&self, id: SubscriberId) -> Option<Entry>;
    /// Ends the handler that has the name at once: the handler found by the name, or the successor of a swap
    /// meanwhile. Ends a group with all of its handlers.
    fn abort_by_name(&self) {
        self.mark_aborted();
        self.wake_aborted();
    }
    /// The first half of [`abort_by_name`](Self::abort_by_name): marks the handlers, which go on until their
    /// task is woken.
    fn mark_aborted(&self);
    /// As [`mark_aborted`](Self::mark_aborted), for a disconnect. Returns whether this disconnect is the first.
    fn mark_disconnected(&self) -> bool;
    /// The second half of [`abort_by_name`](Self::abort_by_name): wakes the task.
    fn wake_aborted(&self);
    /// Returns the address, to be downcast to its type.
    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

pub(crate) type Entry = Arc<dyn Address>;

/// Capacity that is kept while fewer names are in use.
const MIN_CAPACITY: usize = 16;

/// # Invariants
/// 1. `keys` and `listed` hold the same names: every listed name can be found, and the reverse.
/// 2. Entries are dropped after unlocking: dropping an address can run user code.
#[derive(Default)]
pub(crate) struct HandlerNames(Mutex<State>);

#[derive(Default)]
struct State {
    /// Number of names ever reserved; keys rise, so `listed` is in order of age.
    reserved: u64,
    keys: HashMap<Arc<str>, u64>,
    /// `None` until `fill`.
    listed: BTreeMap<u64, (Arc<str>, Option<Entry>)>,
}

impl HandlerNames {
    /// Reserves `name` and returns its key, or `None` if `name` is in use. `find` finds nothing
    /// under `name` until `fill`.
    pub(crate) fn reserve(&self, name: &Arc<str>) -> Option<u64> {
        let mut state = self.0.lock();
        if state.keys.contains_key(name) {
            return None;
        }
        state.reserved += 1;
        let key = state.reserved;
        state.keys.insert(Arc::clone(name), key);
        state.listed.insert(key, (Arc::clone(name), None));
        Some(key)
    }

    /// Sets the entry of a name, unless the name has been freed.
    pub(crate) fn fill(&self, key: u64, entry: Entry) {
        let mut state = self.0.lock();
        let old = match state.listed.get_mut(&key) {
            Some((_, current)) => current.replace(entry),
            None => Some(entry),
        };
        drop(state);
        drop(old);
    }

    /// Frees a name.
    pub(crate) fn free(&self, key: u64) {
        let mut state = self.0.lock();
        let old = state.listed.remove(&key);
        if let Some((name, _)) = &old {
            state.keys.remove(name);
            state.keys.shrink_if_sparse(MIN_CAPACITY);
        }
        drop(state);
        drop(old);
    }

    /// Returns the entry of a name.
    pub(crate) fn find(&self, name: &str) -> Option<Entry> {
        let state = self.0.lock();
        let (_, entry) = &state.listed[state.keys.get(name)?];
        entry.clone()
    }

    /// Returns the entry of the handler or the group with this id, also of a handler of a group.
    pub(crate) fn find_subscriber(&self, id: SubscriberId) -> Option<Entry> {
        self.entries().into_iter().find_map(|entry| {
            if entry.id() == id {
                return Some(entry);
            }
            entry.find_member(id)
        })
    }

    /// Returns the entries, oldest first.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        let state = self.0.lock();
        let listed = state.listed.values();
        listed.filter_map(|(_, entry)| entry.clone()).collect()
    }

    /// Returns the names, oldest first.
    pub(crate) fn names(&self) -> Vec<String> {
        let state = self.0.lock();
        let listed = state.listed.values();
        listed.map(|(name, _)| name.to_string()).collect()
    }
}
