//! Futures that wait for the manager itself: for its end, or for subscribers to come.

use std::collections::BTreeMap;
use std::task::Waker;

/// What a future waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// The manager is closed.
    Closed,
    /// It is closed, and no permit is out.
    Complete,
    /// No handler's task runs.
    Idle,
    /// At least so many subscribers, or that it is closed.
    Subscribers(usize),
}

/// A future's entry, from its first poll until it is ready or dropped.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Watch(u64);

#[derive(Default)]
pub(crate) struct Watchers {
    waiting: BTreeMap<Watch, (Event, Waker)>,
    given: u64,
}

impl Watchers {
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(crate) fn would_wake(&self, watch: Watch, waker: &Waker) -> bool {
        let known = self.waiting.get(&watch);
        known.is_some_and(|(_, known)| known.will_wake(waker))
    }

    /// Waits (again), and gives the waker it replaces back.
    pub(crate) fn wait(
        &mut self,
        watch: Option<Watch>,
        event: Event,
        waker: Waker,
    ) -> (Watch, Option<Waker>) {
        let watch = watch.unwrap_or_else(|| {
            self.given += 1;
            Watch(self.given)
        });
        let old = self.waiting.insert(watch, (event, waker));
        (watch, old.map(|(_, waker)| waker))
    }

    pub(crate) fn leave(&mut self, watch: Watch) -> Option<Waker> {
        self.waiting.remove(&watch).map(|(_, waker)| waker)
    }

    /// Takes out the wakers of those whose time has come.
    pub(crate) fn call(&mut self, has_come: impl Fn(Event) -> bool) -> Vec<Waker> {
        let (come, waiting) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|(_, (event, _))| has_come(*event));
        self.waiting = waiting;
        let come: BTreeMap<Watch, (Event, Waker)> = come;
        come.into_values().map(|(_, waker)| waker).collect()
    }
}
