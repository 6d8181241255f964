//! Storing events, and the lossy overflow policies.

use super::Machine;
use crate::channel::effects::{Effect, Effects};
use crate::channel::filter::Evaluation;
use crate::channel::machine::full_at::RETENTION_ENTRY;
use crate::channel::machine::room::Room;
use crate::channel::subscriber::SubscriberState;
use crate::channel::ticket::Ticket;
use crate::end_reason::DisconnectCause;
use crate::options::Overflow;
use crate::receipt::Stored;
use crate::util::clock::Instant;
use crate::util::sync::Arc;

impl<E> Machine<E> {
    // ---- Fast path --------------------------------------------------------------------------

    /// Skips a sequence number if no subscriber or retention needs the event. `None` if the event
    /// must be stored, or if the fast path is disabled.
    #[inline]
    pub(crate) fn try_skip_fast(&mut self) -> Option<Stored> {
        if self.fast_path_disabled {
            None
        } else {
            self.skip_if_no_readers()
        }
    }

    /// Skips a sequence number if the log has no readers and retains nothing.
    #[inline]
    fn skip_if_no_readers(&mut self) -> Option<Stored> {
        (self.members.log_users() == 0).then(|| Stored {
            seq: self.log.skip_seq(),
            audience: 0,
        })
    }

    /// Returns whether an event can be stored without checking any subscriber.
    #[inline]
    pub(crate) fn can_store_fast(&self) -> bool {
        let tail = self.log.tail();
        // Combined without short circuits: the result is almost always the same, and a single
        // branch is predicted better than five.
        let is_due = self.lossless.is_due(tail + self.reserved) | self.lossy.is_due(tail);
        let must_yield = self.turns.is_over(tail);
        !(self.fast_path_disabled | is_due | must_yield | !self.blockers.is_empty())
    }

    /// Stores an event for all log readers. There must be log readers or retention, and room.
    ///
    /// With a ticket, the audience has no observers: it is the number of acknowledgements.
    #[inline]
    pub(crate) fn push_event(&mut self, event: E, ticket: Option<&Arc<Ticket>>) -> Stored {
        let mut audience = self.members.heads();
        if let Some(ticket) = ticket {
            audience = self.members.awaited_heads();
            ticket.arm(audience);
        }
        let seq = self.log.append(event, ticket);
        self.assert_invariants();
        Stored { seq, audience }
    }

    // ---- Slow path --------------------------------------------------------------------------

    /// Stores an event. Returns the event if the log does not need it: without log readers and
    /// retention.
    pub(crate) fn store(
        &mut self,
        room: Room,
        event: E,
        ticket: Option<&Arc<Ticket>>,
        evaluation: &mut Evaluation,
        effects: &mut Effects<E>,
    ) -> (Stored, Option<E>) {
        match room {
            Room::Free => {
                // All members still blocking are overdue, or there would be no room.
                self.disconnect_all_overdue(effects);
                if self.reserved == 0 {
                    self.past_windows = 0;
                }
            }
            // Turn the reserved place into an unread event.
            Room::Reserved => {
                self.disconnect_if_still_full(effects);
                self.reserved -= 1;
            }
            // Blocking members stay blocking: no publisher has waited for them.
            Room::PastWindows => self.past_windows += 1,
        }
        let stored = self.append(room, event, ticket, evaluation, effects);
        if room == Room::Reserved {
            // Only now: appending checks filtered members against `overdue_at_permit`.
            self.forgive_overdue_with_room();
            // Filtered members without interest in the event have gained room.
            self.unblock_queues_with_room();
        }
        stored
    }

    /// Gives a permit.
    pub(crate) fn reserve(
        &mut self,
        room: Room,
        now: impl Fn() -> Instant,
        effects: &mut Effects<E>,
    ) {
        match room {
            Room::Free => {
                if seeded_bug!("permit-disconnects-early") {
                    self.disconnect_all_overdue(effects);
                }
                self.permit_despite_overdue(now);
                self.reserved += 1;
            }
            Room::Reserved => {}
            Room::PastWindows => {
                self.past_windows += 1;
                self.reserved += 1;
            }
        }
        self.assert_invariants();
    }

    fn append(
        &mut self,
        room: Room,
        event: E,
        ticket: Option<&Arc<Ticket>>,
        evaluation: &mut Evaluation,
        effects: &mut Effects<E>,
    ) -> (Stored, Option<E>) {
        self.apply_overflow_policies(effects);
        if let Some(matches) = evaluation.matches() {
            return self.append_filtered(room, event, ticket, matches, effects);
        }
        match self.skip_if_no_readers() {
            Some(stored) => (stored, Some(event)),
            None => (self.push_event(event, ticket), None),
        }
    }

    /// Makes room in the full windows of lossy log readers: disconnects the subscriber, or
    /// overwrites the oldest unread event.
    fn apply_overflow_policies(&mut self, effects: &mut Effects<E>) {
        let tail = self.log.tail();
        while let Some(key) = self.lossy.pop_due(tail) {
            let Some(member) = self.current_number(key) else {
                // A stale entry, or that of the retained events.
                if key == RETENTION_ENTRY {
                    self.trim_retained(effects);
                }
                continue;
            };
            let subscriber = Arc::clone(&member.subscriber);
            let position = subscriber.cursor.load().position();
            if position + (subscriber.window as u64) <= tail {
                if subscriber.overflow == Overflow::Disconnect {
                    self.disconnect(subscriber.id, DisconnectCause::Overflow, effects);
                    continue;
                }
                self.overwrite(&subscriber, position, effects);
            }
            // Otherwise the subscriber has read since the entry was made.
            self.push_full_at(key);
        }
    }

    /// Overwrites the event after `position` for `subscriber`: moves the cursor past the event,
    /// unless the subscriber claims the event at this moment.
    fn overwrite(
        &mut self,
        subscriber: &Arc<SubscriberState>,
        position: u64,
        effects: &mut Effects<E>,
    ) {
        let Ok(cursor) = subscriber.cursor.overwrite(position) else {
            // The subscriber has claimed the event, and has room by that.
            return;
        };
        let overwritten = cursor.position();
        subscriber.count_missed(1);
        #[cfg(feature = "tracing")]
        effects.extend(
            crate::channel::trace::Record::lost(subscriber, overwritten).map(Effect::Trace),
        );
        // The subscriber will never acknowledge the event.
        if !subscriber.is_observer || seeded_bug!("observer-settles-overwritten") {
            let ticket = self.log.ticket_of(overwritten);
            let overwritten =
                |ticket| Effect::Overwritten(Arc::clone(ticket), Arc::clone(subscriber));
            effects.extend(ticket.map(overwritten));
        }
        // A flush may wait for the overwritten event.
        let key = subscriber.id.number;
        if cursor.is_finished() {
            self.settle(key, None, effects);
        } else {
            self.member_mut(key).skip_past(position);
        }
        self.advance(subscriber, overwritten, effects);
    }
}
