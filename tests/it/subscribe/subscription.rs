//! `Subscription`: a position in the sequence, and a plain stream.

mod clones_and_drops;
mod lifetime;
mod stream_traits;
mod wakeups;
