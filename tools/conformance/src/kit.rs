//! Running the checks against a channel.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::channel::AnyChannel;
use crate::outcome::Stop;
use crate::trial::Setup;
use crate::{Channel, Outcome, Promise};

/// The checks, for one channel.
pub struct Kit {
    name: String,
    open: Box<dyn Fn(usize) -> Box<dyn AnyChannel>>,
    slack: usize,
    run_tasks: fn(),
    seeds: u64,
    declined: Vec<(Promise, String)>,
}

impl Kit {
    /// Prepares the checks for the channels made by `open`, each with room for the given number of unread
    /// events per subscriber: a power of 2.
    pub fn new<C: Channel>(name: &str, open: impl Fn(usize) -> C + 'static) -> Self
    where
        C::Subscriber: 'static,
    {
        Self {
            name: name.to_owned(),
            open: Box::new(move |capacity| Box::new(open(capacity))),
            slack: 0,
            run_tasks: || (),
            seeds: 200,
            declined: Vec::new(),
        }
    }

    /// Declares a promise declined by the channel, with the reason: a clause to complete "not kept, as …".
    /// The check runs all the same: see [`Outcome::ByDesign`].
    #[must_use]
    pub fn by_design(mut self, promise: Promise, reason: &str) -> Self {
        self.declined.push((promise, reason.to_owned()));
        self
    }

    /// Allows up to `events` more than the capacity, such as a place for each publisher.
    #[must_use]
    pub fn slack(mut self, events: usize) -> Self {
        self.slack = events;
        self
    }

    /// Runs `run` after every step of a check, for channels with tasks of their own: `run` polls those tasks until
    /// all of them wait. Timers of the tasks need a paused clock, because a check has no notion of time.
    #[must_use]
    pub fn tasks(mut self, run: fn()) -> Self {
        self.run_tasks = run;
        self
    }

    /// Sets the number of random sequences: 200 unless set. Sequence n always has the same operations.
    #[must_use]
    pub fn seeds(mut self, seeds: u64) -> Self {
        self.seeds = seeds;
        self
    }

    /// The name of the channel.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The declared reason for not keeping `promise`.
    pub fn declined(&self, promise: Promise) -> Option<&str> {
        let mut declined = self.declined.iter();
        declined.find_map(|(of, reason)| (*of == promise).then_some(reason.as_str()))
    }

    /// Checks a single promise. A panic of the channel breaks the promise.
    pub fn check(&self, promise: Promise) -> Outcome {
        let setup = Setup {
            open: &*self.open,
            slack: self.slack,
            run_tasks: self.run_tasks,
            seeds: self.seeds,
        };
        let checked = catch_unwind(AssertUnwindSafe(|| promise.check(&setup)));
        let checked = checked.unwrap_or_else(|panic| {
            let message = message(&*panic);
            Err(Stop::NotKept(format!("the channel panicked: {message}")))
        });
        match (checked, self.declined(promise)) {
            (Ok(()), _) => Outcome::Kept,
            (Err(Stop::NotApplicable(reason)), _) => Outcome::NotApplicable(reason.to_owned()),
            (Err(Stop::NotKept(counterexample)), None) => Outcome::NotKept(counterexample),
            (Err(Stop::NotKept(counterexample)), Some(reason)) => Outcome::ByDesign {
                reason: reason.to_owned(),
                counterexample,
            },
        }
    }

    /// Checks every promise, in the order of [`Promise::ALL`].
    pub fn run(&self) -> Report {
        let outcomes = Promise::ALL.map(|promise| (promise, self.check(promise)));
        Report {
            name: self.name.clone(),
            outcomes: outcomes.into(),
        }
    }
}

impl std::fmt::Debug for Kit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kit")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("with a value that is no text")
}

/// The outcomes of all checks for a channel.
#[derive(Clone, Debug)]
pub struct Report {
    name: String,
    outcomes: Vec<(Promise, Outcome)>,
}

impl Report {
    /// The name of the channel.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The outcome of every check.
    pub fn outcomes(&self) -> &[(Promise, Outcome)] {
        &self.outcomes
    }

    /// The promises neither kept nor declined, with their counterexamples.
    pub fn broken(&self) -> Vec<(Promise, &str)> {
        let broken = self
            .outcomes
            .iter()
            .filter_map(|(promise, outcome)| match outcome {
                Outcome::NotKept(counterexample) => Some((*promise, counterexample.as_str())),
                _ => None,
            });
        broken.collect()
    }

    /// Panics with every counterexample, if a promise is broken.
    ///
    /// # Panics
    /// As described.
    #[track_caller]
    pub fn assert_kept(&self) {
        let broken = self.broken();
        let lines = broken.iter().map(|(promise, counterexample)| {
            format!("\n- {}. Not kept: {counterexample}", promise.sentence())
        });
        let lines: String = lines.collect();
        assert!(broken.is_empty(), "{} breaks promises:{lines}", self.name);
    }
}
