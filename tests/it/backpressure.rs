//! Full windows: which publishers wait, for how long, and how the overflow policies act.

#[cfg(feature = "rt")]
mod blocking;
#[cfg(feature = "rt")]
mod deadline;
#[cfg(feature = "rt")]
mod deadlocks;
mod overflow;
#[cfg(feature = "rt")]
mod wait_at_most;
