//! Storing events, and the policies of those that make nobody wait.

use super::Machine;
use crate::channel::effects::{Effect, Effects};
use crate::channel::filter::Evaluation;
use crate::channel::machine::full_at::RETENTION_ENTRY;
use crate::channel::subscriber::SubscriberState;
use crate::channel::ticket::Ticket;
use crate::end_reason::DisconnectCause;
use crate::options::Overflow;
use crate::receipt::Stored;
use crate::util::clock::Instant;
use crate::util::sync::Arc;

impl<E> Machine<E> {
    /// As [`skip_if_no_readers`](Self::skip_if_no_readers), unless it is closed, or there are filters.
    #[inline]
    pub(crate) fn try_skip_fast(&mut self) -> Option<Stored> {
        if self.fast_path_disabled {
            None
        } else {
            self.skip_if_no_readers()
        }
    }

    /// If nobody is there to hear it, nor may come late, an event only takes its number.
    #[inline]
    fn skip_if_no_readers(&mut self) -> Option<Stored> {
        (self.log_readers == 0).then(|| Stored {
            seq: self.log.skip_seq(),
            audience: 0,
        })
    }

    /// Whether an event can be stored for those that are there without looking at any of them.
    #[inline]
    pub(crate) fn can_store_fast(&self) -> bool {
        let tail = self.log.tail();
        // Not one after the other: the answer is mostly the same, and one branch is foretold best.
        let is_due = self.lossless.is_due(tail + self.reserved) | self.lossy.is_due(tail);
        !(self.fast_path_disabled | is_due | !self.blocking.is_empty())
    }

    /// Stores the event; somebody hears it or may come late, and nobody is in the way.
    #[inline]
    pub(crate) fn push_event(&mut self, event: E, ticket: Option<&Arc<Ticket>>) -> Stored {
        let audience = self.attached;
        if let Some(ticket) = ticket {
            ticket.arm(audience);
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
        judged: &mut Evaluation,
        effects: &mut Effects<E>,
    ) -> (Stored, Option<E>) {
        self.disconnect_all_overdue(effects);
        self.append(event, ticket, judged, effects)
    }

    /// Promises a place; there must be room.
    pub(crate) fn reserve(&mut self, now: impl Fn() -> Instant, effects: &mut Effects<E>) {
        if seeded_bug!("permit-disconnects") {
            self.disconnect_all_overdue(effects);
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
        judged: &mut Evaluation,
        effects: &mut Effects<E>,
    ) -> (Stored, Option<E>) {
        self.clear_the_passed(effects);
        self.reserved -= 1;
        let stored = self.append(event, ticket, judged, effects);
        self.forget_passed();
        // Who did not want it has one place more.
        self.unblock_queues_with_room();
        stored
    }

    fn append(
        &mut self,
        event: E,
        ticket: Option<&Arc<Ticket>>,
        judged: &mut Evaluation,
        effects: &mut Effects<E>,
    ) -> (Stored, Option<E>) {
        self.apply_overflow_policies(effects);
        if let Some(answers) = judged.matches() {
            return self.append_filtered(event, ticket, answers, effects);
        }
        match self.skip_if_no_readers() {
            Some(stored) => (stored, Some(event)),
            None => (self.push_event(event, ticket), None),
        }
    }

    /// The policies of those that make nobody wait, where the next event would be too much.
    fn apply_overflow_policies(&mut self, effects: &mut Effects<E>) {
        let tail = self.log.tail();
        while let Some(id) = self.lossy.pop_due(tail) {
            let Some(member) = self.current(id) else {
                if id.number == RETENTION_ENTRY {
                    self.trim_retained(effects);
                }
                continue;
            };
            let place = Arc::clone(&member.subscriber);
            let position = place.cursor.load().position();
            if position + (place.window as u64) <= tail {
                if place.overflow == Overflow::Disconnect {
                    self.disconnect(id, DisconnectCause::Overflow, effects);
                    #[cfg(feature = "tracing")]
                    self.trace_left(id, DisconnectCause::Overflow, effects);
                    continue;
                }
                self.overwrite(&place, position, effects);
            }
            self.push_limit(id.number);
        }
    }

    /// Drops the event after `position` for one subscriber, unless it has just taken it.
    fn overwrite(&mut self, place: &Arc<SubscriberState>, position: u64, effects: &mut Effects<E>) {
        let Ok(word) = place.cursor.overwrite(position) else {
            return;
        };
        place.count_missed();
        #[cfg(feature = "tracing")]
        effects
            .extend(crate::channel::trace::Record::lost(place, word.position()).map(Effect::Trace));
        let key = place.id.number;
        if let Some(ticket) = self.log.ticketed(word.position()) {
            effects.push(Effect::Dropped(Arc::clone(ticket), place.id));
        }
        if word.is_finished() {
            self.settle(key, None, effects);
        } else {
            self.member_mut(key).skip_past(position);
        }
        self.advance(place, word.position(), effects);
    }
}
