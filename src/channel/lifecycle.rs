//! What futures wait for beside events: that the manager closes, that nothing more can come, that
//! subscribers do.

use std::task::{Poll, Waker};

use super::{Channel, State};
use crate::channel::effects::Effects;
use crate::channel::watchers::{Event, Watch};

impl<E> State<E> {
    fn has_come(&self, event: Event) -> bool {
        match event {
            Event::Closed => self.ring.is_closed(),
            Event::Complete => self.ring.is_complete(),
            Event::Idle => self.running.is_empty(),
            Event::Subscribers(n) => self.ring.is_closed() || n <= self.ring.attached(),
        }
    }

    /// After something that futures or streams may wait for: that it closes, that nothing more
    /// can come, that subscribers do.
    pub(super) fn tell_watchers(&mut self, effects: &mut Effects<E>) {
        if self.ring.is_complete() && !planted!("closed-asleep") {
            self.wake_readers(effects);
            self.ring.complete_lanes(effects);
        }
        if self.watchers.is_empty() {
            return;
        }
        let here = if self.ring.is_closed() {
            effects.wake(self.watchers.call(Event::Closed..=Event::Closed));
            usize::MAX
        } else {
            self.ring.attached()
        };
        let come = Event::Subscribers(0)..=Event::Subscribers(here);
        effects.wake(self.watchers.call(come));
        if self.ring.is_complete() {
            effects.wake(self.watchers.call(Event::Complete..=Event::Complete));
        }
        if self.running.is_empty() {
            effects.wake(self.watchers.call(Event::Idle..=Event::Idle));
        }
    }
}

impl<E> Channel<E> {
    /// Ready with the number of subscribers when `event` has come.
    pub(crate) fn poll_event(
        &self,
        event: Event,
        watch: &mut Option<Watch>,
        waker: &Waker,
    ) -> Poll<usize> {
        let mut spare = None;
        loop {
            let decided = self.run(|state, effects| {
                let come = state.has_come(event);
                let here = state.ring.attached();
                let watchers = &mut state.watchers;
                if come {
                    let known = watch.take().and_then(|watch| watchers.leave(watch));
                    effects.discard(known);
                    effects.discard(spare.take());
                    return Some(Poll::Ready(here));
                }
                if watch.is_some_and(|watch| watchers.would_wake(watch, waker)) {
                    effects.discard(spare.take());
                    return Some(Poll::Pending);
                }
                let (entry, old) = watchers.wait(*watch, event, spare.take()?);
                *watch = Some(entry);
                effects.discard(old);
                Some(Poll::Pending)
            });
            if let Some(decided) = decided {
                return decided;
            }
            spare = Some(waker.clone());
        }
    }

    pub(crate) fn leave_watch(&self, watch: Watch) {
        self.run(|state, effects| effects.discard(state.watchers.leave(watch)));
    }
}
