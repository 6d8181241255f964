//! Streams of events: joining, reading, ending, and what can be seen of them.

mod closing;
mod dot;
#[cfg(feature = "rt")]
mod filter_overflow;
mod filters;
mod inspect;
mod replay;
mod stages;
mod stages_that_lose;
#[cfg(feature = "rt")]
mod stats;
mod subscription;
