//! Publishing: the fast path, and the slow path, which may wait in the queue.
//!
//! **How an event is stored.**
//! 1. [`Channel::try_store_fast`] stores the event under a single lock if no publisher waits for a place, no
//!    filter must be evaluated, and no subscriber needs to be checked for room.
//! 2. Otherwise the filters are evaluated for the event, outside the lock: predicates are user code.
//!    A filter that joins after that makes the evaluation stale ([`Stale`]), and the filters that are
//!    missing are evaluated ([`Channel::with_evaluation`]).
//! 3. With an up-to-date evaluation, the publisher at the front of the wait queue is checked for
//!    room, for the event ([`State::has_room_for_event`]) or for a permit
//!    ([`State::has_room_for_permit`]).
//! 4. [`State::try_admit`] takes the publisher out of the wait queue, or queues it.
//! 5. [`State::store`] stores the event, wakes the subscribers, and notifies the next publisher.
//!
//! Steps 3 to 5 share a lock, so no other publisher can take the room in between, and no filter
//! can join unnoticed.

use std::task::Waker;

use super::{Channel, State};
use crate::channel::backpressure::{Publisher, QueueSlot};
use crate::channel::effects::Effects;
use crate::channel::filter::{Evaluation, FilterSnapshot};
use crate::channel::ticket::Ticket;
use crate::channel::wait_queue::QueueKey;
use crate::error::TryNotifyError;
use crate::receipt::Stored;
use crate::util::clock::Instant;
use crate::util::panic_guard::{Guarded, drop_caught};
use crate::util::spare_waker::with_spare_waker;
use crate::util::sync::{Arc, Ordering};

mod attempt;

/// The result of polling a publisher.
pub(crate) enum Admission<T> {
    /// The event was stored, or the permit reserved. The publisher is not queued any more.
    Done(T),
    /// The channel is closed. The publisher is not queued any more.
    Closed,
    /// The publisher waits in the queue.
    Queued {
        /// The time at which the publisher must poll again without being woken.
        deadline: Option<Instant>,
    },
}

/// An event to be stored on the slow path.
pub(crate) struct PendingEvent<'a, E> {
    /// `None` once the event is stored.
    pub(crate) event: &'a mut Option<E>,
    pub(crate) ticket: Option<&'a Arc<Ticket>>,
    /// The results of the filters, which stay valid while the publisher is queued.
    pub(crate) evaluation: &'a mut Evaluation,
}

/// Filters that joined after the evaluation of an event. The event must not be stored before they
/// are evaluated: they are promised every event stored after they joined.
struct Stale<E>(FilterSnapshot<E>);

/// A stored event. The event itself is returned if no subscriber reads the log, to be dropped outside
/// the lock.
type StoredEvent<E> = (Stored, Option<E>);

impl<E> Channel<E> {
    // ---- Events -----------------------------------------------------------------------------

    /// Stores the event on the fast path, or returns the event.
    ///
    /// The fast path needs that no publisher waits for a place, no filters, and no subscriber close to a full
    /// window.
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
        // Without readers, the event only takes a sequence number. Its `Drop` is user code, which must
        // not run under the lock.
        if let Some(stored) = state.machine.try_skip_fast() {
            self.tail_hint.store(stored.seq, Ordering::Release);
            drop(state);
            drop_caught(event);
            return Ok(stored);
        }
        // Beside waiting publishers, the slow path decides: a sleeping publisher must not be overtaken, and a
        // subscriber that the event fills must be recorded as blocking.
        if !state.queue.has_no_waiters() || !state.machine.can_store_fast() {
            return Err(event);
        }
        let stored = state.machine.push_event(event, ticket);
        self.tail_hint.store(stored.seq, Ordering::Release);
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
            Err(event) => self.try_store_slow(event, self.publisher()),
        }
    }

    /// Stores an event that follows from an event in flight, past full windows.
    ///
    /// # Errors
    /// The event, if the channel is closed.
    pub(crate) fn store_past_windows(&self, event: E) -> Result<Stored, E> {
        self.try_store_fast(event, None).or_else(|event| {
            self.try_store_slow(event, Publisher::NeverWaits)
                .map_err(TryNotifyError::into_event)
        })
    }

    #[inline(never)]
    fn try_store_slow(&self, event: E, publisher: Publisher) -> Result<Stored, TryNotifyError<E>> {
        // A key function of topics may panic and unwind past the event. Unguarded, a `Drop` that panics then
        // would abort the process.
        let mut event = Guarded::new(Some(event));
        let mut pending = PendingEvent {
            event: &mut event,
            ticket: None,
            evaluation: &mut Evaluation::default(),
        };
        let stored = self.with_evaluation(&mut pending, |state, pending, effects| {
            state.try_store(pending, publisher, effects)
        })?;
        Ok(drop_if_not_logged(stored))
    }

    /// Stores the event, or queues the publisher. `key` is the publisher's entry in the wait queue
    /// until the result is not [`Admission::Queued`].
    pub(crate) fn poll_store(
        &self,
        pending: &mut PendingEvent<'_, E>,
        key: &mut Option<QueueKey>,
        waker: &Waker,
    ) -> Admission<Stored> {
        let publisher = self.publisher();
        let spare = spare_if_new(*key, waker);
        let admission = with_spare_waker(waker, spare, |spare| {
            let mut slot = QueueSlot { key, waker, spare };
            self.with_evaluation(pending, |state, pending, effects| {
                state.poll_store(pending, publisher, &mut slot, effects)
            })
        });
        admission.map(drop_if_not_logged)
    }

    /// Stores the event with a permit.
    pub(crate) fn store_permitted(&self, event: E, ticket: Option<&Arc<Ticket>>) -> Stored {
        // A key function of topics may panic and unwind past the event. Unguarded, a `Drop` that panics then
        // would abort the process.
        let mut event = Guarded::new(Some(event));
        let mut pending = PendingEvent {
            event: &mut event,
            ticket,
            evaluation: &mut Evaluation::default(),
        };
        let stored = self.with_evaluation(&mut pending, State::store_permitted);
        drop_if_not_logged(stored)
    }

    /// Returns whether the calling code waits for room. Code of a handler of this manager does not:
    /// the handler may be what it waits for.
    fn publisher(&self) -> Publisher {
        match self.current_handler() {
            Some(_) => Publisher::NeverWaits,
            None => Publisher::Waits,
        }
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
                    self.tail_hint
                        .store(state.machine.tail(), Ordering::Release);
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
    pub(crate) fn poll_reserve(&self, key: &mut Option<QueueKey>, waker: &Waker) -> Admission<()> {
        let publisher = self.publisher();
        let spare = spare_if_new(*key, waker);
        with_spare_waker(waker, spare, |spare| {
            let mut slot = QueueSlot { key, waker, spare };
            self.run(|state, effects| state.poll_reserve(publisher, &mut slot, effects))
        })
    }

    /// Releases an unused permit.
    pub(crate) fn release_permit(&self) {
        self.run(|state, effects| {
            state.machine.release_permit();
            state.notify_conditions(effects);
            if !seeded_bug!("dropped-permit-keeps-room") {
                state.serve_queue(effects);
            }
        });
    }

    // ---- The wait queue ---------------------------------------------------------------------

    /// Returns whether the publisher was woken, and has not polled since.
    #[cfg(feature = "rt")]
    pub(crate) fn is_notified(&self, key: QueueKey) -> bool {
        self.state.lock().queue.is_notified(key)
    }

    /// Removes a publisher that was dropped while it was queued.
    pub(crate) fn leave_queue(&self, key: QueueKey) {
        self.run(|state, effects| {
            state.leave_queue(Some(key), effects);
            // A publisher that was woken and dropped has used up the wake-up: pass it on.
            if !seeded_bug!("cancelled-waiter-keeps-wakeup") {
                state.serve_queue(effects);
            }
        });
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
            Self::Closed => Admission::Closed,
            Self::Queued { deadline } => Admission::Queued { deadline },
        }
    }
}

/// Clones the waker of a publisher that is not queued yet. The fast path has just failed, so the next
/// attempt will probably queue the publisher, and would have to lock twice without a clone.
fn spare_if_new(key: Option<QueueKey>, waker: &Waker) -> Option<Waker> {
    key.is_none().then(|| waker.clone())
}

/// Drops an event that no subscriber reads from the log. The caller must not hold the lock: the
/// event's `Drop` is user code.
fn drop_if_not_logged<E>((stored, not_logged): StoredEvent<E>) -> Stored {
    if let Some(event) = not_logged {
        drop_caught(event);
    }
    stored
}

const UNPUBLISHED: &str = "the event is taken only when it is stored or returned";
