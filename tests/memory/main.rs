//! Memory depends on the current contents of a manager, not on their greatest number ever.
//!
//! Each test creates and removes many items of a kind, and compares the heap before with the heap
//! after, while the manager lives on. The allocator counts for each thread, and every test polls by
//! hand on its own thread: the figures are exact, however many tests run concurrently.

#[path = "../support/drive.rs"]
mod drive;

#[cfg(feature = "rt")]
mod handlers;
#[cfg(feature = "rt")]
mod kv;
mod publishers;
mod subscribers;
mod unread;

use allocation_counter::measure;

/// The number of concurrent items.
const CROWD: usize = 3_000;

/// The kept entries of each table, so small numbers of items cost no allocation.
const FEW_TABLES: i64 = 12 * 1024;

/// Asserts that `work` leaves only a few short tables on the heap, and returns the result of `work`.
#[track_caller]
fn leaves_little<T>(work: impl FnOnce() -> T) -> T {
    leaves(FEW_TABLES, work)
}

/// Asserts that `work` leaves at most this many bytes on the heap, and returns the result of `work`.
#[track_caller]
fn leaves<T>(most: i64, work: impl FnOnce() -> T) -> T {
    let mut result = None;
    let info = measure(|| result = Some(work()));
    assert!(
        info.bytes_current <= most,
        "{} bytes are left, of {} at the most",
        info.bytes_current,
        info.bytes_max
    );
    result.expect("`work` has run")
}

/// The order in which the items leave.
#[derive(Clone, Copy, Debug)]
enum Order {
    OldestFirst,
    NewestFirst,
    /// Neighbours seldom leave in succession.
    Mixed,
}

const ORDERS: [Order; 3] = [Order::OldestFirst, Order::NewestFirst, Order::Mixed];

impl Order {
    /// Removes all members of `crowd`, in this order.
    fn drain<T>(self, crowd: &mut Vec<T>, mut leave: impl FnMut(T)) {
        match self {
            Self::OldestFirst => crowd.drain(..).for_each(leave),
            Self::NewestFirst => crowd.drain(..).rev().for_each(leave),
            Self::Mixed => {
                let mut at = 0;
                while !crowd.is_empty() {
                    at = (at + 7_919) % crowd.len();
                    leave(crowd.swap_remove(at));
                }
            }
        }
    }
}
