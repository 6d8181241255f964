//! Publishing: the fast path, and storing an event or reserving a permit beside it.
//!
//! **How an event is stored.**
//! 1. [`Channel::try_store_fast`] stores the event under one lock if no publisher is queued, no filter
//!    must be evaluated, and no subscriber needs to be checked for room.
//! 2. Otherwise the filters are evaluated for the event, outside the lock: predicates are user code.
//!    A filter that joins after that makes the evaluation stale ([`Stale`]), and the filters that are
//!    missing are evaluated ([`Channel::with_evaluation`]).
//! 3. With an evaluation that is up to date, the publisher at the front of the wait queue is checked for
//!    room, for the event ([`State::has_room_for_event`]) or for a permit
//!    ([`State::has_room_for_permit`]).
//! 4. [`State::try_admit`] takes the publisher out of the wait queue, or queues it.
//! 5. [`State::store`] stores the event, wakes the subscribers, and notifies the next publisher.
//!
//! Steps 3 to 5 share one lock, so that no other publisher can take the room in between, and no filter
//! can join unnoticed.

use std::task::Waker;

use super::{Channel, State};
use crate::channel::backpressure::QueueSlot;
use crate::channel::effects::Effects;
use crate::channel::filter::{Evaluation, FilterSnapshot};
use crate::channel::machine::Request;
use crate::channel::ticket::Ticket;
use crate::channel::wait_queue::QueueKey;
use crate::error::TryNotifyError;
use crate::receipt::Stored;
use crate::subscriber_id::SubscriberId;
use crate::util::clock::Instant;
use crate::util::panic_guard::drop_caught;
use crate::util::spare_waker::with_spare_waker;
use crate::util::sync::{Arc, Ordering};

/// The result of polling a publisher.
pub(crate) enum Admission<T> {
    /// The event was stored, or the permit reserved. The publisher is not queued any more.
    Done(T),
    /// The publisher will never be admitted, and is not queued any more.
    Rejected(Rejected),
    /// The publisher waits in the queue.
    Queued {
        /// The time at which the publisher must poll again without being notified. Only the front
        /// of the queue has one.
        deadline: Option<Instant>,
    },
}

/// The reason why a publisher will never be admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rejected {
    Closed,
    /// The publisher waits inside a handler for room that only this handler can make: by reading its
    /// unread events, or by using its own permits.
    WouldDeadlock,
}

/// An event that is stored beside the fast path.
pub(crate) struct PendingEvent<'a, E> {
    /// `None` once the event is stored.
    pub(crate) event: &'a mut Option<E>,
    pub(crate) ticket: Option<&'a Arc<Ticket>>,
    /// The results of the filters, which stay valid while the publisher is queued.
    pub(crate) evaluation: &'a mut Evaluation,
}

/// Filters that joined after the evaluation of an event. The event must not be stored before they
/// are evaluated: they are promised every event that is stored after they joined.
struct Stale<E>(FilterSnapshot<E>);

/// A stored event. The event itself is returned if no subscriber reads the log, to be dropped outside
/// the lock.
type StoredEvent<E> = (Stored, Option<E>);

impl<E> Channel<E> {
    // ---- Events -----------------------------------------------------------------------------

    /// Stores the event on the fast path, or returns the event.
    ///
    /// The fast path needs an empty wait queue, no filters, and no subscriber close to a full window.
    #[expect(
        clippy::inline_always,
        reason = "a call would move the result through memory, at half the cost of storing"
    )]
    #[inline(always)]
    pub(crate) fn try_store_fast(
        &self,
        event: E,
        ticket: Option<&Arc<Ticket>>,
    ) -> Result<Stored, E> {
        let mut state = self.state.lock();
        // Overtaking queued publishers would break the order of the queue.
        if !state.queue.is_empty() {
            return Err(event);
        }
        // Without readers, the event only takes a sequence number. Its `Drop` is user code, which must
        // not run under the lock.
        if let Some(stored) = state.machine.try_skip_fast() {
            self.newest.store(stored.seq, Ordering::Release);
            drop(state);
            drop_caught(event);
            return Ok(stored);
        }
        if !state.machine.can_store_fast() {
            return Err(event);
        }
        let stored = state.machine.push_event(event, ticket);
        self.newest.store(stored.seq, Ordering::Release);
        // Wakers are user code: take them out here, and call them after unlocking.
        if state.parked.len() > 0 {
            let readers = state.parked.unpark_all();
            drop(state);
            readers.wake();
        }
        Ok(stored)
    }

    /// Stores the event if there is room now.
    pub(crate) fn try_store(&self, event: E) -> Result<Stored, TryNotifyError<E>> {
        match self.try_store_fast(event, None) {
            Ok(stored) => Ok(stored),
            Err(event) => self.try_store_slow(event),
        }
    }

    #[inline(never)]
    fn try_store_slow(&self, event: E) -> Result<Stored, TryNotifyError<E>> {
        let mut pending = PendingEvent {
            event: &mut Some(event),
            ticket: None,
            evaluation: &mut Evaluation::default(),
        };
        let stored = self.with_evaluation(&mut pending, State::try_store)?;
        Ok(drop_unheard(stored))
    }

    /// Stores the event, or queues the publisher. `key` is the publisher's entry in the wait queue
    /// until the result is not [`Admission::Queued`].
    pub(crate) fn poll_store(
        &self,
        pending: &mut PendingEvent<'_, E>,
        key: &mut Option<QueueKey>,
        waker: &Waker,
    ) -> Admission<Stored> {
        let handler = self.current_handler();
        let spare = spare_if_new(*key, waker);
        let admission = with_spare_waker(waker, spare, |spare| {
            let mut slot = QueueSlot {
                key,
                waker,
                spare,
                handler,
            };
            self.with_evaluation(pending, |state, pending, effects| {
                state.poll_store(pending, &mut slot, effects)
            })
        });
        admission.map(drop_unheard)
    }

    /// Stores the event with a permit that was reserved inside `handler`, if inside one.
    pub(crate) fn store_reserved(
        &self,
        event: E,
        ticket: Option<&Arc<Ticket>>,
        handler: Option<SubscriberId>,
    ) -> Stored {
        let mut pending = PendingEvent {
            event: &mut Some(event),
            ticket,
            evaluation: &mut Evaluation::default(),
        };
        let stored = self.with_evaluation(&mut pending, |state, pending, effects| {
            state.store_reserved(pending, handler, effects)
        });
        drop_unheard(stored)
    }

    /// Calls `attempt` under the lock, and evaluates the filters that it is missing outside the lock,
    /// until it finds the evaluation up to date.
    fn with_evaluation<R>(
        &self,
        pending: &mut PendingEvent<'_, E>,
        mut attempt: impl FnMut(
            &mut State<E>,
            &mut PendingEvent<'_, E>,
            &mut Effects<E>,
        ) -> Result<R, Stale<E>>,
    ) -> R {
        loop {
            let result = self.run(|state, effects| {
                let result = attempt(state, pending, effects);
                // Update the hint under the lock: two publishers could reorder their updates without.
                if pending.event.is_none() {
                    self.newest.store(state.machine.tail(), Ordering::Release);
                }
                result
            });
            match result {
                Ok(result) => return result,
                Err(Stale(filters)) => {
                    let event = pending.event.as_ref().expect(UNPUBLISHED);
                    pending.evaluation.evaluate(&filters, event);
                }
            }
        }
    }

    // ---- Permits ----------------------------------------------------------------------------

    /// Reserves a permit, or queues the publisher. `key` is the same as in
    /// [`poll_store`](Self::poll_store).
    ///
    /// Completes with the handler that this was called inside of, if any: using or releasing the permit
    /// must name that handler.
    pub(crate) fn poll_reserve(
        &self,
        key: &mut Option<QueueKey>,
        waker: &Waker,
    ) -> Admission<Option<SubscriberId>> {
        let handler = self.current_handler();
        let spare = spare_if_new(*key, waker);
        let admission = with_spare_waker(waker, spare, |spare| {
            let mut slot = QueueSlot {
                key,
                waker,
                spare,
                handler,
            };
            self.run(|state, effects| state.poll_reserve(&mut slot, effects))
        });
        admission.map(|()| handler)
    }

    /// Releases a permit that was not used, and that was reserved inside `handler`, if inside one.
    pub(crate) fn release_permit(&self, handler: Option<SubscriberId>) {
        self.run(|state, effects| {
            state.machine.release_reserved();
            state.uncount_permit(handler);
            state.notify_watchers(effects);
            if !seeded_bug!("dropped-permit-keeps-room") {
                state.notify_front(effects);
            }
        });
    }

    // ---- The wait queue ---------------------------------------------------------------------

    /// Returns whether the publisher is at the front, was notified, and has not polled since.
    #[cfg(feature = "rt")]
    pub(crate) fn is_front_notified(&self, key: QueueKey) -> bool {
        let queue = &self.state.lock().queue;
        queue.is_front_notified() && queue.is_front(key)
    }

    /// Removes a publisher that was dropped while it was queued.
    pub(crate) fn leave_queue(&self, key: QueueKey) {
        self.run(|state, effects| {
            effects.drop_waker(state.leave_queue(key));
            // A publisher that was notified and dropped has used up the notification: pass it on.
            if !seeded_bug!("cancelled-waiter-keeps-wakeup") {
                state.notify_front(effects);
            }
        });
    }
}

impl<E> State<E> {
    /// Stores the event if there is room now.
    fn try_store(
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
            // No publisher waits for the filter queues that were just found full.
            self.machine.unblock_queues(Instant::now);
            return Ok(Err(TryNotifyError::Full(pending.take())));
        }
        Ok(Ok(self.store(pending, effects)))
    }

    /// Stores the event, or queues the publisher. Returns `None` if an owned waker is missing.
    fn poll_store(
        &mut self,
        pending: &mut PendingEvent<'_, E>,
        slot: &mut QueueSlot<'_>,
        effects: &mut Effects<E>,
    ) -> Result<Option<Admission<StoredEvent<E>>>, Stale<E>> {
        // Only the front publisher is checked: filters may still join before the others get there.
        let has_room = self.is_next(slot) && self.has_room_for_event(pending, effects)?;
        let admission = self.try_admit(Request::Event, has_room, slot, effects);
        Ok(admission.map(|admission| admission.map(|()| self.store(pending, effects))))
    }

    /// Reserves a permit, or queues the publisher. Returns `None` if an owned waker is missing.
    fn poll_reserve(
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
    fn store_reserved(
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
        self.notify_watchers(effects);
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

impl<E> PendingEvent<'_, E> {
    fn take(&mut self) -> E {
        self.event.take().expect(UNPUBLISHED)
    }
}

impl<T> Admission<T> {
    fn map<R>(self, f: impl FnOnce(T) -> R) -> Admission<R> {
        match self {
            Self::Done(value) => Admission::Done(f(value)),
            Self::Rejected(reason) => Admission::Rejected(reason),
            Self::Queued { deadline } => Admission::Queued { deadline },
        }
    }
}

/// Clones the waker of a publisher that is not queued yet. Its first attempt has just failed on the
/// fast path, so the second will probably queue it, and would have to lock twice without a clone.
fn spare_if_new(key: Option<QueueKey>, waker: &Waker) -> Option<Waker> {
    key.is_none().then(|| waker.clone())
}

/// Drops an event that no subscriber reads from the log. The caller must not hold the lock: the
/// event's `Drop` is user code.
fn drop_unheard<E>((stored, unheard): StoredEvent<E>) -> Stored {
    if let Some(event) = unheard {
        drop_caught(event);
    }
    stored
}

const UNPUBLISHED: &str = "the event is taken only when it is stored or returned";
