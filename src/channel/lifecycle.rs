//! What futures wait for beside events: that the manager closes, that nothing more can come, that
//! subscribers do.

use std::task::{Poll, Waker};

use super::{Channel, State};
use crate::channel::effects::Effects;
use crate::channel::watchers::{Condition, WatcherKey};

impl<E> State<E> {
    fn holds(&self, event: Condition) -> bool {
        match event {
            Condition::Closed => self.ring.is_closed(),
            Condition::Complete => self.ring.is_complete(),
            Condition::Idle => self.running.is_empty(),
            Condition::Subscribers(n) => self.ring.is_closed() || n <= self.ring.attached(),
        }
    }

    /// After something that futures or streams may wait for: that it closes, that nothing more
    /// can come, that subscribers do.
    pub(super) fn notify_watchers(&mut self, effects: &mut Effects<E>) {
        if self.ring.is_complete() && !seeded_bug!("close-wakes-no-subscriber") {
            self.wake_readers(effects);
            self.ring.complete_queues(effects);
        }
        if self.watchers.is_empty() {
            return;
        }
        let here = if self.ring.is_closed() {
            effects.wake(self.watchers.notify(Condition::Closed..=Condition::Closed));
            usize::MAX
        } else {
            self.ring.attached()
        };
        let come = Condition::Subscribers(0)..=Condition::Subscribers(here);
        effects.wake(self.watchers.notify(come));
        if self.ring.is_complete() {
            effects.wake(
                self.watchers
                    .notify(Condition::Complete..=Condition::Complete),
            );
        }
        if self.running.is_empty() {
            effects.wake(self.watchers.notify(Condition::Idle..=Condition::Idle));
        }
    }
}

impl<E> Channel<E> {
    /// Ready with the number of subscribers when `event` has come.
    pub(crate) fn poll_condition(
        &self,
        event: Condition,
        watch: &mut Option<WatcherKey>,
        waker: &Waker,
    ) -> Poll<usize> {
        let mut spare = None;
        loop {
            let decided = self.run(|state, effects| {
                let come = state.holds(event);
                let here = state.ring.attached();
                let watchers = &mut state.watchers;
                if come {
                    let known = watch.take().and_then(|watch| watchers.leave(watch));
                    effects.drop_waker(known);
                    effects.drop_waker(spare.take());
                    return Some(Poll::Ready(here));
                }
                if watch.is_some_and(|watch| watchers.would_wake(watch, waker)) {
                    effects.drop_waker(spare.take());
                    return Some(Poll::Pending);
                }
                let (entry, old) = watchers.wait(*watch, event, spare.take()?);
                *watch = Some(entry);
                effects.drop_waker(old);
                Some(Poll::Pending)
            });
            if let Some(decided) = decided {
                return decided;
            }
            spare = Some(waker.clone());
        }
    }

    pub(crate) fn remove_watcher(&self, watch: WatcherKey) {
        self.run(|state, effects| effects.drop_waker(state.watchers.leave(watch)));
    }
}
