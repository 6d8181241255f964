//! Futures that wait for the manager itself: for its end, or for subscribers to come.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::task::Waker;

/// What a future waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Condition {
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
pub(crate) struct WatcherKey {
    event: Condition,
    number: u64,
}

/// Ordered by what they wait for, so that nobody is looked at whose time has not come.
#[derive(Default)]
pub(crate) struct Watchers {
    waiting: BTreeMap<WatcherKey, Waker>,
    given: u64,
}

impl Watchers {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(crate) fn would_wake(&self, watch: WatcherKey, waker: &Waker) -> bool {
        let known = self.waiting.get(&watch);
        known.is_some_and(|known| known.will_wake(waker))
    }

    /// Waits (again), and gives the waker it replaces back.
    pub(crate) fn wait(
        &mut self,
        watch: Option<WatcherKey>,
        event: Condition,
        waker: Waker,
    ) -> (WatcherKey, Option<Waker>) {
        let watch = watch.unwrap_or_else(|| {
            self.given += 1;
            WatcherKey {
                event,
                number: self.given,
            }
        });
        (watch, self.waiting.insert(watch, waker))
    }

    pub(crate) fn leave(&mut self, watch: WatcherKey) -> Option<Waker> {
        self.waiting.remove(&watch)
    }

    /// Takes out the wakers of those that wait for one of `events`.
    pub(crate) fn notify(&mut self, events: RangeInclusive<Condition>) -> Vec<Waker> {
        let (event, last) = events.into_inner();
        let first = WatcherKey { event, number: 0 };
        let last = WatcherKey {
            event: last,
            number: u64::MAX,
        };
        let called: Vec<_> = self.waiting.range(first..=last).map(|(k, _)| *k).collect();
        let wakers = called.iter().filter_map(|watch| self.waiting.remove(watch));
        wakers.collect()
    }
}
