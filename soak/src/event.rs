//! An event that is counted from its making to its end.

use std::sync::atomic::{AtomicI64, Ordering};

static ALIVE: AtomicI64 = AtomicI64::new(0);

/// How many events there are, with their clones.
pub(crate) fn alive() -> i64 {
    ALIVE.load(Ordering::SeqCst)
}

#[derive(Debug)]
pub(crate) struct Event {
    /// The publisher in the upper half, and the number among its events in the lower one.
    pub(crate) id: u64,
    /// So that memory that is kept shows.
    _body: [u8; 64],
}

impl Event {
    pub(crate) fn new(publisher: u32, number: u32) -> Self {
        Self::of(u64::from(publisher) << 32 | u64::from(number))
    }

    fn of(id: u64) -> Self {
        ALIVE.fetch_add(1, Ordering::SeqCst);
        Self { id, _body: [0; 64] }
    }
}

impl Clone for Event {
    fn clone(&self) -> Self {
        Self::of(self.id)
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        ALIVE.fetch_sub(1, Ordering::SeqCst);
    }
}
