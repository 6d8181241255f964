//! `Subscription`: a place in the sequence, and a plain stream.

mod cost;
mod known;
mod life;
mod woken;
