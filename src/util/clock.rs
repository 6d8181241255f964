//! The clock that measures deadlines: tokio's clock with feature `rt`, so tests can pause time.

#[cfg(feature = "rt")]
pub(crate) use tokio::time::Instant;

#[cfg(not(feature = "rt"))]
pub(crate) use std::time::Instant;
