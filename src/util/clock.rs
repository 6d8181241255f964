//! The clock that measures deadlines.
//!
//! With feature `rt` the clock is tokio's: inside of a runtime the clock of the runtime, which tests
//! may pause, and the system's clock elsewhere. A future that is polled on a paused clock and then on
//! another compares its moments with the clock of the latest poll.

#[cfg(feature = "rt")]
pub(crate) use tokio::time::Instant;

#[cfg(not(feature = "rt"))]
pub(crate) use std::time::Instant;
