//! Futures that wait for a state of the channel: closed, complete, idle, without queued publishers,
//! with a number of subscribers or none, or without a certain subscriber.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::task::Waker;

/// The state of the channel that a future waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Condition {
    /// The channel is closed.
    Closed,
    /// The channel is closed, and no permit is left.
    Complete,
    /// The runner of every handler has ended.
    NoHandlerRuns,
    /// No publisher is queued, or the channel is closed, which rejects the queued publishers.
    NoneQueued,
    /// The channel has at least this many subscribers, or is closed.
    Subscribers(usize),
    /// The channel has no subscriber.
    Unsubscribed,
    /// The subscriber with this number is detached.
    Detached(u64),
}

/// The key of a waiting future, from its first pending poll until the future is ready or dropped.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ConditionKey {
    condition: Condition,
    number: u64,
}

/// The wakers of all waiting futures, ordered by condition: notifying a condition visits only the
/// futures that wait for it.
#[derive(Default)]
pub(crate) struct ConditionWakers {
    waiting: BTreeMap<ConditionKey, Waker>,
    keys_issued: u64,
}

impl ConditionWakers {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Returns whether a waker equal to `waker` is registered for `key`.
    pub(crate) fn would_wake(&self, key: ConditionKey, waker: &Waker) -> bool {
        let registered = self.waiting.get(&key);
        registered.is_some_and(|registered| registered.will_wake(waker))
    }

    /// Registers `waker` under `key`, or under a new key. Returns the key and the replaced waker.
    pub(crate) fn wait(
        &mut self,
        key: Option<ConditionKey>,
        condition: Condition,
        waker: Waker,
    ) -> (ConditionKey, Option<Waker>) {
        let key = key.unwrap_or_else(|| {
            self.keys_issued += 1;
            ConditionKey {
                condition,
                number: self.keys_issued,
            }
        });
        (key, self.waiting.insert(key, waker))
    }

    /// Removes an entry, and returns its waker if the future was not notified.
    pub(crate) fn leave(&mut self, key: ConditionKey) -> Option<Waker> {
        self.waiting.remove(&key)
    }

    /// Removes the entries of all futures that wait for `condition`, and returns their wakers.
    #[inline]
    pub(crate) fn notify(&mut self, condition: Condition) -> Vec<Waker> {
        self.notify_range(condition..=condition)
    }

    /// Removes the entries of all futures that wait for one of `conditions`, and returns their wakers.
    pub(crate) fn notify_range(&mut self, conditions: RangeInclusive<Condition>) -> Vec<Waker> {
        let (first, last) = conditions.into_inner();
        let first = ConditionKey {
            condition: first,
            number: 0,
        };
        let last = ConditionKey {
            condition: last,
            number: u64::MAX,
        };
        let keys: Vec<_> = self.waiting.range(first..=last).map(|(k, _)| *k).collect();
        let wakers = keys.iter().filter_map(|key| self.waiting.remove(key));
        wakers.collect()
    }
}
