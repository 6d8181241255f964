//! Publishers: those that find room, and those that stand in line for it.

use std::task::Waker;

use super::{Channel, State};
use crate::ack::Ticket;
use crate::clock::Instant;
use crate::effects::Effects;
use crate::error::TryNotifyError;
use crate::foreign::discard;
use crate::line::Turn;
use crate::ring::{Claim, Room, Stored};
use crate::sync::{Arc, Ordering};

/// A publisher waits in line.
pub(crate) struct Wait {
    /// If it is the head: when it must look again without being called.
    pub(crate) until: Option<Instant>,
}

/// Why a publisher gets nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    Closed,
    /// It waits inside of a handler, for room that this handler holds.
    WouldDeadlock,
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
        let event = match self.store_quietly(event, None) {
            Ok(stored) => return Ok(stored),
            Err(event) => event,
        };
        let (stored, unheard) = self.run(|state, effects| {
            if state.ring.is_closed() {
                Err(TryNotifyError::Closed(event))
            } else if !state.line.is_empty() || state.room(Claim::Event, effects) == Room::Full {
                Err(TryNotifyError::Full(event))
            } else {
                Ok(self.note(state.store(event, None, effects)))
            }
        })?;
        discard(unheard);
        Ok(stored)
    }

    /// Waits in line until there is room, then stores `event`.
    pub(crate) fn poll_store(
        &self,
        event: &mut Option<E>,
        ticket: Option<&Arc<Ticket>>,
        turn: &mut Option<Turn>,
        waker: &Waker,
    ) -> Result<Result<Stored, Refusal>, Wait> {
        let stored = self.poll_turn(Claim::Event, turn, waker, |state, effects| {
            let event = event.take().expect("a future is not polled once ready");
            self.note(state.store(event, ticket, effects))
        })?;
        Ok(stored.map(|(stored, unheard)| {
            discard(unheard);
            stored
        }))
    }

    /// Waits in line until there is room, then promises a place.
    pub(crate) fn poll_reserve(
        &self,
        turn: &mut Option<Turn>,
        waker: &Waker,
    ) -> Result<Result<(), Refusal>, Wait> {
        self.poll_turn(Claim::Permit, turn, waker, |state, effects| {
            state.ring.reserve(effects);
            state.call_line(effects);
        })
    }

    /// Acts when it is its turn and there is room.
    ///
    /// `turn` is the future's place in the line, which it keeps until this is ready.
    fn poll_turn<R>(
        &self,
        claim: Claim,
        turn: &mut Option<Turn>,
        waker: &Waker,
        mut act: impl FnMut(&mut State<E>, &mut Effects<E>) -> R,
    ) -> Result<Result<R, Refusal>, Wait> {
        let inside = self.inside();
        // Who comes here for the first time has found no room a moment ago.
        let mut spare = turn.is_none().then(|| waker.clone());
        loop {
            let decided = self.run(|state, effects| {
                let first = turn.map_or(state.line.is_empty(), |turn| state.line.is_head(turn));
                let refusal = if state.ring.is_closed() {
                    Some(Refusal::Closed)
                } else if first && state.room(claim, effects) != Room::Full {
                    None
                } else if inside.is_some_and(|handler| state.ring.is_blocking(handler)) {
                    Some(Refusal::WouldDeadlock)
                } else {
                    return state.stand(claim, turn, waker, &mut spare, inside, effects);
                };
                let left = turn.take().and_then(|turn| state.line.leave(turn));
                effects.discard(left);
                effects.discard(spare.take());
                Some(Ok(match refusal {
                    None => Ok(act(state, effects)),
                    Some(refusal) => {
                        if refusal == Refusal::WouldDeadlock {
                            state.call_line(effects);
                        }
                        Err(refusal)
                    }
                }))
            });
            if let Some(decided) = decided {
                return decided;
            }
            spare = Some(waker.clone());
        }
    }

    /// Stores an event in a promised place.
    pub(crate) fn store_reserved(&self, event: E, ticket: Option<&Arc<Ticket>>) -> Stored {
        let (stored, unheard) = self.run(|state, effects| {
            let stored = state.ring.store_reserved(event, ticket, effects);
            state.wake_readers(effects);
            state.tell_watchers(effects);
            state.call_line(effects);
            self.note(stored)
        });
        discard(unheard);
        stored
    }

    /// A promised place is not needed.
    pub(crate) fn give_back(&self) {
        self.run(|state, effects| {
            state.ring.give_back();
            state.tell_watchers(effects);
            if !planted!("permit-kept") {
                state.call_line(effects);
            }
        });
    }

    /// A publisher gives up its place in the line.
    pub(crate) fn leave_line(&self, turn: Turn) {
        self.run(|state, effects| {
            effects.discard(state.line.leave(turn));
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
