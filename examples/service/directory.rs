//! A directory of the names of all buckets, read page by page.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Bound;
use std::sync::{Arc, Mutex, PoisonError};

use genevent::kv::RegistryEvent;

/// The names of all buckets, as of the last event of the registry.
///
/// [`Registry::names`](genevent::kv::Registry::names) copies all names. If each asking client kept
/// such a copy until the client has read the answer, a few clients that do not read would fill the
/// memory. A client that reads page by page has to store only a single name.
#[derive(Clone, Default)]
pub(crate) struct Directory(Arc<Mutex<BTreeSet<Arc<str>>>>);

impl Directory {
    /// Applies an event. Call this function with each event, in order.
    pub(crate) fn update(&self, event: &RegistryEvent<String>) {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            RegistryEvent::Created { name, .. } => {
                names.insert(name.as_str().into());
            }
            RegistryEvent::Exited { name, .. } => {
                names.remove(name.as_str());
            }
            _ => {}
        }
    }

    /// Returns up to `limit` names that follow `after` in alphabetical order.
    pub(crate) fn page(&self, after: Option<&str>, limit: usize) -> Vec<Arc<str>> {
        let names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let page = names.range::<str, _>((start, Bound::Unbounded));
        page.take(limit).cloned().collect()
    }
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Directory").finish_non_exhaustive()
    }
}
