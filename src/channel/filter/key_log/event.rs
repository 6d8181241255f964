//! The events of a key log.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::channel::filter::user_code::Panicked;
use crate::channel::log::segment::Segment;
use crate::util::panic_guard::Guarded;
use crate::util::sync::Arc;

/// An event with its sequence number.
pub(crate) struct KeyedEvent<E> {
    seq: u64,
    event: Arc<SharedEvent<E>>,
}

impl<E> KeyedEvent<E> {
    pub(super) fn new(seq: u64, event: Arc<SharedEvent<E>>) -> Self {
        Self { seq, event }
    }

    #[inline]
    pub(super) fn seq(&self) -> u64 {
        self.seq
    }

    /// Clones the event, as [`CloneEvent`].
    #[inline]
    pub(super) fn clone_event(&self) -> Result<E, Panicked> {
        self.event.clone_event()
    }
}

/// An event that all readers share. A trait object, so that a subscription to values of any type need not know
/// that these are `Clone` and `Sync`.
pub(crate) type SharedEvent<E> = dyn CloneEvent<E> + Send + Sync;

pub(crate) trait CloneEvent<E> {
    /// Clones the event. Runs user code, and is never called under a lock.
    ///
    /// # Errors
    /// [`Panicked`], if `Clone` panicked.
    fn clone_event(&self) -> Result<E, Panicked>;
}

impl<E: Clone> CloneEvent<E> for Guarded<E> {
    #[inline]
    fn clone_event(&self) -> Result<E, Panicked> {
        let event = catch_unwind(AssertUnwindSafe(|| E::clone(self)));
        event.map_err(Panicked::from_payload)
    }
}

/// Segments to be dropped without a lock.
pub(super) type Freed<E> = Vec<Segment<KeyedEvent<E>>>;
