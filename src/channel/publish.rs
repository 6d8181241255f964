//! Publishers: those that find room, and those that stand in line for it.

use std::task::Waker;

use super::{Channel, State};
use crate::channel::effects::Effects;
use crate::channel::filter::{Filters, Judged};
use crate::channel::machine::{Claim, Room};
use crate::channel::ticket::Ticket;
use crate::channel::wait_queue::Turn;
use crate::error::TryNotifyError;
use crate::receipt::Stored;
use crate::subscriber_id::SubscriberId;
use crate::util::clock::Instant;
use crate::util::panic_guard::discard;
use crate::util::sync::{Arc, Ordering};

/// A publisher waits in line.
pub(crate) struct Wait {
    /// If it is the head: when it must look again without being called.
    pub(crate) until: Option<Instant>,
}

/// Why a publisher gets nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    Closed,
    /// It waits inside of a handler, for room that this handler holds itself: by what it has not
    /// read, and by its own permits.
    WouldDeadlock,
}

/// What a publisher waits in line for.
enum Wish<'a, E> {
    /// To store this event, which filters judge before.
    Store {
        event: &'a mut Option<E>,
        judged: &'a mut Judged,
    },
    Permit,
}

impl<E> Wish<'_, E> {
    fn claim(&self) -> Claim {
        match self {
            Self::Store { .. } => Claim::Event,
            Self::Permit => Claim::Permit,
        }
    }

    /// Under the lock: the filters that must be asked without it.
    fn unasked(&self, state: &State<E>) -> Option<Filters<E>> {
        match self {
            Self::Store { judged, .. } => state.ring.unasked(judged),
            Self::Permit => None,
        }
    }

    /// Asks them.
    fn ask(&mut self, filters: &Filters<E>) {
        if let Self::Store { event, judged } = self {
            judged.ask(filters, event.as_ref().expect(UNPUBLISHED));
        }
    }

    /// Under the lock: whose queues are in the way of it.
    fn look(&mut self, state: &mut State<E>, effects: &mut Effects<E>) {
        match self {
            Self::Store { judged, .. } => state.look(judged, effects),
            Self::Permit => state.ring.find_any_in_the_way(Instant::now),
        }
    }
}

/// What is to be done about a wish.
enum Step<E, R> {
    Done(R),
    /// Once more, with a waker to spare.
    Waker,
    /// Once more, when these filters have judged the event.
    Ask(Filters<E>),
}

impl<E> State<E> {
    fn store(
        &mut self,
        event: E,
        ticket: Option<&Arc<Ticket>>,
        judged: &mut Judged,
        effects: &mut Effects<E>,
    ) -> (Stored, Option<E>) {
        let stored = self.ring.store(event, ticket, judged, effects);
        self.wake_readers(effects);
        self.call_line(effects);
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
    pub(crate) fn store_quietly(
        &self,
        event: E,
        ticket: Option<&Arc<Ticket>>,
    ) -> Result<Stored, E> {
        let mut state = self.state.lock();
        if !state.line.is_empty() {
            return Err(event);
        }
        if let Some(stored) = state.ring.pass() {
            self.newest.store(stored.seq, Ordering::Release);
            drop(state);
            discard(event);
            return Ok(stored);
        }
        if !state.ring.is_quiet() {
            return Err(event);
        }
        let stored = state.ring.put(event, ticket);
        self.newest.store(stored.seq, Ordering::Release);
        if state.parking.len() > 0 {
            let readers = state.parking.unpark_all();
            drop(state);
            readers.wake();
        }
        Ok(stored)
    }

    pub(crate) fn try_store(&self, event: E) -> Result<Stored, TryNotifyError<E>> {
        match self.store_quietly(event, None) {
            Ok(stored) => Ok(stored),
            Err(event) => self.store_if_room(event),
        }
    }

    #[inline(never)]
    fn store_if_room(&self, event: E) -> Result<Stored, TryNotifyError<E>> {
        let mut event = Some(event);
        let mut judged = Judged::default();
        loop {
            let step = self.run(|state, effects| {
                let mut take = || event.take().expect(UNPUBLISHED);
                if state.ring.is_closed() {
                    return Step::Done(Err(TryNotifyError::Closed(take())));
                }
                if !state.line.is_empty() {
                    return Step::Done(Err(TryNotifyError::Full(take())));
                }
                if let Some(filters) = state.ring.unasked(&judged) {
                    return Step::Ask(filters);
                }
                state.look(&mut judged, effects);
                if state.room(Claim::Event, effects) == Room::Full {
                    state.ring.step_aside(Instant::now);
                    return Step::Done(Err(TryNotifyError::Full(take())));
                }
                let stored = state.store(take(), None, &mut judged, effects);
                Step::Done(Ok(self.note(stored)))
            });
            match step {
                Step::Done(stored) => {
                    let (stored, unheard) = stored?;
                    discard(unheard);
                    return Ok(stored);
                }
                Step::Ask(filters) => judged.ask(&filters, event.as_ref().expect(UNPUBLISHED)),
                Step::Waker => unreachable!("who does not wait needs no waker"),
            }
        }
    }

    /// Waits in line until there is room, then stores the event.
    pub(crate) fn poll_store(
        &self,
        event: &mut Option<E>,
        ticket: Option<&Arc<Ticket>>,
        judged: &mut Judged,
        turn: &mut Option<Turn>,
        waker: &Waker,
    ) -> Result<Result<Stored, Refusal>, Wait> {
        let wish = Wish::Store { event, judged };
        let stored = self.poll_turn(wish, turn, waker, |state, wish, effects| {
            let Wish::Store { event, judged } = wish else {
                unreachable!("it is an event")
            };
            let event = event.take().expect(UNPUBLISHED);
            self.note(state.store(event, ticket, judged, effects))
        })?;
        Ok(stored.map(|(stored, unheard)| {
            discard(unheard);
            stored
        }))
    }

    /// Waits in line until there is room, then promises a place. Gives the handler that this was
    /// called inside of: it is named again when the place is used or given back.
    pub(crate) fn poll_reserve(
        &self,
        turn: &mut Option<Turn>,
        waker: &Waker,
    ) -> Result<Result<Option<SubscriberId>, Refusal>, Wait> {
        let inside = self.inside();
        self.poll_turn(Wish::Permit, turn, waker, |state, _, effects| {
            state.ring.reserve(Instant::now, effects);
            state.count_permit(inside);
            state.call_line(effects);
            inside
        })
    }

    /// Acts when it is its turn and there is room.
    ///
    /// `turn` is the future's place in the line, which it keeps until this is ready.
    fn poll_turn<R>(
        &self,
        mut wish: Wish<'_, E>,
        turn: &mut Option<Turn>,
        waker: &Waker,
        mut act: impl FnMut(&mut State<E>, &mut Wish<'_, E>, &mut Effects<E>) -> R,
    ) -> Result<Result<R, Refusal>, Wait> {
        let claim = wish.claim();
        let inside = self.inside();
        // Who comes here for the first time has found no room a moment ago.
        let mut spare = turn.is_none().then(|| waker.clone());
        loop {
            let step = self.run(|state, effects| {
                let first = turn.map_or(state.line.is_empty(), |turn| state.line.is_head(turn));
                let is_closed = state.ring.is_closed();
                if first && !is_closed {
                    if let Some(filters) = wish.unasked(state) {
                        return Step::Ask(filters);
                    }
                    wish.look(state, effects);
                }
                let refusal = if is_closed {
                    Some(Refusal::Closed)
                } else if first && state.room(claim, effects) != Room::Full {
                    None
                } else if inside.is_some_and(|handler| state.waits_for_itself(handler)) {
                    Some(Refusal::WouldDeadlock)
                } else {
                    let wait = state.stand(claim, turn, waker, &mut spare, inside, effects);
                    return wait.map_or(Step::Waker, Step::Done);
                };
                // Those in the way are dealt with by what it does, unless it is refused: which it
                // may be before it stands in line.
                if first && refusal.is_some() {
                    state.ring.step_aside(Instant::now);
                }
                let left = turn.take().and_then(|turn| state.line.leave(turn));
                state.note_departure();
                effects.discard(left);
                effects.discard(spare.take());
                Step::Done(Ok(match refusal {
                    None => Ok(act(state, &mut wish, effects)),
                    Some(refusal) => {
                        if refusal == Refusal::WouldDeadlock {
                            state.call_line(effects);
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
        let mut judged = Judged::default();
        loop {
            let step = self.run(|state, effects| {
                if let Some(filters) = state.ring.unasked(&judged) {
                    return Step::Ask(filters);
                }
                if let Some(answers) = judged.answers() {
                    state.ring.expel(answers, effects);
                }
                let event = event.take().expect(UNPUBLISHED);
                let stored = (state.ring).store_reserved(event, ticket, &mut judged, effects);
                state.uncount_permit(inside);
                state.wake_readers(effects);
                state.tell_watchers(effects);
                state.call_line(effects);
                Step::Done(self.note(stored))
            });
            match step {
                Step::Done((stored, unheard)) => {
                    discard(unheard);
                    return stored;
                }
                Step::Ask(filters) => judged.ask(&filters, event.as_ref().expect(UNPUBLISHED)),
                Step::Waker => unreachable!("who does not wait needs no waker"),
            }
        }
    }

    /// A promised place is not needed.
    pub(crate) fn give_back(&self, inside: Option<SubscriberId>) {
        self.run(|state, effects| {
            state.ring.give_back();
            state.uncount_permit(inside);
            state.tell_watchers(effects);
            if !planted!("permit-kept") {
                state.call_line(effects);
            }
        });
    }

    /// Whether the publisher has been told to look once more, and has yet to do so.
    #[cfg(feature = "rt")]
    pub(crate) fn is_called(&self, turn: Turn) -> bool {
        let line = &self.state.lock().line;
        line.is_called() && line.is_head(turn)
    }

    /// A publisher gives up its place in the line.
    pub(crate) fn leave_line(&self, turn: Turn) {
        self.run(|state, effects| {
            effects.discard(state.leave_line(turn));
            if !planted!("cancelled-turn") {
                state.call_line(effects);
            }
        });
    }

    /// Under the lock: an event has been stored.
    #[inline]
    fn note(&self, stored: (Stored, Option<E>)) -> (Stored, Option<E>) {
        self.newest.store(stored.0.seq, Ordering::Release);
        stored
    }
}

const UNPUBLISHED: &str = "an event is stored once";
