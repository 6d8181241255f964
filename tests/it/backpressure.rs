//! Full windows: who waits, for how long, and what the overflow policies do.

#[cfg(feature = "rt")]
mod blocking;
#[cfg(feature = "rt")]
mod deadline;
#[cfg(feature = "rt")]
mod deadlocks;
mod overflow;
#[cfg(feature = "rt")]
mod wait_at_most;
