//! The lock, the atomics and `spawn`: from `std` and tokio, or from a model checker under a private
//! cfg.
//!
//! All state shared by threads uses the types of this module, so the models in `tools/models` see
//! every step. `Arc` and `OnceLock` are always the types of `std`, because a lock or an atomic of
//! this module already orders every access to their contents.

use std::sync::PoisonError;
#[cfg(not(any(genevent_loom, genevent_shuttle)))]
use std::sync::TryLockError;

pub(crate) use std::sync::Arc;

#[cfg(genevent_loom)]
use loom::sync as imp;
#[cfg(genevent_shuttle)]
use shuttle::sync as imp;
#[cfg(not(any(genevent_loom, genevent_shuttle)))]
use std::sync as imp;

#[cfg(all(feature = "rt", not(genevent_shuttle)))]
pub(crate) use tokio::spawn;

pub(crate) use imp::MutexGuard;
pub(crate) use imp::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// Spawns a task. The model waits for the task's end, although nothing awaits its handle.
#[cfg(genevent_shuttle)]
pub(crate) fn spawn(task: impl std::future::Future<Output = ()> + Send + 'static) {
    std::mem::forget(shuttle::future::spawn(task)); // Dropping the handle would detach the task.
}

/// A mutex without poisoning.
///
/// No user code runs while the mutex is locked, so a panic cannot leave the value half-changed.
pub(crate) struct Mutex<T>(imp::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(imp::Mutex::new(value))
    }

    /// Accesses the value without locking.
    #[inline]
    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(not(any(genevent_loom, genevent_shuttle)))]
    #[inline]
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        match self.try_lock() {
            Some(guard) => guard,
            None => self.lock_contended(),
        }
    }

    #[cfg(not(any(genevent_loom, genevent_shuttle)))]
    #[inline]
    fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        match self.0.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Spins without touching the lock between attempts, and sleeps only after several attempts.
    ///
    /// The guarded data is in the cache of the thread holding the lock, and the thread mostly locks
    /// again at once, to read the next event or to park. Several acquisitions by the same thread
    /// are cheaper than alternating threads, where all of the data moves between processors each
    /// time. Polling the lock continuously, as `std` does, would also take the lock's own cache
    /// line away from the unlocking thread.
    #[cfg(not(any(genevent_loom, genevent_shuttle)))]
    #[cold]
    #[inline(never)]
    fn lock_contended(&self) -> MutexGuard<'_, T> {
        for _ in 0..ATTEMPTS {
            for _ in 0..SPINS {
                std::hint::spin_loop();
            }
            if let Some(guard) = self.try_lock() {
                return guard;
            }
        }
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks without spinning: further attempts would only add steps for a model to explore.
    #[cfg(any(genevent_loom, genevent_shuttle))]
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The number of attempts to lock before the thread sleeps.
#[cfg(not(any(genevent_loom, genevent_shuttle)))]
const ATTEMPTS: usize = 8;

/// The number of spins between two attempts: one third of a microsecond to over a microsecond,
/// depending on the processor, as long as about ten acquisitions by a single thread.
#[cfg(not(any(genevent_loom, genevent_shuttle)))]
const SPINS: usize = 32;

/// A number accessed only under a certain lock, but stored outside of the value guarded by the
/// lock. Model checkers do not see the number: the lock orders every access.
pub(crate) struct LockedU64(std::sync::atomic::AtomicU64);

impl LockedU64 {
    pub(crate) const fn new(number: u64) -> Self {
        Self(std::sync::atomic::AtomicU64::new(number))
    }

    #[inline]
    pub(crate) fn get(&self) -> u64 {
        self.0.load(std::sync::atomic::Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn set(&self, number: u64) {
        self.0.store(number, std::sync::atomic::Ordering::Relaxed);
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}
