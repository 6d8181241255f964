//! Stages: reading of subscribers that see an event only after other subscribers have settled it.

use std::task::Waker;

use super::{Channel, Next, State};
use crate::channel::effects::Effects;
use crate::channel::source::Source;
use crate::channel::subscriber::SubscriberState;
use crate::subscriber_id::SubscriberId;

impl<E> State<E> {
    /// Loads the next events of a stage into `source`, or registers a waker at the gate. The stage must
    /// have finished its event in flight.
    ///
    /// Returns `None` if no rule of stages applies: the stage has read everything, or was detached.
    #[cold]
    #[inline(never)]
    pub(super) fn next_stage(
        &mut self,
        subscriber: &SubscriberState,
        source: &mut Source<E>,
        waker: &Waker,
        spare: &mut Option<Waker>,
        effects: &mut Effects<E>,
    ) -> Option<Next> {
        let word = subscriber.cursor.load();
        let stage = subscriber.stage().filter(|_| !word.is_detached())?;
        let position = word.position();
        if position == self.machine.tail() {
            return None;
        }
        let next = position + 1;
        Some(stage.with_gate(|gate| {
            // Ask the machine only if the gate does not wait for `next` already.
            if !gate.waits_for(next) && gate.settled < next {
                effects.drop_waker(gate.stop_waiting());
                let ticket = gate.wait_for(next);
                gate.settled = self.machine.settled_by(stage.after(), next, &ticket);
            }
            // The gate is open: yield the settled events, and no later events.
            if next <= gate.settled {
                effects.drop_waker(gate.stop_waiting());
                let batch = self
                    .machine
                    .take_settled(subscriber, position, gate.settled, effects);
                *source = Source::Segment(batch);
                return Next::More;
            }
            // The gate is closed: sleep until the last predecessor has settled.
            if gate.would_wake(waker) {
                return Next::Parked;
            }
            let Some(waker) = spare.take() else {
                return Next::NeedWaker;
            };
            effects.drop_waker(gate.sleep(waker));
            // Check again after registering: predecessors settle without the channel's lock, and the last
            // predecessor may have done so before the waker was registered.
            if gate.waits_for(next) {
                Next::Parked
            } else {
                Next::More
            }
        }))
    }
}

impl<E> Channel<E> {
    /// Returns whether all of `subscribers` are, or were, subscribers of this channel.
    pub(super) fn owns(&self, subscribers: &[SubscriberId]) -> bool {
        subscribers.iter().all(|id| id.manager == self.id)
    }

    /// Returns whether any of `subscribers` is an observer that has not left.
    pub(super) fn has_observer(&self, subscribers: &[SubscriberId]) -> bool {
        let mut subscribers = subscribers.iter().peekable();
        subscribers.peek().is_some() && {
            let state = self.state.lock();
            subscribers.any(|id| state.machine.is_observer(*id))
        }
    }
}
