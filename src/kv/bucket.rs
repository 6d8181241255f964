//! One bucket: values by key, until it ends.

use std::fmt;
use std::future::Future;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::contents::{Contents, Values, remove};
use super::exit::ExitReason;
use crate::util::panic_guard::{drop_caught, drop_payload, with_guarded_waker};
use crate::util::sync::{AtomicU64, Ordering};

/// A named place for values by key, made by [`Registry::create`](super::Registry::create).
///
/// Cheap to clone; all clones are the same bucket, and only they are equal. It lives until it is
/// [stopped](Self::stop), a closure panics in [`update`](Self::update), or the last
/// [`Registry`](super::Registry) is dropped; holding it does not keep it alive. Its values are
/// dropped when it ends. From then on it is empty: `get`, `put` and `delete` give `None`, and
/// `update` says why.
///
/// Changes happen one at a time, first come, first served; `get` waits for none of them.
///
/// # Examples
/// ```
/// use genevent::EventManager;
/// use genevent::kv::{ExitReason, Registry};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let registry = Registry::new(EventManager::default());
/// let shopping = registry.create("shopping").await.unwrap();
/// shopping.put("milk", 1).await;
/// let more = shopping.update("milk", |n| n.map(|n| n + 1)).await;
/// assert_eq!(more, Ok(Some(2)));
///
/// shopping.stop();
/// assert_eq!(shopping.get("milk").await, None);
/// assert_eq!(shopping.stopped().await, ExitReason::Stopped);
/// # }
/// ```
pub struct Bucket<V> {
    inner: Arc<Inner<V>>,
}

/// Where a bucket's name stands: it alone can end a bucket, in one step with its name.
pub(super) trait BucketOwner<V>: Send + Sync {
    /// Ends the bucket for this reason, unless it has ended already.
    fn end(&self, bucket: &Bucket<V>, reason: ExitReason);
}

struct Inner<V> {
    name: Arc<str>,
    contents: Contents<V>,
    owner: Arc<dyn BucketOwner<V>>,
    /// The number of its `Created` among the events of its home.
    created_seq: u64,
    /// The number of its `Exited`; 0 while it lives.
    exited_seq: AtomicU64,
}

impl<V: Clone> Bucket<V> {
    /// The value of `key`: a clone. Never waits, not even for an `update` that is running.
    ///
    /// `None` if there is none, or once the bucket has ended.
    ///
    /// # Cancel safety
    /// Dropping it changes nothing.
    ///
    /// # Examples
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let registry = genevent::kv::Registry::new(genevent::EventManager::default());
    /// let bucket = registry.create("shopping").await.unwrap();
    /// assert_eq!(bucket.get("milk").await, None);
    /// bucket.put("milk", 3).await;
    /// assert_eq!(bucket.get("milk").await, Some(3));
    /// # }
    /// ```
    #[expect(
        clippy::unused_async,
        reason = "all access is; a bucket may yet be remote"
    )]
    pub async fn get(&self, key: &str) -> Option<V> {
        let found = self
            .inner
            .contents
            .with_values(|values| values.get(key).cloned());
        found.ok()?.map(Arc::unwrap_or_clone)
    }

    /// Sets the value of `key`, and gives the one it had.
    ///
    /// Once the bucket has ended, this gives `None` and drops `value`.
    ///
    /// # Cancel safety
    /// Dropped while another change is running: nothing is set. It is set in the poll that
    /// returns `Ready`.
    ///
    /// # Examples
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let registry = genevent::kv::Registry::new(genevent::EventManager::default());
    /// let bucket = registry.create("shopping").await.unwrap();
    /// assert_eq!(bucket.put("milk", 3).await, None);
    /// assert_eq!(bucket.put("milk", 4).await, Some(3));
    ///
    /// bucket.stop();
    /// assert_eq!(bucket.put("milk", 5).await, None);
    /// assert_eq!(bucket.get("milk").await, None);
    /// # }
    /// ```
    pub async fn put(&self, key: impl Into<String>, value: V) -> Option<V> {
        let (key, value) = (key.into(), Arc::new(value));
        let turn = self.inner.contents.write_lock().await;
        let old = self
            .inner
            .contents
            .with_values(|values| values.insert(key, value));
        drop(turn);
        old.ok()?.map(Arc::unwrap_or_clone)
    }

    /// Removes `key`, and gives the value it had. `None` also once the bucket has ended.
    ///
    /// # Cancel safety
    /// Dropped while another change is running: nothing is removed. It is removed in the poll
    /// that returns `Ready`.
    ///
    /// # Examples
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let registry = genevent::kv::Registry::new(genevent::EventManager::default());
    /// let bucket = registry.create("shopping").await.unwrap();
    /// bucket.put("milk", 3).await;
    /// assert_eq!(bucket.delete("milk").await, Some(3));
    /// assert_eq!(bucket.delete("milk").await, None);
    /// # }
    /// ```
    pub async fn delete(&self, key: &str) -> Option<V> {
        let turn = self.inner.contents.write_lock().await;
        let old = self
            .inner
            .contents
            .with_values(|values| remove(values, key));
        drop(turn);
        old.ok()?.map(Arc::unwrap_or_clone)
    }

    /// Makes a new value of the old one, with no other change in between, and gives the new one.
    ///
    /// `change` gets `None` if there is no value, and removes it by giving `None`. It may be
    /// long: nothing is locked while it runs, only other changes to this bucket wait. It may
    /// call `stop`, the registry and other buckets. Another change to this one would wait for
    /// itself.
    ///
    /// If it panics, the bucket ends as [`Panicked`](ExitReason::Panicked): what it left
    /// half-done is not kept. The registry and its other buckets go on.
    ///
    /// # Errors
    /// Why the bucket ended, if it had before, or did while `change` ran.
    ///
    /// # Cancel safety
    /// Dropped while another change is running: `change` is not called. It runs in the poll
    /// that returns `Ready`.
    ///
    /// # Examples
    /// ```
    /// use genevent::kv::ExitReason;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let registry = genevent::kv::Registry::new(genevent::EventManager::default());
    /// let bucket = registry.create("shopping").await.unwrap();
    /// let one_more = |milk: Option<u32>| Some(milk.unwrap_or(0) + 1);
    /// assert_eq!(bucket.update("milk", one_more).await, Ok(Some(1)));
    /// assert_eq!(bucket.update("milk", one_more).await, Ok(Some(2)));
    ///
    /// let spilt = bucket.update("milk", |_| panic!("spilt")).await;
    /// assert_eq!(spilt, Err(ExitReason::Panicked));
    /// assert_eq!(registry.lookup("shopping"), None);
    /// # }
    /// ```
    pub async fn update<F>(
        &self,
        key: impl Into<String>,
        change: F,
    ) -> Result<Option<V>, ExitReason>
    where
        F: FnOnce(Option<V>) -> Option<V>,
    {
        let key = key.into();
        let contents = &self.inner.contents;
        let turn = contents.write_lock().await;
        let old = contents.with_values(|values| values.get(&key).cloned())?;
        let changed = catch_unwind(AssertUnwindSafe(|| {
            let new = change(old.as_deref().cloned());
            (new.clone().map(Arc::new), new)
        }));
        let (kept, new) = match changed {
            Ok(changed) => changed,
            Err(payload) => {
                self.inner.owner.end(self, ExitReason::Panicked);
                drop_payload(payload);
                drop_caught(old);
                // Another reason if `change` stopped it before.
                return Err(contents.exit_reason().unwrap_or(ExitReason::Panicked));
            }
        };
        let replaced = contents.with_values(|values| match kept {
            Some(kept) => values.insert(key, kept),
            None => remove(values, &key),
        });
        drop(turn);
        drop_caught(old);
        replaced.map(|replaced| {
            drop_caught(replaced);
            new
        })
    }
}

impl<V> Bucket<V> {
    /// An empty bucket, alive, whose `Created` has this number. It is up to `owner` to end it.
    pub(super) fn new(name: Arc<str>, home: Arc<dyn BucketOwner<V>>, born: u64) -> Self {
        Self {
            inner: Arc::new(Inner {
                name,
                contents: Contents::new(),
                owner: home,
                created_seq: born,
                exited_seq: AtomicU64::new(0),
            }),
        }
    }

    pub(super) fn shared_name(&self) -> Arc<str> {
        Arc::clone(&self.inner.name)
    }

    /// Whether this is its home.
    pub(super) fn belongs_to<H>(&self, home: &Arc<H>) -> bool {
        std::ptr::addr_eq(Arc::as_ptr(&self.inner.owner), Arc::as_ptr(home))
    }

    /// The number of its `Created`.
    pub(super) fn created_seq(&self) -> u64 {
        self.inner.created_seq
    }

    /// The number of its `Exited`, once that is in line; 0 before.
    pub(super) fn exited_seq(&self) -> u64 {
        self.inner.exited_seq.load(Ordering::Acquire)
    }

    /// The name it was created under. Once it has ended, that may be another bucket's.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Ends it. On return its name is free, and `Exited` is in line to be delivered.
    ///
    /// Never waits, and may be called again, from anywhere. Elixir's `Agent.stop`, except that
    /// changes that still wait their turn find it ended.
    ///
    /// # Examples
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let registry = genevent::kv::Registry::<u8>::new(genevent::EventManager::default());
    /// let first = registry.create("shopping").await.unwrap();
    /// first.stop();
    /// let second = registry.create("shopping").await.unwrap();
    /// assert_ne!(first, second);
    /// # }
    /// ```
    #[doc(alias = "Agent.stop")]
    pub fn stop(&self) {
        self.inner.owner.end(self, ExitReason::Stopped);
    }

    /// Waits until it has ended, and tells why; at once if it has already.
    ///
    /// Any number may wait. The future does not borrow the bucket.
    ///
    /// # Cancel safety
    /// Dropping it changes nothing.
    ///
    /// # Examples
    /// ```
    /// use genevent::kv::ExitReason;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let registry = genevent::kv::Registry::<u8>::new(genevent::EventManager::default());
    /// let bucket = registry.create("shopping").await.unwrap();
    /// drop(registry);
    /// assert_eq!(bucket.stopped().await, ExitReason::RegistryGone);
    /// # }
    /// ```
    #[doc(alias = "Process.monitor")]
    pub fn stopped(&self) -> impl Future<Output = ExitReason> + Send + use<V> {
        let mut exit = self.inner.contents.exit();
        async move {
            let told = with_guarded_waker(exit.wait_for(Option::is_some)).await;
            // Without an answer, the bucket was dropped with all there was.
            told.ok()
                .and_then(|told| *told)
                .unwrap_or(ExitReason::RegistryGone)
        }
    }

    /// Makes it empty for good; its `Exited` has this number. For its home, under the home's
    /// lock.
    pub(super) fn end_locked(&self, reason: ExitReason, ended: u64) -> Ending<V> {
        self.inner.exited_seq.store(ended, Ordering::Release);
        Ending {
            bucket: self.clone(),
            reason,
            values: self.inner.contents.end(reason),
        }
    }
}

/// What there is yet to do about a bucket that has ended, once nothing is locked.
#[must_use = "whoever waits for the bucket's end is yet to be told"]
pub(super) struct Ending<V> {
    bucket: Bucket<V>,
    reason: ExitReason,
    values: Values<V>,
}

impl<V> Ending<V> {
    /// Tells who waits for the end, and drops the values.
    pub(super) fn run(self) {
        self.bucket.inner.contents.notify(self.reason);
        self.values.into_values().for_each(drop_caught);
    }
}

impl<V> Clone for Bucket<V> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

impl<V> PartialEq for Bucket<V> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }
}

impl<V> Eq for Bucket<V> {}

impl<V> Hash for Bucket<V> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.inner).hash(state);
    }
}

impl<V> fmt::Debug for Bucket<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bucket")
            .field("name", &self.name())
            .field("exit_reason", &self.inner.contents.exit_reason())
            .finish_non_exhaustive()
    }
}
