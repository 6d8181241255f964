//! Publishing: what each of the four calls promises.

mod ack_notify;
#[cfg(feature = "rt")]
mod fairness;
mod kept;
mod kept_beside_filters;
mod notify;
mod order;
mod permit;
mod sink;
mod sync_notify;
