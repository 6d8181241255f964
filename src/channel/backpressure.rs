//! Backpressure: admitting publishers in the order of the wait queue, and notifying the front.
//!
//! Only the publisher at the front of the queue is checked for room, so publishers are admitted first
//! in, first out. Every step that may make room, or that changes the publisher at the front, ends with
//! [`State::notify_front`]; a step without that call could leave a publisher asleep beside free room.

use std::task::Waker;

use super::{Admission, Rejected, State};
use crate::channel::effects::Effects;
use crate::channel::machine::Request;
use crate::channel::wait_queue::QueueKey;
use crate::subscriber_id::SubscriberId;
use crate::util::clock::Instant;

/// A publisher that waits in the queue if it must.
pub(super) struct QueueSlot<'a> {
    /// The publisher's entry, if it is queued.
    pub(super) key: &'a mut Option<QueueKey>,
    /// The waker of the publisher's task.
    pub(super) waker: &'a Waker,
    /// An owned clone of `waker`, if there is one.
    pub(super) spare: &'a mut Option<Waker>,
    /// The handler the publisher runs inside of.
    pub(super) handler: Option<SubscriberId>,
}

impl<E> State<E> {
    // ---- Admission --------------------------------------------------------------------------

    /// Returns whether the publisher may be admitted if there is room: it is at the front of the queue,
    /// or no publisher is queued; and the channel is open.
    pub(super) fn is_next(&self, slot: &QueueSlot<'_>) -> bool {
        self.is_first(slot) && !self.machine.is_closed()
    }

    fn is_first(&self, slot: &QueueSlot<'_>) -> bool {
        (*slot.key).map_or(self.queue.is_empty(), |key| self.queue.is_front(key))
    }

    /// Takes the publisher out of the queue if `has_room`, which must be false unless the publisher
    /// [`is_next`](Self::is_next). Rejects or queues it otherwise. Returns `None`, and changes nothing,
    /// if it must be queued with an owned waker and `slot` has none.
    pub(super) fn try_admit(
        &mut self,
        request: Request,
        has_room: bool,
        slot: &mut QueueSlot<'_>,
        effects: &mut Effects<E>,
    ) -> Option<Admission<()>> {
        let is_first = self.is_first(slot);
        let admission = if self.machine.is_closed() {
            Admission::Rejected(Rejected::Closed)
        } else if has_room {
            Admission::Done(())
        } else if slot.handler.is_some_and(|h| self.waits_for_itself(h)) {
            Admission::Rejected(Rejected::WouldDeadlock)
        } else {
            return self.enqueue_or_rearm(request, slot, effects);
        };
        // Storing the event or reserving the permit resolves the subscribers that block the front
        // publisher; a rejection does not. Filter queues would stay blocking for no publisher.
        let is_rejected = matches!(admission, Admission::Rejected(_));
        if is_first && is_rejected {
            self.machine.unblock_queues(Instant::now);
        }
        // The publisher waits no longer.
        let waker = slot.key.take().and_then(|key| self.queue.remove(key));
        effects.drop_waker(waker);
        self.pause_if_queue_empty();
        // The next publisher is at the front now, and may have room. An admitted publisher notifies it
        // after taking its own room; closing has notified all.
        if matches!(admission, Admission::Rejected(Rejected::WouldDeadlock)) {
            self.notify_front(effects);
        }
        Some(admission)
    }

    /// Returns whether there is room for `request`. Also notifies the queued publishers inside handlers
    /// that turn out to wait for themselves: the check may have found their handler to be blocking.
    pub(super) fn has_room(&mut self, request: Request, effects: &mut Effects<E>) -> bool {
        let has_room = self.machine.check_room(request, Instant::now);
        if self.queue.has_handler_waiters() {
            let Self {
                machine,
                handler_permits,
                queue,
                ..
            } = self;
            let own = |handler| handler_permits.get(&handler).copied().unwrap_or(0);
            let waits_for_itself = |handler| machine.is_blocking_itself(handler, own(handler));
            effects.wake(queue.notify_handler_waiters(waits_for_itself));
        }
        has_room
    }

    /// Queues the publisher, or replaces its waker. Returns `None` if an owned waker is missing.
    fn enqueue_or_rearm(
        &mut self,
        request: Request,
        slot: &mut QueueSlot<'_>,
        effects: &mut Effects<E>,
    ) -> Option<Admission<()>> {
        let Self { machine, queue, .. } = self;
        // A publisher that was notified has no waker in the queue, and needs a new one.
        let key = match *slot.key {
            Some(key) if queue.would_wake(key, slot.waker) => key,
            Some(key) => {
                effects.drop_waker(queue.rearm(key, slot.spare.take()?));
                key
            }
            None => queue.enqueue(request, slot.spare.take()?),
        };
        *slot.key = Some(key);
        // Set again with each poll: the future may have moved into or out of a handler.
        if slot.handler.is_some() || queue.has_handler_waiters() {
            queue.set_handler(key, slot.handler);
        }
        if !queue.is_front(key) {
            return Some(Admission::Queued { deadline: None });
        }
        // Publishers wait for the blocking subscribers from now on.
        let deadline = machine.start_clocks(Instant::now);
        queue.set_timer(deadline);
        Some(Admission::Queued { deadline })
    }

    // ---- Notification -----------------------------------------------------------------------

    /// Notifies the publisher at the front of the queue if there is room, or if it must poll at
    /// another time than its timer is set to.
    pub(super) fn notify_front(&mut self, effects: &mut Effects<E>) {
        let Some(front) = self.queue.front() else {
            return;
        };
        // Start the clocks also if the front was notified already: it waits for the subscribers that
        // have begun to block meanwhile.
        let must_poll = self.has_room(front.request, effects)
            || (self.machine.start_clocks(Instant::now))
                .is_some_and(|deadline| !self.queue.has_timer(deadline));
        if must_poll {
            effects.wake(self.queue.notify_front());
        }
    }

    /// Removes a publisher that gives up, and returns its waker.
    pub(super) fn leave_queue(&mut self, key: QueueKey) -> Option<Waker> {
        // The filter queues that block this publisher may have room for the event of the next.
        if self.queue.is_front(key) {
            self.machine.unblock_queues(Instant::now);
        }
        let waker = self.queue.remove(key);
        self.pause_if_queue_empty();
        waker
    }

    /// Stops the clocks of blocking subscribers while no publisher waits for them.
    fn pause_if_queue_empty(&mut self) {
        if self.queue.is_empty() {
            self.machine.pause(Instant::now);
        }
    }

    // ---- Handlers ---------------------------------------------------------------------------

    /// Returns whether a publisher inside `handler` would wait for room that only this handler can
    /// make.
    fn waits_for_itself(&self, handler: SubscriberId) -> bool {
        let own = self.handler_permits.get(&handler).copied().unwrap_or(0);
        self.machine.is_blocking_itself(handler, own)
    }

    /// Counts a permit reserved inside `handler`, if any.
    pub(super) fn count_permit(&mut self, handler: Option<SubscriberId>) {
        if let Some(handler) = handler {
            *self.handler_permits.entry(handler).or_default() += 1;
        }
    }

    /// Counts that permit as used or released.
    pub(super) fn uncount_permit(&mut self, handler: Option<SubscriberId>) {
        let Some(handler) = handler else { return };
        let own = self.handler_permits.get_mut(&handler);
        let own = own.expect("a permit is counted until it is used or released");
        *own -= 1;
        if *own == 0 {
            self.handler_permits.remove(&handler);
        }
    }
}
