//! The three consumers of each order.

pub(crate) mod billing;
pub(crate) mod kitchen;
pub(crate) mod writer;
