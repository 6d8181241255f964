//! Publishers: those that find room, and those that stand in line for it.

use std::task::Waker;

use super::{Channel, State};
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
use crate::util::sync::{Arc, Ordering};

/// A publisher waits in line.
pub(crate) struct Wait {
    /// If it is the head: when it must look again without being called.
    pub(crate) until: Option<Instant>,
}

/// Why a publisher gets nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rejected {
    Closed,
    /// It waits inside of a handler, for room that this handler holds itself: by what it has not
    /// read, and by its own permits.
    WouldDeadlock,
}

/// What a publisher waits in line for.
enum Pending<'a, E> {
    /// To store this event, which filters judge before.
    Store {
        event: &'a mut Option<E>,
        judged: &'a mut Evaluation,
    },
    Permit,
}

impl<E> Pending<'_, E> {
    fn claim(&self) -> Request {
        match self {
            Self::Store { .. } => Request::Event,
            Self::Permit => Request::Permit,
        }
    }

    /// Under the lock: the filters that must be asked without it.
    fn unasked(&self, state: &State<E>) -> Option<FilterSnapshot<E>> {
        match self {
            Self::Store { judged, .. } => state.machine.not_yet_evaluated(judged),
            Self::Permit => None,
        }
    }

    /// Asks them.
    fn ask(&mut self, filters: &FilterSnapshot<E>) {
        if let Self::Store { event, judged } = self {
            judged.evaluate(filters, event.as_ref().expect(UNPUBLISHED));
        }
    }

    /// Under the lock: whose queues are in the way of it.
    fn look(&mut self, state: &mut State<E>, effects: &mut Effects<E>) {
        match self {
            Self::Store { judged, .. } => state.block_full_queues(judged, effects),
            Self::Permit => state.machine.block_all_full_queues(Instant::now),
        }
    }
}

/// What is to be done about a wish.
enum Step<E, R> {
    Done(R),
    /// Once more, with a waker to spare.
    Waker,
    /// Once more, when these filters have judged the event.
    Ask(FilterSnapshot<E>),
}

impl<E> State<E> {
    fn store(
        &mut self,
        event: E,
        ticket: Option<&Arc<Ticket>>,
        judged: &mut Evaluation,
        effects: &mut Effects<E>,
    ) -> (Stored, Option<E>) {
        let stored = self.machine.store(event, ticket, judged, effects);
        self.wake_readers(effects);
        self.notify_front(effects);
        stored
    }
}

impl<E> Channel<E> {
    /// The way that most events go: nobody waits in line, and nobody is near its limit.
    #[expect(
        clippy::inline_always,
        reason = "moving its result costs half as much as storing"
    )]
    #[inline(always)]
    pub(crate) fn try_store_fast(
        &self,
        event: E,
        ticket: Option<&Arc<Ticket>>,
    ) -> Result<Stored, E> {
        let mut state = self.state.lock();
        if !state.queue.is_empty() {
            return Err(event);
        }
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
        if state.parked.len() > 0 {
            let readers = state.parked.unpark_all();
            drop(state);
            readers.wake();
        }
        Ok(stored)
    }

    pub(crate) fn try_store(&self, event: E) -> Result<Stored, TryNotifyError<E>> {
        match self.try_store_fast(event, None) {
            Ok(stored) => Ok(stored),
            Err(event) => self.try_store_slow(event),
        }
    }

    #[inline(never)]
    fn try_store_slow(&self, event: E) -> Result<Stored, TryNotifyError<E>> {
        let mut event = Some(event);
        let mut judged = Evaluation::default();
        loop {
            let step = self.run(|state, effects| {
                let mut take = || event.take().expect(UNPUBLISHED);
                if state.machine.is_closed() {
                    return Step::Done(Err(TryNotifyError::Closed(take())));
                }
                if !state.queue.is_empty() {
                    return Step::Done(Err(TryNotifyError::Full(take())));
                }
                if let Some(filters) = state.machine.not_yet_evaluated(&judged) {
                    return Step::Ask(filters);
                }
                state.block_full_queues(&mut judged, effects);
                if !state.has_room(Request::Event, effects) {
                    state.machine.unblock_queues(Instant::now);
                    return Step::Done(Err(TryNotifyError::Full(take())));
                }
                let stored = state.store(take(), None, &mut judged, effects);
                Step::Done(Ok(self.publish_tail(stored)))
            });
            match step {
                Step::Done(stored) => {
                    let (stored, unheard) = stored?;
                    drop_caught(unheard);
                    return Ok(stored);
                }
                Step::Ask(filters) => judged.evaluate(&filters, event.as_ref().expect(UNPUBLISHED)),
                Step::Waker => unreachable!("who does not wait needs no waker"),
            }
        }
    }

    /// Waits in line until there is room, then stores the event.
    pub(crate) fn poll_store(
        &self,
        event: &mut Option<E>,
        ticket: Option<&Arc<Ticket>>,
        judged: &mut Evaluation,
        turn: &mut Option<QueueKey>,
        waker: &Waker,
    ) -> Result<Result<Stored, Rejected>, Wait> {
        let wish = Pending::Store { event, judged };
        let stored = self.poll_admission(wish, turn, waker, |state, wish, effects| {
            let Pending::Store { event, judged } = wish else {
                unreachable!("it is an event")
            };
            let event = event.take().expect(UNPUBLISHED);
            self.publish_tail(state.store(event, ticket, judged, effects))
        })?;
        Ok(stored.map(|(stored, unheard)| {
            drop_caught(unheard);
            stored
        }))
    }

    /// Waits in line until there is room, then promises a place. Gives the handler that this was
    /// called inside of: it is named again when the place is used or given back.
    pub(crate) fn poll_reserve(
        &self,
        turn: &mut Option<QueueKey>,
        waker: &Waker,
    ) -> Result<Result<Option<SubscriberId>, Rejected>, Wait> {
        let inside = self.current_handler();
        self.poll_admission(Pending::Permit, turn, waker, |state, _, effects| {
            state.machine.reserve(Instant::now, effects);
            state.count_permit(inside);
            state.notify_front(effects);
            inside
        })
    }

    /// Acts when it is its turn and there is room.
    ///
    /// `turn` is the future's place in the line, which it keeps until this is ready.
    fn poll_admission<R>(
        &self,
        mut wish: Pending<'_, E>,
        turn: &mut Option<QueueKey>,
        waker: &Waker,
        mut act: impl FnMut(&mut State<E>, &mut Pending<'_, E>, &mut Effects<E>) -> R,
    ) -> Result<Result<R, Rejected>, Wait> {
        let claim = wish.claim();
        let inside = self.current_handler();
        // Who comes here for the first time has found no room a moment ago.
        let mut spare = turn.is_none().then(|| waker.clone());
        loop {
            let step = self.run(|state, effects| {
                let first = turn.map_or(state.queue.is_empty(), |turn| state.queue.is_front(turn));
                let is_closed = state.machine.is_closed();
                if first && !is_closed {
                    if let Some(filters) = wish.unasked(state) {
                        return Step::Ask(filters);
                    }
                    wish.look(state, effects);
                }
                let refusal = if is_closed {
                    Some(Rejected::Closed)
                } else if first && state.has_room(claim, effects) {
                    None
                } else if inside.is_some_and(|handler| state.waits_for_itself(handler)) {
                    Some(Rejected::WouldDeadlock)
                } else {
                    let wait =
                        state.enqueue_or_rearm(claim, turn, waker, &mut spare, inside, effects);
                    return wait.map_or(Step::Waker, Step::Done);
                };
                // Those in the way are dealt with by what it does, unless it is refused: which it
                // may be before it stands in line.
                if first && refusal.is_some() {
                    state.machine.unblock_queues(Instant::now);
                }
                let left = turn.take().and_then(|turn| state.queue.remove(turn));
                state.note_departure();
                effects.drop_waker(left);
                effects.drop_waker(spare.take());
                Step::Done(Ok(match refusal {
                    None => Ok(act(state, &mut wish, effects)),
                    Some(refusal) => {
                        if refusal == Rejected::WouldDeadlock {
                            state.notify_front(effects);
                        }
                        Err(refusal)
                    }
                }))
            });
            match step {
                Step::Done(decided) => return decided,
                Step::Waker => spare = Some(waker.clone()),
                Step::Ask(filters) => wish.ask(&filters),
            }
        }
    }

    /// Stores an event in a promised place.
    pub(crate) fn store_reserved(
        &self,
        event: E,
        ticket: Option<&Arc<Ticket>>,
        inside: Option<SubscriberId>,
    ) -> Stored {
        let mut event = Some(event);
        let mut judged = Evaluation::default();
        loop {
            let step = self.run(|state, effects| {
                if let Some(filters) = state.machine.not_yet_evaluated(&judged) {
                    return Step::Ask(filters);
                }
                if let Some(answers) = judged.matches() {
                    state.machine.disconnect_panicked(answers, effects);
                }
                let event = event.take().expect(UNPUBLISHED);
                let stored = (state.machine).store_reserved(event, ticket, &mut judged, effects);
                state.uncount_permit(inside);
                state.wake_readers(effects);
                state.notify_watchers(effects);
                state.notify_front(effects);
                Step::Done(self.publish_tail(stored))
            });
            match step {
                Step::Done((stored, unheard)) => {
                    drop_caught(unheard);
                    return stored;
                }
                Step::Ask(filters) => judged.evaluate(&filters, event.as_ref().expect(UNPUBLISHED)),
                Step::Waker => unreachable!("who does not wait needs no waker"),
            }
        }
    }

    /// A promised place is not needed.
    pub(crate) fn release_permit(&self, inside: Option<SubscriberId>) {
        self.run(|state, effects| {
            state.machine.release_reserved();
            state.uncount_permit(inside);
            state.notify_watchers(effects);
            if !seeded_bug!("dropped-permit-keeps-room") {
                state.notify_front(effects);
            }
        });
    }

    /// Whether the publisher has been told to look once more, and has yet to do so.
    #[cfg(feature = "rt")]
    pub(crate) fn is_front_notified(&self, turn: QueueKey) -> bool {
        let line = &self.state.lock().queue;
        line.is_front_notified() && line.is_front(turn)
    }

    /// A publisher gives up its place in the line.
    pub(crate) fn leave_queue(&self, turn: QueueKey) {
        self.run(|state, effects| {
            effects.drop_waker(state.leave_queue(turn));
            if !seeded_bug!("cancelled-waiter-keeps-wakeup") {
                state.notify_front(effects);
            }
        });
    }

    /// Under the lock: an event has been stored.
    #[inline]
    fn publish_tail(&self, stored: (Stored, Option<E>)) -> (Stored, Option<E>) {
        self.newest.store(stored.0.seq, Ordering::Release);
        stored
    }
}

const UNPUBLISHED: &str = "an event is stored once";
