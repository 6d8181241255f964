//! The registry.

mod registry;
mod scale;
mod size_hints;
mod slow_subscribers;
mod user_code;
mod values;
mod watch;
