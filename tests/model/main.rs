//! The crate agrees with a plain reference after every step of random sequences.
//!
//! Everything runs on a single thread and is polled by hand, so every answer, number and wakeup is
//! exact.
//! After every operation:
//!
//! - each call has returned the answer of the reference: results, receipts, items, ends;
//! - the manager and each stream report the state in the reference;
//! - the future of `disconnected()` of each ended stream is ready with the cause;
//! - every future or stream that is ready, or must poll again, has been woken once, by the waker of
//!   its last poll; all remaining futures and streams have not been woken;
//! - no publisher sleeps beside room, and after some time no publisher waits for publishers kept
//!   without being polled.
//!
//! The `Clone` of an event, which a poll runs, may take long or panic: in the first case the clone
//! publishes other events, in the second case the next poll yields the event. In the call that publishes,
//! predicates, key functions and clones for subscribers of keys may panic.
//!
//! Sequences in time have handlers as well, which read all that they may read before the next operation, fail
//! at some events, and panic at others.
//!
//! Sequences without time run outside of a runtime, where readers pass on stalled places. Sequences
//! in time run inside of a runtime, where the grant monitor does. Time is tokio's, paused,
//! and advances only by `Op::Advance`. A timer may wake once too often: after time has passed, a due
//! future must still have been woken, but a woken future need not be due.
//!
//! `PROPTEST_CASES` sets the number of sequences of each kind, by default 4,000. Sequences with an
//! earlier failure are in `proptest-regressions`, and run first.

mod driven;
mod ops;
mod payload;
mod reference;
mod sequences;
mod world;

use std::rc::Rc;

use genevent::EventManager;
pub(crate) use ops::{
    Bounded, By, During, Ending, Failing, From, Kind, Op, Owned, Policy, Publishing, Sequence,
    Settling,
};
use proptest::prelude::*;
use proptest::test_runner::{
    Config, FailurePersistence, FileFailurePersistence, TestCaseError, TestRunner,
};
use sequences::{sequences, sequences_in_time};
use tokio::runtime;

use payload::Payload;
use world::World;

pub(crate) type Checked = Result<(), TestCaseError>;

#[test]
fn every_step_agrees_with_the_reference() {
    agree("tests/model/proptest-regressions", &sequences());
}

#[test]
fn every_timed_step_agrees_with_the_reference() {
    agree(
        "tests/model/proptest-regressions-in-time",
        &sequences_in_time(),
    );
}

fn agree(regressions: &'static str, sequences: &impl Strategy<Value = Sequence>) {
    let mut config = Config::default();
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = 4_000;
    }
    let regressions = FileFailurePersistence::Direct(regressions);
    config.failure_persistence = Some(Box::new(regressions) as Box<dyn FailurePersistence>);
    if cfg!(genevent_seeded) {
        // The failure alone suffices, and the test must find the bug without saved sequences.
        config.failure_persistence = None;
        config.max_shrink_iters = 0;
    }
    TestRunner::new(config)
        .run(sequences, |sequence| run(&sequence))
        .unwrap_or_else(|failure| {
            if cfg!(genevent_seeded) {
                eprintln!("{failure}");
                // A test has found the seeded bug: the second test need not continue.
                std::process::exit(101);
            }
            panic!("{failure}")
        });
}

pub(crate) fn run(sequence: &Sequence) -> Checked {
    let runtime = sequence.in_runtime.then(|| {
        let mut builder = runtime::Builder::new_current_thread();
        let runtime = builder.enable_time().start_paused(true).build();
        Rc::new(runtime.expect("a runtime without threads is always built"))
    });
    let _inside = runtime.as_ref().map(|runtime| runtime.enter());
    let manager: EventManager<Payload> = EventManager::builder()
        .capacity(sequence.capacity)
        .retain(sequence.retain)
        .default_overflow(sequence.default_overflow)
        .build();
    let mut world = World::new(&manager, sequence, runtime.clone());
    for &op in &sequence.ops {
        world.apply(op)?;
    }
    match sequence.ending {
        Ending::Close => {
            world.apply(Op::Close)?;
            world.drop_sinks()?;
            world.finish_permits()?;
            world.read_to_the_end()?;
            world.resolve_calls()
        }
        Ending::Leave => {
            while !world.streams.is_empty() {
                world.apply(Op::Leave(0))?;
            }
            world.settle_all()?;
            world.drop_sinks()?;
            world.finish_permits()?;
            // Queued publishers store, each notified by its predecessor.
            while world.has_woken() {
                world.apply(Op::Run(0))?;
                world.finish_permits()?;
            }
            world.apply(Op::Close)?;
            world.resolve_calls()
        }
        Ending::DropManagers => {
            world.cancel_borrowing_calls()?;
            world.drop_sinks()?;
            let mut world = world.without_its_manager();
            drop(manager);
            world.note_end_of_managers();
            world.check()?;
            while !world.handles.is_empty() {
                world.apply(Op::DropHandle)?;
            }
            world.finish_permits()?;
            // The futures that borrow nothing go on, and keep the manager open until the last is dropped.
            while world.has_woken() {
                world.apply(Op::Run(0))?;
                world.finish_permits()?;
            }
            while !world.calls.is_empty() {
                world.apply(Op::Cancel(0))?;
            }
            world.finish_permits()?;
            world.read_to_the_end()
        }
    }
}
