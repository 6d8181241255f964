//! Publishing: what each of the four calls promises.

mod ack_notify;
#[cfg(feature = "rt")]
mod fairness;
mod follow_up;
mod kept;
mod notify;
mod order;
mod permit;
mod quiet;
mod sink;
mod sync_notify;
