//! User code that panics or calls the manager, dropped futures, large numbers, executors.

mod auto_traits;
#[cfg(feature = "rt")]
mod cancel_safety;
mod churn;
mod executors;
mod filter_user_code;
mod scale;
mod user_code;
mod wakers;
