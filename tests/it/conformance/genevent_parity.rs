//! What `GenEvent` does, case by case, and that this crate does it too, or better.
//!
//! `CASES.md` has the cases. Each that fits has a test here, with its number in the name, which
//! asserts what stands after *then*; or a reason in `DEPARTURES.md`. `numbers.rs` counts.

mod adding;
mod calls;
mod failures;
mod inside;
mod ladder;
mod life;
mod numbers;
mod order;
mod owners;
mod pipelines;
mod registry;
mod removal;
mod stream_ends;
mod streams;
mod support;
mod swap;
