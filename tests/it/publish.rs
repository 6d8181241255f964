//! Publishing: what each of the four calls promises.

mod ack_notify;
#[cfg(feature = "rt")]
mod budget;
#[cfg(feature = "rt")]
mod fairness;
mod follow_up;
mod kept;
mod kept_beside_filters;
#[cfg(feature = "rt")]
mod kept_front;
mod notify;
mod order;
mod owned;
mod permit;
mod quiet;
#[cfg(feature = "rt")]
mod runtimes;
mod sink;
mod sync_notify;
