//! Subscribers that see an event only once others have settled it.

use std::task::Waker;

use super::{Channel, Next, State};
use crate::channel::effects::Effects;
use crate::channel::source::Source;
use crate::channel::subscriber::SubscriberState;
use crate::subscriber_id::SubscriberId;

impl<E> State<E> {
    /// The subscriber comes after others, has finished with the event in hand, and asks for more.
    /// `None`: as everybody else, it may have what there is, which is nothing or its rest.
    #[cold]
    #[inline(never)]
    pub(super) fn next_stage(
        &mut self,
        place: &SubscriberState,
        reading: &mut Source<E>,
        waker: &Waker,
        spare: &mut Option<Waker>,
        effects: &mut Effects<E>,
    ) -> Option<Next> {
        let word = place.cursor.load();
        let stage = place.stage().filter(|_| !word.is_detached())?;
        let position = word.position();
        if position == self.machine.tail() {
            return None;
        }
        let next = position + 1;
        Some(stage.with_gate(|gate| {
            if !gate.waits_for(next) && gate.settled < next {
                effects.drop_waker(gate.stop_waiting());
                let ticket = gate.wait_for(next);
                gate.settled = self.machine.settled_by(stage.after(), next, &ticket);
            }
            if next <= gate.settled {
                effects.drop_waker(gate.stop_waiting());
                let batch = self
                    .machine
                    .take_settled(place, position, gate.settled, effects);
                *reading = Source::Segment(batch);
                return Next::More;
            }
            if gate.would_wake(waker) {
                return Next::Parked;
            }
            let Some(waker) = spare.take() else {
                return Next::NeedWaker;
            };
            effects.drop_waker(gate.sleep(waker));
            // The last one answers without the lock: it may have before the waker was there.
            if gate.waits_for(next) {
                Next::Parked
            } else {
                Next::More
            }
        }))
    }
}

impl<E> Channel<E> {
    /// Whether all of these are, or were, subscribers of this channel.
    pub(crate) fn owns(&self, subscribers: &[SubscriberId]) -> bool {
        subscribers.iter().all(|id| id.manager == self.id)
    }
}
