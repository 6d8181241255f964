//! The names of handlers: each once, oldest first, told at once whatever the handlers do.

use std::any::Any;
use std::collections::{BTreeMap, HashMap};

use crate::util::shrink::Shrink;
use crate::util::sync::{Arc, Mutex};

/// What a name stands for; the roster does not ask.
pub(crate) type Entry = Arc<dyn Any + Send + Sync>;

/// Room for so many names is kept when there are fewer.
const KEPT: usize = 16;

/// # Invariants
/// 1. `keys` and `listed` hold the same names.
#[derive(Default)]
pub(crate) struct HandlerNames(Mutex<State>);

#[derive(Default)]
struct State {
    given: u64,
    keys: HashMap<Arc<str>, u64>,
    listed: BTreeMap<u64, (Arc<str>, Option<Entry>)>,
}

impl HandlerNames {
    /// Takes the name, unless it is taken; nobody finds anything under it until `fill`.
    pub(crate) fn reserve(&self, name: &Arc<str>) -> Option<u64> {
        let mut state = self.0.lock();
        if state.keys.contains_key(name) {
            return None;
        }
        state.given += 1;
        let key = state.given;
        state.keys.insert(Arc::clone(name), key);
        state.listed.insert(key, (Arc::clone(name), None));
        Some(key)
    }

    /// Says what the name stands for from now on.
    pub(crate) fn fill(&self, key: u64, entry: Entry) {
        let mut state = self.0.lock();
        let old = match state.listed.get_mut(&key) {
            Some((_, known)) => known.replace(entry),
            None => Some(entry),
        };
        drop(state);
        drop(old);
    }

    /// Frees the name.
    pub(crate) fn free(&self, key: u64) {
        let mut state = self.0.lock();
        let old = state.listed.remove(&key);
        if let Some((name, _)) = &old {
            state.keys.remove(name);
            state.keys.shrink_if_sparse(KEPT);
        }
        drop(state);
        drop(old);
    }

    pub(crate) fn find(&self, name: &str) -> Option<Entry> {
        let state = self.0.lock();
        let (_, entry) = &state.listed[state.keys.get(name)?];
        entry.clone()
    }

    /// Oldest first.
    pub(crate) fn names(&self) -> Vec<String> {
        let state = self.0.lock();
        let listed = state.listed.values();
        listed.map(|(name, _)| name.to_string()).collect()
    }
}
