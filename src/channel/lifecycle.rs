//! Futures that wait for a state of the channel: closed, complete, idle, without queued publishers,
//! with a number of subscribers or none, or without a certain subscriber.

use std::task::{Poll, Waker};

use super::{Channel, State};
use crate::channel::condition::{Condition, ConditionKey};
use crate::channel::effects::Effects;
use crate::util::spare_waker::with_spare_waker;

impl<E> State<E> {
    pub(super) fn holds(&self, condition: Condition) -> bool {
        match condition {
            Condition::Closed => self.machine.is_closed(),
            Condition::Complete => self.machine.is_complete(),
            Condition::NoHandlerRuns => !self.is_any_running(),
            Condition::NoneQueued => self.machine.is_closed() || self.queue.len() == 0,
            Condition::Subscribers(n) => {
                self.machine.is_closed() || n <= self.machine.subscribers()
            }
            Condition::Unsubscribed => self.machine.subscribers() == 0,
            Condition::Detached(number) => self.machine.is_detached(number),
        }
    }

    /// Returns whether the runner of any handler has not ended, observers excepted.
    fn is_any_running(&self) -> bool {
        self.running.values().any(|handler| !handler.is_observer)
    }

    /// Wakes the futures and streams whose condition may hold now. Called after every step that can
    /// make a [`Condition`] true, except for `Unsubscribed` and `Detached`, of which
    /// [`notify_detached`](Self::notify_detached) takes care.
    pub(super) fn notify_conditions(&mut self, effects: &mut Effects<E>) {
        // Streams end when the channel is complete, and may be parked.
        if self.machine.is_complete() && !seeded_bug!("close-wakes-no-subscriber") {
            self.wake_readers(effects);
            self.machine.complete_queues(effects);
        }
        if self.conditions.is_empty() {
            return;
        }
        // A closed channel satisfies every `Subscribers` condition: no more subscribers will join.
        let attached = if self.machine.is_closed() {
            effects.wake(self.conditions.notify(Condition::Closed));
            usize::MAX
        } else {
            self.machine.subscribers()
        };
        let satisfied = Condition::Subscribers(0)..=Condition::Subscribers(attached);
        effects.wake(self.conditions.notify_range(satisfied));
        if self.machine.is_complete() {
            effects.wake(self.conditions.notify(Condition::Complete));
        }
        if !self.is_any_running() {
            effects.wake(self.conditions.notify(Condition::NoHandlerRuns));
        }
        self.notify_if_none_queued(effects);
    }

    /// Wakes the futures that wait until no publisher is queued, if none is. Called after every step
    /// in which a publisher may leave the queue.
    #[inline]
    pub(super) fn notify_if_none_queued(&mut self, effects: &mut Effects<E>) {
        let is_none_queued = !self.conditions.is_empty() && self.holds(Condition::NoneQueued);
        if is_none_queued && !seeded_bug!("last-queued-wakes-no-future") {
            effects.wake(self.conditions.notify(Condition::NoneQueued));
        }
    }

    /// Wakes the futures that wait for the end of subscribers that were just detached. Called after
    /// every step that may detach any.
    #[inline]
    pub(super) fn notify_detached(&mut self, effects: &mut Effects<E>) {
        let is_unsubscribed = !self.conditions.is_empty() && self.holds(Condition::Unsubscribed);
        if is_unsubscribed && !seeded_bug!("last-leave-wakes-no-future") {
            effects.wake(self.conditions.notify(Condition::Unsubscribed));
        }
        if self.machine.has_detached() && !seeded_bug!("disconnect-wakes-no-future") {
            self.notify_all_detached(effects);
        }
    }

    #[cold]
    #[inline(never)]
    fn notify_all_detached(&mut self, effects: &mut Effects<E>) {
        for number in self.machine.take_detached() {
            effects.wake(self.conditions.notify(Condition::Detached(number)));
        }
    }
}

impl<E> Channel<E> {
    /// Completes with the number of subscribers when `condition` holds. `key` is the future's entry
    /// while it waits.
    pub(crate) fn poll_condition(
        &self,
        condition: Condition,
        key: &mut Option<ConditionKey>,
        waker: &Waker,
    ) -> Poll<usize> {
        with_spare_waker(waker, None, |spare| {
            self.run(|state, effects| {
                let holds = state.holds(condition);
                let attached = state.machine.subscribers();
                let conditions = &mut state.conditions;
                if holds {
                    let registered = key.take().and_then(|key| conditions.leave(key));
                    effects.drop_waker(registered);
                    return Some(Poll::Ready(attached));
                }
                if key.is_some_and(|key| conditions.would_wake(key, waker)) {
                    return Some(Poll::Pending);
                }
                let (entry, old) = conditions.wait(*key, condition, spare.take()?);
                *key = Some(entry);
                if let Condition::Detached(number) = condition {
                    state.machine.watch(number);
                }
                effects.drop_waker(old);
                Some(Poll::Pending)
            })
        })
    }

    /// Removes the entry of a future that was dropped while it waited.
    pub(crate) fn leave_condition(&self, key: ConditionKey) {
        self.run(|state, effects| effects.drop_waker(state.conditions.leave(key)));
    }
}
