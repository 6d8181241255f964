//! The lock, the atomics and the task of the registry: from `std` and tokio, or from a model
//! checker under a private cfg.
//!
//! Everything that two threads touch at once goes through here, so that the models in
//! `models/tests` see every step of it. `Arc` and `OnceLock` stay those of `std`: a slot is written
//! before its number is told, under the lock, and the place for deliveries before one is claimed.

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
#[cfg(feature = "rt")]
pub(crate) use imp::atomic::AtomicBool;
pub(crate) use imp::atomic::{AtomicU64, AtomicUsize, Ordering};

/// A task that a model waits for before it ends, though nobody awaits it.
#[cfg(genevent_shuttle)]
pub(crate) fn spawn(task: impl std::future::Future<Output = ()> + Send + 'static) {
    std::mem::forget(shuttle::future::spawn(task)); // to drop it would detach the task
}

/// A mutex that a panic cannot poison.
///
/// None of the user's code runs under it, so there is nothing that could leave it half-way.
pub(crate) struct Mutex<T>(imp::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(imp::Mutex::new(value))
    }

    #[cfg(not(any(genevent_loom, genevent_shuttle)))]
    #[inline]
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        match self.try_lock() {
            Some(guard) => guard,
            None => self.lock_patiently(),
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

    /// Keeps its eyes off a taken lock for a while before it looks again, and sleeps only then.
    ///
    /// What the lock guards stays in the cache of the thread that has it, which mostly comes back
    /// for it at once, to read on or to sleep: several turns in a row cost less than one turn each,
    /// for which all of it moves from one processor to the other. Looking all the time, as `std`
    /// does, takes even the lock itself away from who is about to release it.
    #[cfg(not(any(genevent_loom, genevent_shuttle)))]
    #[cold]
    #[inline(never)]
    fn lock_patiently(&self) -> MutexGuard<'_, T> {
        for _ in 0..LOOKS {
            for _ in 0..PAUSES {
                std::hint::spin_loop();
            }
            if let Some(guard) = self.try_lock() {
                return guard;
            }
        }
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// In a model, to look again would be a step that tells nothing.
    #[cfg(any(genevent_loom, genevent_shuttle))]
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How often a taken lock is looked at before its thread sleeps.
#[cfg(not(any(genevent_loom, genevent_shuttle)))]
const LOOKS: usize = 8;

/// How long it is not looked at in between: from a third of a microsecond to more than one, as
/// processors differ; some ten turns of one thread.
#[cfg(not(any(genevent_loom, genevent_shuttle)))]
const PAUSES: usize = 32;

/// A number that is read and written under one lock, although it lies where that lock cannot guard
/// it. Not a step that a model need see.
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
