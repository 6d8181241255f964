//! Streams of events: joining, reading, ending, and inspecting them.

mod closing;
mod disconnected;
mod dot;
#[cfg(feature = "rt")]
mod filter_overflow;
mod filters;
mod inspect;
mod lossy_upstream;
mod observers;
mod reading;
mod replay;
mod stages;
mod stats;
mod subscription;
mod topics;
mod unsubscribed;
