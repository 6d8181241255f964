//! Stages: subscribers placed behind other subscribers, which must settle each event first.
//!
//! A stage reads the log like every subscriber, up to its gate: the last event settled by
//! all members before the stage. A gate is a flush of these members, for one event.

use super::Machine;
use crate::channel::effects::Effects;
use crate::channel::log::segment::Segment;
use crate::channel::subscriber::SubscriberState;
use crate::channel::ticket::Ticket;
use crate::subscriber_id::SubscriberId;
use crate::util::sync::Arc;

impl<E> Machine<E> {
    /// Returns the events after `position` up to `settled`, as far as the first segment goes.
    /// The next event must be stored and settled.
    pub(crate) fn take_settled(
        &mut self,
        subscriber: &SubscriberState,
        position: u64,
        settled: u64,
        effects: &mut Effects<E>,
    ) -> Segment<E> {
        let index = self.advance(subscriber, position, effects);
        self.log.segment_at(index).up_to(settled)
    }

    /// Returns whether a poll finds the gate of a subscriber with unread events open. A subscriber that
    /// is no stage, or is detached, has no gate.
    pub(crate) fn may_see_next(&self, subscriber: &SubscriberState) -> bool {
        let cursor = subscriber.cursor.load();
        let Some(stage) = subscriber.stage().filter(|_| !cursor.is_detached()) else {
            return true;
        };
        let next = cursor.position() + 1;
        let (is_awaited, settled) = stage.with_gate(|gate| (gate.waits_for(next), gate.settled));
        // A stage that waits goes on once its predecessors have reported, and not when they have
        // settled the event: between the two, `try_next` would poll in vain, again and again.
        if is_awaited || next <= settled {
            return next <= settled;
        }
        let mut members = stage.after().iter().filter_map(|id| self.find(*id));
        members.all(|member| next <= member.settled(None))
    }

    /// Returns the last event up to which all of `before` have settled everything. If
    /// fewer than `next` events are settled, `ticket` waits until they have settled everything up
    /// to `next`.
    ///
    /// Members of `before` that have left have nothing to settle.
    pub(crate) fn settled_by(
        &mut self,
        before: &[SubscriberId],
        next: u64,
        ticket: &Arc<Ticket>,
    ) -> u64 {
        // Start from the tail. A member that owes nothing reports `u64::MAX`, but events not
        // published yet are not settled.
        let (mut settled, mut owing) = (self.tail(), 0);
        for &id in before {
            if self.find(id).is_none() {
                continue;
            }
            let member = self.member_mut(id.number);
            let mut upto = member.settled(None);
            if upto < next && !seeded_bug!("stage-not-woken") {
                // Check again after requesting reports: `next` may have been settled in between
                // without a report, and the stage would wait for ever.
                member.subscriber.cursor.request_reports();
                upto = member.settled(None);
            }
            if upto < next {
                member.add_flush(next, ticket);
                owing += 1;
            }
            settled = settled.min(upto);
        }
        ticket.arm(owing);
        settled
    }
}
