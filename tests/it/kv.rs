//! The registry.

mod registry;
mod scale;
mod size_hints;
mod slow_observers;
mod user_code;
mod values;
mod watch;
