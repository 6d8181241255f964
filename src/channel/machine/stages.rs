//! What has been settled, for those that see it only then.

use super::Machine;
use crate::channel::effects::Effects;
use crate::channel::log::segment::Segment;
use crate::channel::subscriber::SubscriberState;
use crate::channel::ticket::Ticket;
use crate::subscriber_id::SubscriberId;
use crate::util::sync::Arc;

impl<E> Machine<E> {
    /// As [`take`](Self::take), of events that are there, and none after `settled`.
    pub(crate) fn take_settled(
        &mut self,
        place: &SubscriberState,
        position: u64,
        settled: u64,
        effects: &mut Effects<E>,
    ) -> Segment<E> {
        let index = self.advance(place, position, effects);
        self.log.batch(index).up_to(settled)
    }

    /// The last event up to which all of `before` have settled everything. If that comes before
    /// `next`, `ticket` waits until they have settled everything up to `next`.
    ///
    /// Those that have left have nothing to settle.
    pub(crate) fn settled_by(
        &mut self,
        before: &[SubscriberId],
        next: u64,
        ticket: &Arc<Ticket>,
    ) -> u64 {
        // What is yet to come, nobody has settled; also not who owes nothing now.
        let (mut settled, mut owing) = (self.tail(), 0);
        for &id in before {
            if self.find(id).is_none() {
                continue;
            }
            let member = self.member_mut(id.number);
            let mut upto = member.settled(None);
            if upto < next && !seeded_bug!("stage-not-woken") {
                // Again, now that it reports: it may have settled more meanwhile.
                member.subscriber.cursor.request_reports();
                upto = member.settled(None);
            }
            if upto < next {
                member.wait_for(next, ticket);
                owing += 1;
            }
            settled = settled.min(upto);
        }
        ticket.arm(owing);
        settled
    }
}
