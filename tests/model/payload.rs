//! The event: a number whose `Clone` behaves as the model demands, and whose instances are counted.

use std::cell::{Cell, RefCell};

use genevent::WeakEventManager;
use genevent::error::TryNotifyError;

/// The payload of every event. Only readers clone the payload, when they receive it.
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

/// Returns the number of instances that this thread has made, and not dropped yet.
pub(crate) fn alive() -> usize {
    ALIVE.get()
}

/// The action of the first clone of a poll.
#[derive(Default)]
pub(crate) enum DuringClone {
    #[default]
    Nothing,
    /// Takes so long that these events are published meanwhile.
    Publish(WeakEventManager<Payload>, Vec<u64>),
    Panic,
}

/// The outcome of the clone.
#[derive(Default)]
pub(crate) struct Cloned {
    pub(crate) clones: usize,
    /// One result for each event that the clone published.
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
            plan.cloned.clones += 1;
            std::mem::take(&mut plan.amid)
        });
        match amid {
            DuringClone::Nothing => {}
            DuringClone::Publish(manager, payloads) => {
                let manager = manager.upgrade().expect("it is held");
                for payload in payloads {
                    let published = manager.try_notify(Self::new(payload));
                    PLAN.with_borrow_mut(|plan| plan.cloned.published.push(published));
                }
            }
            // Resuming prints no panic message.
            DuringClone::Panic => std::panic::resume_unwind(Box::new("a clone")),
        }
        Self::new(self.0)
    }
}
