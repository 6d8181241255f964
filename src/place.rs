//! What a subscription and its manager share: who it is, and where it stands.

use std::fmt;
use std::panic::Location;

use crate::cursor::Cursor;
use crate::inspect::SubscriberId;
use crate::options::Overflow;
use crate::sync::{Arc, AtomicU64, Ordering};

pub(crate) struct Place {
    pub(crate) id: SubscriberId,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) created_at: &'static Location<'static>,
    pub(crate) overflow: Overflow,
    /// 1 to the manager's capacity.
    pub(crate) window: usize,
    pub(crate) cursor: Cursor,
    missed: AtomicU64,
}

impl Place {
    pub(crate) fn new(
        id: SubscriberId,
        name: Option<Arc<str>>,
        created_at: &'static Location<'static>,
        overflow: Overflow,
        window: usize,
        position: u64,
    ) -> Arc<Self> {
        Arc::new(Self {
            id,
            name,
            created_at,
            overflow,
            window,
            cursor: Cursor::new(position),
            missed: AtomicU64::new(0),
        })
    }

    pub(crate) fn missed(&self) -> u64 {
        self.missed.load(Ordering::Acquire)
    }

    /// Counts one more event lost; by the manager, under its lock.
    pub(crate) fn count_missed(&self) {
        self.missed.fetch_add(1, Ordering::AcqRel);
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("overflow", &self.overflow)
            .field("window", &self.window)
            .finish_non_exhaustive()
    }
}
