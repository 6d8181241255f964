//! The line that publishers wait in: who stands in it, and when the head is called.

use std::task::Waker;

use super::{State, Wait};
use crate::channel::effects::Effects;
use crate::channel::machine::Request;
use crate::channel::wait_queue::QueueKey;
use crate::subscriber_id::SubscriberId;
use crate::util::clock::Instant;

impl<E> State<E> {
    /// Whether there is room; if not, handlers that hold it do not wait for themselves.
    pub(super) fn has_room(&mut self, claim: Request, effects: &mut Effects<E>) -> bool {
        let has_room = self.machine.check_room(claim, Instant::now);
        if self.queue.has_handler_waiters() {
            let Self {
                machine,
                permits_inside,
                queue: line,
                ..
            } = self;
            let own = |handler| permits_inside.get(&handler).copied().unwrap_or(0);
            let stuck = |handler| machine.is_blocking_itself(handler, own(handler));
            effects.wake(line.notify_handler_waiters(stuck));
        }
        has_room
    }

    /// Whether a publisher inside of `handler` could only wait for that handler.
    pub(super) fn waits_for_itself(&self, handler: SubscriberId) -> bool {
        let own = self.permits_inside.get(&handler).copied().unwrap_or(0);
        self.machine.is_blocking_itself(handler, own)
    }

    /// A permit is given; `inside` of a handler, if of any.
    pub(super) fn count_permit(&mut self, inside: Option<SubscriberId>) {
        if let Some(handler) = inside {
            *self.permits_inside.entry(handler).or_default() += 1;
        }
    }

    /// That permit is used or dropped.
    pub(super) fn uncount_permit(&mut self, inside: Option<SubscriberId>) {
        let Some(handler) = inside else { return };
        let own = self.permits_inside.get_mut(&handler);
        let own = own.expect("a permit is counted while it is out");
        *own -= 1;
        if *own == 0 {
            self.permits_inside.remove(&handler);
        }
    }

    /// A publisher waits in line. `None`: not without a waker to spare.
    pub(super) fn enqueue_or_rearm<R>(
        &mut self,
        claim: Request,
        turn: &mut Option<QueueKey>,
        waker: &Waker,
        spare: &mut Option<Waker>,
        inside: Option<SubscriberId>,
        effects: &mut Effects<E>,
    ) -> Option<Result<R, Wait>> {
        let Self {
            machine,
            queue: line,
            ..
        } = self;
        let place = match *turn {
            Some(turn) if line.would_wake(turn, waker) => {
                effects.drop_waker(spare.take());
                turn
            }
            Some(turn) => {
                effects.drop_waker(line.rearm(turn, spare.take()?));
                turn
            }
            None => line.enqueue(claim, spare.take()?),
        };
        *turn = Some(place);
        if inside.is_some() || line.has_handler_waiters() {
            line.set_handler(place, inside);
        }
        if !line.is_front(place) {
            return Some(Err(Wait { until: None }));
        }
        let until = machine.start_clocks(Instant::now);
        #[cfg(all(feature = "tracing", feature = "rt"))]
        let until = until.and_then(|_| machine.warn(line.len(), Instant::now, effects));
        line.set_timer(until);
        Some(Err(Wait { until }))
    }

    /// Tells the publisher at the head of the line that there is room, if there is, or that it
    /// must look at the clock at another time.
    pub(super) fn notify_front(&mut self, effects: &mut Effects<E>) {
        if self.queue.is_empty() {
            return;
        }
        // Also if the head has been called: those now in the way are waited for from now on.
        let Some(head) = self.queue.front() else {
            return;
        };
        let look = self.has_room(head.claim, effects)
            || (self.machine.start_clocks(Instant::now))
                .is_some_and(|time| !self.queue.has_timer(time));
        if look {
            effects.wake(self.queue.notify_front());
        }
    }

    /// A publisher leaves the line; gives its waker back.
    pub(super) fn leave_queue(&mut self, turn: QueueKey) -> Option<Waker> {
        if self.queue.is_front(turn) {
            self.machine.unblock_queues(Instant::now);
        }
        let waker = self.queue.remove(turn);
        self.note_departure();
        waker
    }

    /// A publisher has left the line, or has not stood in it.
    pub(super) fn note_departure(&mut self) {
        if self.queue.is_empty() {
            self.machine.pause(Instant::now);
        }
    }
}
