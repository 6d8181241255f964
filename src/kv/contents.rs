//! What a bucket holds, until it ends.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{Mutex as WriteLock, MutexGuard as TurnGuard, watch};

use super::exit::ExitReason;
use crate::util::panic_guard::with_guarded_waker;
use crate::util::shrink::Shrink;
use crate::util::sync::Mutex;

/// Shared, so that they can be taken out under the lock, and cloned and dropped after it.
pub(super) type Values<V> = HashMap<String, Arc<V>>;

/// Room for so many values is kept when there are fewer.
const KEPT: usize = 16;

/// Takes one value out.
pub(super) fn remove<V>(values: &mut Values<V>, key: &str) -> Option<Arc<V>> {
    let removed = values.remove(key);
    values.shrink_if_sparse(KEPT);
    removed
}

/// # Invariants
/// 1. `values` turns into the reason once, in one step with the name: under the lock of the
///    bucket's home.
/// 2. `exit` tells that reason, soon after.
/// 3. Values are replaced by whoever has the `write_lock`.
/// 4. No value is cloned or dropped while `values` is locked: that is other people's code.
pub(super) struct Contents<V> {
    values: Mutex<Result<Values<V>, ExitReason>>,
    write_lock: WriteLock<()>,
    exit: watch::Sender<Option<ExitReason>>,
}

impl<V> Contents<V> {
    pub(super) fn new() -> Self {
        Self {
            values: Mutex::new(Ok(Values::new())),
            write_lock: WriteLock::new(()),
            exit: watch::Sender::new(None),
        }
    }

    /// The right to change values, first come, first served.
    pub(super) async fn write_lock(&self) -> TurnGuard<'_, ()> {
        with_guarded_waker(self.write_lock.lock()).await
    }

    /// Runs our own `code` on the values, unless they are gone.
    pub(super) fn with_values<T>(
        &self,
        code: impl FnOnce(&mut Values<V>) -> T,
    ) -> Result<T, ExitReason> {
        let mut values = self.values.lock();
        match &mut *values {
            Ok(values) => Ok(code(values)),
            // Not by `map`, which would drop `code`, and the values it holds, under the lock.
            Err(reason) => Err(*reason),
        }
    }

    pub(super) fn exit_reason(&self) -> Option<ExitReason> {
        self.with_values(|_| ()).err()
    }

    /// Tells the reason, once there is one.
    pub(super) fn exit(&self) -> watch::Receiver<Option<ExitReason>> {
        self.exit.subscribe()
    }

    /// Empties it for good; the values are yet to be dropped, and the reason to be told.
    pub(super) fn end(&self, reason: ExitReason) -> Values<V> {
        let live = std::mem::replace(&mut *self.values.lock(), Err(reason));
        debug_assert!(live.is_ok(), "a bucket that ended has no name to lose");
        live.unwrap_or_default()
    }

    /// Tells the reason to all who wait for it.
    pub(super) fn notify(&self, reason: ExitReason) {
        self.exit.send_replace(Some(reason));
    }
}
