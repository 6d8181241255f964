//! The event: a number with counted instances and a `Clone` controlled by the model.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use genevent::WeakEventManager;

use super::ops::Failing;
use genevent::error::TryNotifyError;

/// The payload of every event. Readers clone the payload, when they receive it, and publishers for
/// subscribers of keys.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Payload(pub(crate) u64);

impl Payload {
    pub(crate) fn new(number: u64) -> Self {
        ALIVE.set(ALIVE.get() + 1);
        Self(number)
    }
}

impl Drop for Payload {
    fn drop(&mut self) {
        ALIVE.set(ALIVE.get() - 1);
    }
}

/// Returns the number of live instances made by this thread.
pub(crate) fn alive() -> usize {
    ALIVE.get()
}

/// The action of the first clone of a poll.
#[derive(Default)]
pub(crate) enum DuringClone {
    #[default]
    Nothing,
    /// Takes long: these events are published meanwhile.
    Publish(WeakEventManager<Payload>, Vec<u64>),
    Panic,
}

/// The outcome of the clone.
#[derive(Default)]
pub(crate) struct Cloned {
    pub(crate) clones: usize,
    /// A result for each event published by the clone.
    pub(crate) published: Vec<Result<usize, TryNotifyError<Payload>>>,
}

#[derive(Default)]
struct Plan {
    amid: DuringClone,
    cloned: Cloned,
}

thread_local! {
    static ALIVE: Cell<usize> = const { Cell::new(0) };
    static PLAN: RefCell<Plan> = RefCell::default();
    /// Whether a clone publishes.
    static PUBLISHES: Cell<bool> = const { Cell::new(false) };
    /// The user code that fails now.
    static FAILS: Cell<Option<Failing>> = const { Cell::new(None) };
}

/// Runs `publish`, in which this user code panics.
pub(crate) fn with_failing<T>(failing: Failing, publish: impl FnOnce() -> T) -> Option<T> {
    FAILS.set(Some(failing));
    let published = catch_unwind(AssertUnwindSafe(publish));
    FAILS.set(None);
    published.ok()
}

/// The key function of a manager's topics.
pub(crate) fn key_of(payload: &Payload, keys: u64) -> u64 {
    if FAILS.get() == Some(Failing::Key) {
        // Resuming prints no panic message.
        resume_unwind(Box::new("a key function"));
    }
    payload.0 % keys
}

/// Whether predicates of `By::Breaking` panic at this event.
pub(crate) fn breaks_predicates(payload: u64) -> bool {
    payload % 7 == 3
}

/// The answer of a handler to an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answering {
    Finishes,
    Fails,
    Panics,
    /// Finishes the event, and ends.
    Ends,
}

/// The answers of all handlers.
pub(crate) fn answer_to(payload: u64) -> Answering {
    match payload % 16 {
        2 | 9 => Answering::Fails,
        5 => Answering::Panics,
        14 => Answering::Ends,
        _ => Answering::Finishes,
    }
}

/// Plans the action of the next clone.
pub(crate) fn plan(amid: DuringClone) {
    let cloned = Cloned::default();
    PLAN.set(Plan { amid, cloned });
}

/// Returns the outcome since the last call of `plan`, and clears the plan.
pub(crate) fn outcome() -> Cloned {
    PLAN.take().cloned
}

impl Clone for Payload {
    fn clone(&self) -> Self {
        if FAILS.get() == Some(Failing::Clone) {
            resume_unwind(Box::new("a clone for a subscriber"));
        }
        let amid = PLAN.with_borrow_mut(|plan| {
            plan.cloned.clones += usize::from(!PUBLISHES.get());
            std::mem::take(&mut plan.amid)
        });
        match amid {
            DuringClone::Nothing => {}
            DuringClone::Publish(manager, payloads) => {
                let manager = manager.upgrade().expect("the world holds the manager");
                PUBLISHES.set(true);
                for payload in payloads {
                    let published = manager.try_notify(Self::new(payload));
                    PLAN.with_borrow_mut(|plan| plan.cloned.published.push(published));
                }
                PUBLISHES.set(false);
            }
            // Resuming prints no panic message.
            DuringClone::Panic => resume_unwind(Box::new("a clone")),
        }
        Self::new(self.0)
    }
}
