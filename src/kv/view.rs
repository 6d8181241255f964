//! A local copy of the existing buckets, built from a stream.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::bucket::Bucket;
use crate::util::sync::Mutex;

/// The existing buckets as of the last event of a stream. Kept up to date by
/// [`reflect`](super::RegistryStreamExt::reflect).
///
/// A view is cheap to clone; all clones are the same view. A view never waits and needs no
/// registry: its contents are the buckets that existed when the last yielded event happened, while
/// [`Registry::lookup`](super::Registry::lookup) is ahead of the events. A view keeps neither the
/// registry nor its buckets alive, and stops changing when its stream is dropped. Use each view
/// with one stream at a time.
///
/// # Examples
/// ```
/// use futures::StreamExt;
/// use genevent::EventManager;
/// use genevent::kv::{Registry, View};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let registry = Registry::<u32>::new(EventManager::default());
/// registry.create("shopping").await.unwrap();
///
/// let view = View::new();
/// let mut watch = registry.watch().reflect(view.clone());
/// assert!(!view.is_ready());
/// watch.next().await; // `Existing`
/// watch.next().await; // `Ready`
/// assert!(view.is_ready());
/// assert_eq!(view.names(), ["shopping"]);
///
/// registry.lookup("shopping").unwrap().stop();
/// assert_eq!(view.len(), 1, "`Exited` is not yielded yet");
/// watch.next().await; // `Exited`
/// assert!(view.is_empty());
/// # }
/// ```
pub struct View<V> {
    state: Arc<Mutex<State<V>>>,
}

struct State<V> {
    buckets: BTreeMap<Arc<str>, Bucket<V>>,
    ready: bool,
}

impl<V> View<V> {
    /// Creates an empty view, not ready.
    #[must_use]
    pub fn new() -> Self {
        Self {
            state: Arc::new(Mutex::new(State {
                buckets: BTreeMap::new(),
                ready: false,
            })),
        }
    }

    /// Returns the bucket with this name, if the view has one.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Bucket<V>> {
        self.state.lock().buckets.get(name).cloned()
    }

    /// Returns the names of all buckets, sorted.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let names: Vec<_> = self.state.lock().buckets.keys().cloned().collect();
        names.iter().map(ToString::to_string).collect()
    }

    /// Returns the number of buckets.
    #[must_use]
    pub fn len(&self) -> usize {
        self.state.lock().buckets.len()
    }

    /// Returns whether the view has no buckets. A new view is empty too;
    /// [`is_ready`](Self::is_ready) tells the two cases apart.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns whether the view has been complete once: the `Ready` of a [`Watch`](super::Watch)
    /// was yielded. Always false for a stream without `Ready`.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.state.lock().ready
    }

    // ---- For the stream that keeps the view up to date ------------------------------------------

    pub(super) fn insert(&self, bucket: &Bucket<V>) {
        let (name, bucket) = (bucket.shared_name(), bucket.clone());
        let old = self.state.lock().buckets.insert(name, bucket);
        drop(old);
    }

    pub(super) fn remove(&self, bucket: &Bucket<V>) {
        let mut state = self.state.lock();
        let name = bucket.name();
        // The name may belong to a newer bucket, if the stream skipped events in between.
        if state.buckets.get(name) == Some(bucket) {
            let old = state.buckets.remove_entry(name);
            drop(state);
            drop(old);
        }
    }

    /// Replaces all buckets by a complete snapshot.
    pub(super) fn replace(&self, buckets: Vec<Bucket<V>>) {
        let named = buckets
            .into_iter()
            .map(|bucket| (bucket.shared_name(), bucket));
        let buckets = named.collect();
        let mut state = self.state.lock();
        state.ready = true;
        let old = std::mem::replace(&mut state.buckets, buckets);
        drop(state);
        drop(old);
    }
}

impl<V> Clone for View<V> {
    fn clone(&self) -> Self {
        Self {
            state: Arc::clone(&self.state),
        }
    }
}

impl<V> Default for View<V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<V> fmt::Debug for View<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (len, ready) = {
            let state = self.state.lock();
            (state.buckets.len(), state.ready)
        };
        f.debug_struct("View")
            .field("len", &len)
            .field("ready", &ready)
            .finish()
    }
}
