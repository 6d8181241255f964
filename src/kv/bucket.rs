//! A bucket: values by key, until the bucket ends.

use std::fmt;
use std::future::Future;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::contents::{Contents, Values, remove};
use super::exit::ExitReason;
use crate::util::panic_guard::{Guarded, drop_caught, drop_payload};
use crate::util::sync::{AtomicU64, Ordering};

/// A named store of values by key, made by [`Registry::create`](super::Registry::create).
///
/// A bucket is cheap to clone. All clones are the same bucket, and only clones are equal. A bucket
/// lives until it is [stopped](Self::stop), a closure panics in [`update`](Self::update), or the
/// last [`Registry`](super::Registry) is dropped; a clone does not keep the bucket alive. The end
/// of a bucket drops its values and leaves the bucket empty: from then on `get`, `put` and `delete`
/// return `None`, and `update` returns the reason of the end.
///
/// Changes happen one at a time, in the order of the calls. `get` waits for no change.
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

/// The owner of a bucket's name, which ends the bucket and frees the name in one step.
pub(super) trait BucketOwner<V>: Send + Sync {
    /// Ends the bucket with this reason, unless the bucket has ended already.
    fn end(&self, bucket: &Bucket<V>, reason: ExitReason);
}

struct Inner<V> {
    name: Arc<str>,
    contents: Contents<V>,
    owner: Arc<dyn BucketOwner<V>>,
    /// The sequence number of the bucket's `Created` in the registry's events.
    created_seq: u64,
    /// The sequence number of the bucket's `Exited`; 0 while the bucket lives.
    exited_seq: AtomicU64,
}

impl<V: Clone> Bucket<V> {
    /// Returns a clone of the value of `key`. Never waits, not even for a running `update`.
    ///
    /// Returns `None` if `key` has no value or the bucket has ended.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
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
        reason = "every access to a bucket is async, so that a bucket can become remote"
    )]
    pub async fn get(&self, key: &str) -> Option<V> {
        let found = self
            .inner
            .contents
            .with_values(|values| values.get(key).cloned());
        found.ok()?.map(unwrap_or_clone)
    }

    /// Sets the value of `key`, and returns the previous value.
    ///
    /// Returns `None` and drops `value` if the bucket has ended.
    ///
    /// # Cancel safety
    /// If the future is dropped while another change is running, nothing is set. The poll that
    /// returns `Ready` sets the value.
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
    pub fn put(&self, key: impl Into<String>, value: V) -> impl Future<Output = Option<V>> {
        // `value` is guarded before the first poll: an unpolled future may be dropped in a panic.
        let value = Guarded::new(Arc::new(value));
        let key = key.into();
        async move {
            let write_guard = self.inner.contents.write_lock().await;
            let old = self
                .inner
                .contents
                .with_values(|values| values.insert(key, value.into_inner()));
            drop(write_guard);
            old.ok()?.map(unwrap_or_clone)
        }
    }

    /// Removes `key`, and returns its value. Returns `None` if `key` has no value or the bucket has
    /// ended.
    ///
    /// # Cancel safety
    /// If the future is dropped while another change is running, nothing is removed. The poll that
    /// returns `Ready` removes the value.
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
        let write_guard = self.inner.contents.write_lock().await;
        let old = self
            .inner
            .contents
            .with_values(|values| remove(values, key));
        drop(write_guard);
        old.ok()?.map(unwrap_or_clone)
    }

    /// Computes a new value of `key` from the current value, without another change in between, and
    /// returns the new value.
    ///
    /// `change` receives `None` if `key` has no value, and returns `None` to remove `key`. `change`
    /// may take long: no lock is held meanwhile, only other changes of this bucket wait. `change`
    /// may call `stop`, the registry and other buckets. Another change of the same bucket, awaited
    /// inside of `change`, would never finish.
    ///
    /// If `change` panics, the bucket ends as [`Panicked`](ExitReason::Panicked), because a
    /// half-done change must not be kept. The registry and its other buckets continue.
    ///
    /// # Errors
    /// Returns the reason of the bucket's end, if the bucket has ended before the call or ends
    /// while `change` runs.
    ///
    /// # Cancel safety
    /// If the future is dropped while another change is running, `change` is not called. The poll
    /// that returns `Ready` calls `change`.
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
    pub fn update<F>(
        &self,
        key: impl Into<String>,
        change: F,
    ) -> impl Future<Output = Result<Option<V>, ExitReason>>
    where
        F: FnOnce(Option<V>) -> Option<V>,
    {
        // `change` is guarded before the first poll: an unpolled future may be dropped in a panic.
        let change = Guarded::new(change);
        let key = key.into();
        async move {
            let contents = &self.inner.contents;
            // Wait for other changes. `get` is not affected.
            let write_guard = contents.write_lock().await;
            let old = contents.with_values(|values| values.get(&key).cloned())?;
            let old = Guarded::new(old);
            // Run user code without a lock on the values: a panic must end only this bucket.
            let changed = catch_unwind(AssertUnwindSafe(|| {
                // `change` stays guarded until `Clone` has returned.
                let current = old.as_deref().cloned();
                let new = Guarded::new(change.into_inner()(current));
                let kept = Guarded::new(new.clone().map(Arc::new));
                (kept, new)
            }));
            let (kept, new) = match changed {
                Ok(changed) => changed,
                Err(payload) => {
                    self.inner.owner.end(self, ExitReason::Panicked);
                    drop_payload(payload);
                    // `change` may have stopped the bucket before the panic: the first reason
                    // stays.
                    return Err(contents.exit_reason().unwrap_or(ExitReason::Panicked));
                }
            };
            // Store the result, and drop the old values after unlocking.
            let replaced = contents.with_values(|values| match kept.into_inner() {
                Some(kept) => values.insert(key, kept),
                None => remove(values, &key),
            });
            drop(write_guard);
            drop(old);
            drop_caught(replaced?);
            Ok(new.into_inner())
        }
    }
}

/// Takes the value out, or clones the value if `get` or `update` still shares it. The shared value
/// is guarded: its `Drop` may panic after its `Clone` has panicked.
fn unwrap_or_clone<V: Clone>(shared: Arc<V>) -> V {
    match Arc::try_unwrap(shared) {
        Ok(value) => value,
        Err(shared) => V::clone(&Guarded::new(shared)),
    }
}

impl<V> Bucket<V> {
    /// Creates an empty live bucket whose `Created` has the number `created_seq`. Only `owner` can
    /// end the bucket.
    pub(super) fn new(name: Arc<str>, owner: Arc<dyn BucketOwner<V>>, created_seq: u64) -> Self {
        Self {
            inner: Arc::new(Inner {
                name,
                contents: Contents::new(),
                owner,
                created_seq,
                exited_seq: AtomicU64::new(0),
            }),
        }
    }

    pub(super) fn shared_name(&self) -> Arc<str> {
        Arc::clone(&self.inner.name)
    }

    /// Returns whether `owner` owns this bucket.
    pub(super) fn belongs_to<T>(&self, owner: &Arc<T>) -> bool {
        std::ptr::addr_eq(Arc::as_ptr(&self.inner.owner), Arc::as_ptr(owner))
    }

    /// Returns the sequence number of the bucket's `Created`.
    pub(super) fn created_seq(&self) -> u64 {
        self.inner.created_seq
    }

    /// Returns the sequence number of the bucket's `Exited`; 0 before the event is queued.
    pub(super) fn exited_seq(&self) -> u64 {
        self.inner.exited_seq.load(Ordering::Acquire)
    }

    /// Returns the name the bucket was created under. After the bucket's end, the name may belong
    /// to another bucket.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Ends the bucket. On return its name is free, and its `Exited` is queued for delivery.
    ///
    /// Never waits. May be called repeatedly and from anywhere. Like Elixir's `Agent.stop`, except
    /// for queued changes, which find the bucket ended.
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

    /// Waits until the bucket has ended, and returns the reason. Resolves at once if the bucket has
    /// ended already.
    ///
    /// Any number of callers may wait. The future does not borrow the bucket.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
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
        self.inner.contents.stopped()
    }

    /// Empties the bucket permanently; its `Exited` has the number `exited_seq`. Called by the
    /// owner with the owner's lock held.
    pub(super) fn end_locked(&self, reason: ExitReason, exited_seq: u64) -> Ending<V> {
        self.inner.exited_seq.store(exited_seq, Ordering::Release);
        Ending {
            bucket: self.clone(),
            reason,
            values: self.inner.contents.end(reason),
        }
    }
}

/// The second half of a bucket's end, which runs user code and so must run without any lock.
#[must_use = "callers of `stopped` wait until `run` is called"]
pub(super) struct Ending<V> {
    bucket: Bucket<V>,
    reason: ExitReason,
    values: Values<V>,
}

impl<V> Ending<V> {
    /// Wakes the callers of `stopped`, and drops the values.
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
