//! A single attempt to store an event or to reserve a permit, under the lock.

use super::{Admission, PendingEvent, Stale, StoredEvent};
use crate::channel::State;
use crate::channel::backpressure::QueueSlot;
use crate::channel::effects::Effects;
use crate::channel::machine::Request;
use crate::error::TryNotifyError;
use crate::subscriber_id::SubscriberId;
use crate::util::clock::Instant;

impl<E> State<E> {
    /// Stores the event if there is room now.
    pub(super) fn try_store(
        &mut self,
        pending: &mut PendingEvent<'_, E>,
        effects: &mut Effects<E>,
    ) -> Result<Result<StoredEvent<E>, TryNotifyError<E>>, Stale<E>> {
        if self.machine.is_closed() {
            return Ok(Err(TryNotifyError::Closed(pending.take())));
        }
        // Overtaking queued publishers would break the order of the queue.
        if !self.queue.is_empty() {
            return Ok(Err(TryNotifyError::Full(pending.take())));
        }
        if !self.has_room_for_event(pending, effects)? {
            // No publisher waits for the filter queues just found full.
            self.machine.unblock_queues(Instant::now);
            return Ok(Err(TryNotifyError::Full(pending.take())));
        }
        Ok(Ok(self.store(pending, effects)))
    }

    /// Stores the event, or queues the publisher. Returns `None` if an owned waker is missing.
    pub(super) fn poll_store(
        &mut self,
        pending: &mut PendingEvent<'_, E>,
        slot: &mut QueueSlot<'_>,
        effects: &mut Effects<E>,
    ) -> Result<Option<Admission<StoredEvent<E>>>, Stale<E>> {
        // Only the front publisher is checked: filters may still join before the next publishers get there.
        let has_room = self.is_next(slot) && self.has_room_for_event(pending, effects)?;
        let admission = self.try_admit(Request::Event, has_room, slot, effects);
        Ok(admission.map(|admission| admission.map(|()| self.store(pending, effects))))
    }

    /// Reserves a permit, or queues the publisher. Returns `None` if an owned waker is missing.
    pub(super) fn poll_reserve(
        &mut self,
        slot: &mut QueueSlot<'_>,
        effects: &mut Effects<E>,
    ) -> Option<Admission<()>> {
        let has_room = self.is_next(slot) && self.has_room_for_permit(effects);
        let admission = self.try_admit(Request::Permit, has_room, slot, effects)?;
        Some(admission.map(|()| {
            self.machine.reserve(Instant::now, effects);
            self.count_permit(slot.handler);
            self.notify_front(effects);
        }))
    }

    /// Stores the event with a permit: its room is reserved, so no check and no queue are needed.
    pub(super) fn store_reserved(
        &mut self,
        pending: &mut PendingEvent<'_, E>,
        handler: Option<SubscriberId>,
        effects: &mut Effects<E>,
    ) -> Result<StoredEvent<E>, Stale<E>> {
        self.check_evaluation(pending)?;
        if let Some(matches) = pending.evaluation.matches() {
            self.machine.disconnect_panicked(matches, effects);
        }
        let event = pending.take();
        let PendingEvent {
            ticket, evaluation, ..
        } = pending;
        let stored = (self.machine).store_reserved(event, *ticket, evaluation, effects);
        self.uncount_permit(handler);
        self.wake_readers(effects);
        // A closed channel is complete once its last permit is used.
        self.notify_conditions(effects);
        self.notify_front(effects);
        Ok(stored)
    }

    /// Stores an event for which there is room.
    fn store(
        &mut self,
        pending: &mut PendingEvent<'_, E>,
        effects: &mut Effects<E>,
    ) -> StoredEvent<E> {
        let event = pending.take();
        let PendingEvent {
            ticket, evaluation, ..
        } = pending;
        let stored = (self.machine).store(event, *ticket, evaluation, effects);
        self.wake_readers(effects);
        // There may be room for the next publisher as well.
        self.notify_front(effects);
        stored
    }

    /// Checks that no filter has joined since the event was evaluated.
    fn check_evaluation(&self, pending: &PendingEvent<'_, E>) -> Result<(), Stale<E>> {
        match self.machine.not_yet_evaluated(pending.evaluation) {
            Some(filters) => Err(Stale(filters)),
            None => Ok(()),
        }
    }

    /// Returns whether every lossless subscriber that wants the event has room. Full filter queues are
    /// blocking from now on: the caller stores the event, queues the publisher, or unblocks the queues.
    fn has_room_for_event(
        &mut self,
        pending: &mut PendingEvent<'_, E>,
        effects: &mut Effects<E>,
    ) -> Result<bool, Stale<E>> {
        self.check_evaluation(pending)?;
        self.block_full_queues(pending.evaluation, effects);
        Ok(self.has_room(Request::Event, effects))
    }

    /// Returns whether every lossless subscriber has room for a permit. The event of a permit is
    /// unknown, so each full filter queue is blocking from now on, as in
    /// [`has_room_for_event`](Self::has_room_for_event).
    fn has_room_for_permit(&mut self, effects: &mut Effects<E>) -> bool {
        self.machine.block_all_full_queues(Instant::now);
        self.has_room(Request::Permit, effects)
    }
}
