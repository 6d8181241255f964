//! Two contracts of others, checked through shims that were written from public documentation alone: tokio's
//! `sync::broadcast`, and the rules of Reactive Streams. A column for each kind of subscription shows where the kinds
//! differ.

pub mod broadcast;
mod kinds;
mod matrix;

pub use kinds::Kind;
pub use matrix::{Cell, Matrix, Row};

/// Ends a check unless the condition holds.
macro_rules! holds {
    ($condition:expr) => {
        if !$condition {
            return Err(concat!("not so: ", stringify!($condition)).to_owned());
        }
    };
}
use holds;

/// The result of a check: the condition that does not hold.
type Held = Result<(), String>;
