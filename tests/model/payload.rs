//! The event: a number with counted instances and a `Clone` controlled by the model.

use std::cell::{Cell, RefCell};

use genevent::WeakEventManager;
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
            DuringClone::Panic => std::panic::resume_unwind(Box::new("a clone")),
        }
        Self::new(self.0)
    }
}
