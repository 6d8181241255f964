//! Storing events, and the policies of those that make nobody wait.

use super::Ring;
use crate::channel::effects::{Effect, Effects};
use crate::channel::filter::Judged;
use crate::channel::machine::full_at::KEEPER;
use crate::channel::subscriber::Place;
use crate::channel::ticket::Ticket;
use crate::end_reason::DisconnectCause;
use crate::options::Overflow;
use crate::receipt::Stored;
use crate::util::clock::Instant;
use crate::util::sync::Arc;

impl<E> Ring<E> {
    /// As [`unheard`](Self::unheard), unless it is closed, or there are filters.
    #[inline]
    pub(crate) fn pass(&mut self) -> Option<Stored> {
        if self.barred { None } else { self.unheard() }
    }

    /// If nobody is there to hear it, nor may come late, an event only takes its number.
    #[inline]
    fn unheard(&mut self) -> Option<Stored> {
        (self.listeners == 0).then(|| Stored {
            seq: self.log.pass(),
            audience: 0,
        })
    }

    /// Whether an event can be stored for those that are there without looking at any of them.
    #[inline]
    pub(crate) fn is_quiet(&self) -> bool {
        let tail = self.log.tail();
        // Not one after the other: the answer is mostly the same, and one branch is foretold best.
        let is_due = self.waits.is_due(tail + self.reserved) | self.yields.is_due(tail);
        !(self.barred | is_due | !self.blocking.is_empty())
    }

    /// Stores the event; somebody hears it or may come late, and nobody is in the way.
    #[inline]
    pub(crate) fn put(&mut self, event: E, ticket: Option<&Arc<Ticket>>) -> Stored {
        let audience = self.attached;
        if let Some(ticket) = ticket {
            ticket.expect(audience);
        }
        let seq = self.log.append(event, ticket);
        self.assert_invariants();
        Stored { seq, audience }
    }

    /// Stores the event; there must be room. Gives it back if nobody is left to read it here, nor
    /// may come late.
    pub(crate) fn store(
        &mut self,
        event: E,
        ticket: Option<&Arc<Ticket>>,
        judged: &mut Judged,
        effects: &mut Effects<E>,
    ) -> (Stored, Option<E>) {
        self.clear_the_way(effects);
        self.append(event, ticket, judged, effects)
    }

    /// Promises a place; there must be room.
    pub(crate) fn reserve(&mut self, now: impl Fn() -> Instant, effects: &mut Effects<E>) {
        if planted!("permit-disconnects") {
            self.clear_the_way(effects);
        }
        self.pass_by(now);
        self.reserved += 1;
        self.assert_invariants();
    }

    /// Stores the event in a promised place.
    pub(crate) fn store_reserved(
        &mut self,
        event: E,
        ticket: Option<&Arc<Ticket>>,
        judged: &mut Judged,
        effects: &mut Effects<E>,
    ) -> (Stored, Option<E>) {
        self.clear_the_passed(effects);
        self.reserved -= 1;
        let stored = self.append(event, ticket, judged, effects);
        self.forget_passed();
        // Who did not want it has one place more.
        self.free_lanes();
        stored
    }

    fn append(
        &mut self,
        event: E,
        ticket: Option<&Arc<Ticket>>,
        judged: &mut Judged,
        effects: &mut Effects<E>,
    ) -> (Stored, Option<E>) {
        self.make_way(effects);
        if let Some(answers) = judged.answers() {
            return self.append_wanted(event, ticket, answers, effects);
        }
        match self.unheard() {
            Some(stored) => (stored, Some(event)),
            None => (self.put(event, ticket), None),
        }
    }

    /// The policies of those that make nobody wait, where the next event would be too much.
    fn make_way(&mut self, effects: &mut Effects<E>) {
        let tail = self.log.tail();
        while let Some(id) = self.yields.pop_due(tail) {
            let Some(member) = self.current(id) else {
                if id.number == KEEPER {
                    self.let_go(effects);
                }
                continue;
            };
            let place = Arc::clone(&member.place);
            let position = place.cursor.load().position();
            if position + (place.window as u64) <= tail {
                if place.overflow == Overflow::Disconnect {
                    self.disconnect(id, DisconnectCause::Overflow, effects);
                    #[cfg(feature = "tracing")]
                    self.tell_left(id, "disconnected: its window was full", effects);
                    continue;
                }
                self.overwrite(&place, position, effects);
            }
            self.push_limit(id.number);
        }
    }

    /// Drops the event after `position` for one subscriber, unless it has just taken it.
    fn overwrite(&mut self, place: &Arc<Place>, position: u64, effects: &mut Effects<E>) {
        let Ok(word) = place.cursor.overwrite(position) else {
            return;
        };
        place.count_missed();
        #[cfg(feature = "tracing")]
        effects.extend(crate::channel::trace::News::lost(place, word.position()).map(Effect::Tell));
        let key = place.id.number;
        if let Some(ticket) = self.log.awaited(word.position()) {
            effects.push(Effect::Dropped(Arc::clone(ticket), place.id));
        }
        if word.is_finished() {
            self.settle(key, None, effects);
        } else {
            self.member_mut(key).move_past(position);
        }
        self.advance(place, word.position(), effects);
    }
}
