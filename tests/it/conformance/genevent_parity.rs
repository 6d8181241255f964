//! The behaviour of `GenEvent`, case by case, and the proof that this crate behaves as well or
//! better.
//!
//! `CASES.md` has the cases. Each case that fits has a test here, with the case's number in the
//! test's name; the test asserts the text after *then*. The other cases have a reason in
//! `DEPARTURES.md`. `case_list.rs` checks that no case is left out.

mod adding;
mod calls;
mod case_list;
mod failures;
mod lifecycle;
mod order;
mod owners;
mod pipelines;
mod publish_modes;
mod reentrancy;
mod registry;
mod removal;
mod stream_ends;
mod streams;
mod support;
mod swap;
