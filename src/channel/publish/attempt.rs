//! A single attempt to store an event or to reserve a permit, under the lock.

use super::{Admission, PendingEvent, Stale, StoredEvent};
use crate::channel::State;
use crate::channel::backpressure::{Publisher, QueueSlot, Standing};
use crate::channel::effects::Effects;
use crate::channel::machine::{Request, Room};
use crate::error::TryNotifyError;
use crate::util::clock::Instant;

impl<E> State<E> {
    /// Stores the event if there is room now, or past full windows.
    pub(super) fn try_store(
        &mut self,
        pending: &mut PendingEvent<'_, E>,
        publisher: Publisher,
        effects: &mut Effects<E>,
    ) -> Result<Result<StoredEvent<E>, TryNotifyError<E>>, Stale<E>> {
        if self.machine.is_closed() {
            return Ok(Err(TryNotifyError::Closed(pending.take())));
        }
        // Overtaking sleeping publishers would break the order of the queue. The filter queues that
        // block these publishers stay blocking: their reads must be reported.
        if publisher == Publisher::Waits && self.queue.has_sleepers() {
            return Ok(Err(TryNotifyError::Full(pending.take())));
        }
        self.check_evaluation(pending, effects)?;
        if publisher == Publisher::NeverWaits {
            return Ok(Ok(self.store(Room::PastWindows, pending, effects)));
        }
        if !self.has_room_for_event(pending) || self.has_room_but_for_grants() {
            // No publisher waits for the filter queues just found full.
            self.machine.unblock_queues(Instant::now);
            return Ok(Err(TryNotifyError::Full(pending.take())));
        }
        Ok(Ok(self.store(Room::Free, pending, effects)))
    }

    /// Stores the event, or queues the publisher. Returns `None` if an owned waker is missing.
    pub(super) fn poll_store(
        &mut self,
        pending: &mut PendingEvent<'_, E>,
        publisher: Publisher,
        slot: &mut QueueSlot<'_>,
        effects: &mut Effects<E>,
    ) -> Result<Option<Admission<StoredEvent<E>>>, Stale<E>> {
        let standing = self.standing(publisher, *slot.key);
        // A publisher behind others needs no evaluation yet: more filters may join before its turn.
        if !matches!(standing, Standing::Closed | Standing::Behind) {
            self.check_evaluation(pending, effects)?;
        }
        let has_room = standing == Standing::Next && self.has_room_for_event(pending);
        let admission = self.try_admit(Request::Event, standing, has_room, slot, effects);
        Ok(admission.map(|admission| admission.map(|room| self.store(room, pending, effects))))
    }

    /// Reserves a permit, or queues the publisher. Returns `None` if an owned waker is missing.
    pub(super) fn poll_reserve(
        &mut self,
        publisher: Publisher,
        slot: &mut QueueSlot<'_>,
        effects: &mut Effects<E>,
    ) -> Option<Admission<()>> {
        let standing = self.standing(publisher, *slot.key);
        let has_room = standing == Standing::Next && self.has_room_for_permit();
        let admission = self.try_admit(Request::Permit, standing, has_room, slot, effects)?;
        Some(admission.map(|room| {
            self.machine.reserve(room, Instant::now, effects);
            self.serve_queue(effects);
        }))
    }

    /// Stores the event with a permit: its room is reserved, so no check and no queue are needed.
    pub(super) fn store_permitted(
        &mut self,
        pending: &mut PendingEvent<'_, E>,
        effects: &mut Effects<E>,
    ) -> Result<StoredEvent<E>, Stale<E>> {
        self.check_evaluation(pending, effects)?;
        let stored = self.store(Room::Reserved, pending, effects);
        // A closed channel is complete once its last permit is used.
        self.notify_conditions(effects);
        Ok(stored)
    }

    /// Stores an event for which there is room.
    fn store(
        &mut self,
        room: Room,
        pending: &mut PendingEvent<'_, E>,
        effects: &mut Effects<E>,
    ) -> StoredEvent<E> {
        let event = pending.take();
        let PendingEvent {
            ticket, evaluation, ..
        } = pending;
        let stored = (self.machine).store(room, event, *ticket, evaluation, effects);
        self.wake_readers(effects);
        self.notify_detached(effects);
        // There may be room for the next publisher as well.
        self.serve_queue(effects);
        stored
    }

    /// Checks that no filter has joined since the event was evaluated. Disconnects the subscribers
    /// of predicates that have panicked.
    #[inline]
    fn check_evaluation(
        &mut self,
        pending: &mut PendingEvent<'_, E>,
        effects: &mut Effects<E>,
    ) -> Result<(), Stale<E>> {
        if let Some(filters) = self.machine.not_yet_evaluated(pending.evaluation) {
            return Err(Stale(filters));
        }
        if let Some(matches) = pending.evaluation.matches() {
            self.machine.disconnect_panicked(matches, effects);
            self.notify_detached(effects);
        }
        Ok(())
    }

    /// Returns whether every lossless subscriber that wants the event has room. Full filter queues
    /// are blocking from now on, in place of the queues that blocked another publisher: the caller
    /// stores the event, queues the publisher, or unblocks the queues.
    fn has_room_for_event(&mut self, pending: &mut PendingEvent<'_, E>) -> bool {
        self.machine.unblock_queues(Instant::now);
        if let Some(matches) = pending.evaluation.matches() {
            self.machine.block_full_queues(matches, Instant::now);
        }
        self.machine.check_room(Request::Event, Instant::now)
    }

    /// Returns whether every lossless subscriber has room for a permit. The event of a permit is
    /// unknown, so each full filter queue is blocking from now on, as in
    /// [`has_room_for_event`](Self::has_room_for_event).
    fn has_room_for_permit(&mut self) -> bool {
        self.machine.block_all_full_queues(Instant::now);
        self.machine.check_room(Request::Permit, Instant::now)
    }
}
