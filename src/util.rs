//! Plumbing that knows nothing about events: locks, clocks, tasks, guards around user code.

#[macro_use]
pub(crate) mod fault;
pub(crate) mod check_pace;
pub(crate) mod clock;
#[cfg(feature = "rt")]
pub(crate) mod coop;
pub(crate) mod key_table;
pub(crate) mod list;
pub(crate) mod number_table;
pub(crate) mod one_or_many;
pub(crate) mod panic_guard;
pub(crate) mod shrink;
pub(crate) mod spare_waker;
#[cfg(feature = "rt")]
pub(crate) mod spawn;
pub(crate) mod sync;
#[cfg(any(feature = "rt", feature = "test-util"))]
pub(crate) mod timer;
#[cfg(feature = "rt")]
pub(crate) mod told_once;
pub(crate) mod wakers;
