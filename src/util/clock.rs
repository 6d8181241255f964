//! The clock that deadlines are kept by: tokio's, so that tests can pause it.

#[cfg(feature = "rt")]
pub(crate) use tokio::time::Instant;

#[cfg(not(feature = "rt"))]
pub(crate) use std::time::Instant;
