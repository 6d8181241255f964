//! The values of a bucket, until the bucket ends.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{Mutex as WriteLock, MutexGuard as WriteGuard};

use super::exit::ExitReason;
use crate::util::panic_guard::with_guarded_waker;
use crate::util::shrink::Shrink;
use crate::util::sync::Mutex;
use crate::util::told_once::{Told, ToldOnce};

/// Values by key. The values are shared so that they can be taken out under the lock, and cloned or
/// dropped after unlocking.
pub(super) type Values<V> = HashMap<String, Arc<V>>;

/// The capacity kept by a bucket with fewer values.
const MIN_CAPACITY: usize = 16;

/// Removes and returns one value.
pub(super) fn remove<V>(values: &mut Values<V>, key: &str) -> Option<Arc<V>> {
    let removed = values.remove(key);
    values.shrink_if_sparse(MIN_CAPACITY);
    removed
}

/// The values or the exit reason of a bucket.
///
/// # Invariants
/// 1. `values` turns into the exit reason once, under the owner's lock, in the same step as the
///    name becomes free. So a name never belongs to an ended bucket.
/// 2. `exit` holds the same reason soon after. Callers of `stopped` would otherwise wait for ever.
/// 3. Only the holder of `write_lock` replaces values, so that `update` overwrites no change.
/// 4. No value is cloned or dropped while `values` is locked, because both run user code, which may
///    call the bucket.
pub(super) struct Contents<V> {
    values: Mutex<Result<Values<V>, ExitReason>>,
    write_lock: WriteLock<()>,
    exit: Arc<ToldOnce<ExitReason>>,
}

impl<V> Contents<V> {
    pub(super) fn new() -> Self {
        Self {
            values: Mutex::new(Ok(Values::new())),
            write_lock: WriteLock::new(()),
            exit: Arc::default(),
        }
    }

    /// Waits for the exclusive right to change values, in the order of the calls.
    pub(super) async fn write_lock(&self) -> WriteGuard<'_, ()> {
        with_guarded_waker(self.write_lock.lock()).await
    }

    /// Runs `code`, which must not be user code, on the values. Returns the exit reason if the
    /// bucket has ended.
    pub(super) fn with_values<T>(
        &self,
        code: impl FnOnce(&mut Values<V>) -> T,
    ) -> Result<T, ExitReason> {
        let mut values = self.values.lock();
        match &mut *values {
            Ok(values) => Ok(code(values)),
            // Not `map`, which would drop `code`, and the values owned by `code`, under the lock.
            Err(reason) => Err(*reason),
        }
    }

    pub(super) fn exit_reason(&self) -> Option<ExitReason> {
        self.with_values(|_| ()).err()
    }

    /// Returns a future of the exit reason.
    pub(super) fn stopped(&self) -> Told<ExitReason> {
        self.exit.told()
    }

    /// Empties the bucket permanently. The caller must drop the returned values and call
    /// [`notify`](Self::notify) after unlocking.
    pub(super) fn end(&self, reason: ExitReason) -> Values<V> {
        let live = std::mem::replace(&mut *self.values.lock(), Err(reason));
        debug_assert!(live.is_ok(), "an ended bucket has lost its name already");
        live.unwrap_or_default()
    }

    /// Wakes all receivers of the exit reason.
    pub(super) fn notify(&self, reason: ExitReason) {
        self.exit.tell(reason);
    }
}
