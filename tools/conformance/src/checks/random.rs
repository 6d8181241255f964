//! Random sequences of operations, whose history is compared with the promises.
//!
//! Tasks are polled only when they were woken, as an executor does. So a lost wake-up leaves a task behind.

mod history;
mod simulation;

use crate::outcome::{Stop, Verdict};
use crate::trial::Setup;
use simulation::Simulation;

/// The operations of a sequence.
const OPERATIONS: usize = 80;

pub(crate) fn sequences(setup: &Setup<'_>) -> Verdict {
    for seed in 0..setup.seeds {
        let Err(Stop::NotKept(counterexample)) = run(setup, seed, OPERATIONS) else {
            continue;
        };
        // The operations of a seed do not depend on their number: the shortest failing beginning is the
        // counterexample.
        for operations in 0..OPERATIONS {
            if let Err(Stop::NotKept(counterexample)) = run(setup, seed, operations) {
                return Err(Stop::NotKept(format!(
                    "{counterexample} (seed {seed}, {operations} operations)"
                )));
            }
        }
        return Err(Stop::NotKept(format!(
            "{counterexample} (seed {seed}, {OPERATIONS} operations)"
        )));
    }
    Ok(())
}

fn run(setup: &Setup<'_>, seed: u64, operations: usize) -> Verdict {
    let mut random = fastrand::Rng::with_seed(seed);
    let capacity = 1 << random.usize(0..4);
    let mut simulation = Simulation::new(setup.trial(capacity, simulation::PUBLISHERS), random);
    for _ in 0..operations {
        simulation.step()?;
    }
    simulation.finish()?.judge()
}
