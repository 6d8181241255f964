//! The lock, the atomics and the task of the registry: from `std` and tokio, or from a model
//! checker under a private cfg.
//!
//! Everything that two threads touch at once goes through here, so that the models in
//! `models/tests` see every step of it. `Arc` and `OnceLock` stay those of `std`: a slot is written
//! before its number is told, under the lock, and the place for deliveries before one is claimed.

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

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// A number that is read and written under one lock, although it lies where that lock cannot guard
/// it. Not a step that a model need see.
pub(crate) struct Noted(std::sync::atomic::AtomicU64);

impl Noted {
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
