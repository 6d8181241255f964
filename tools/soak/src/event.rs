//! An event counted from its construction to its drop.

use std::cell::Cell;
use std::sync::atomic::{AtomicI64, Ordering};

thread_local! {
    /// The number of clones so far in a poll with slow clones.
    static CLONES: Cell<Option<u32>> = const { Cell::new(None) };
}

/// Runs `poll` with clones slower than the next publish, and counts the clones.
pub(crate) fn with_slow_clones<R>(poll: impl FnOnce() -> R) -> (R, u32) {
    CLONES.set(Some(0));
    let polled = poll();
    (polled, CLONES.take().unwrap_or_default())
}

static ALIVE: AtomicI64 = AtomicI64::new(0);

/// Returns the number of live events, including clones.
pub(crate) fn alive() -> i64 {
    ALIVE.load(Ordering::SeqCst)
}

#[derive(Debug)]
pub(crate) struct Event {
    /// The publisher in the upper half, and the number of its event in the lower half.
    pub(crate) id: u64,
    /// Bytes on the heap, so a leak is visible.
    _body: [u8; 64],
}

impl Event {
    /// The numbers of publishers of follow-ups begin here.
    pub(crate) const FOLLOWER: u32 = 1 << 16;

    pub(crate) fn new(publisher: u32, number: u32) -> Self {
        Self::of(u64::from(publisher) << 32 | u64::from(number))
    }

    pub(crate) fn is_follow_up(&self) -> bool {
        self.id >> 32 >= u64::from(Self::FOLLOWER)
    }

    fn of(id: u64) -> Self {
        ALIVE.fetch_add(1, Ordering::SeqCst);
        Self { id, _body: [0; 64] }
    }
}

impl Clone for Event {
    fn clone(&self) -> Self {
        if let Some(clones) = CLONES.get() {
            CLONES.set(Some(clones + 1));
            (0..5).for_each(|_| std::thread::yield_now());
        }
        Self::of(self.id)
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        ALIVE.fetch_sub(1, Ordering::SeqCst);
    }
}
