//! Who has yet to settle what is stored, and the flushes that wait for them.

use std::collections::VecDeque;
use std::sync::Weak;

use super::{Machine, Member};
use crate::channel::effects::{Effect, Effects};
use crate::channel::subscriber::cursor::CursorState;
use crate::channel::ticket::Ticket;
use crate::subscriber_id::SubscriberId;
use crate::util::shrink::Shrink;
use crate::util::sync::Arc;

/// Each with the event up to which it waits, in order. Not empty.
pub(super) type Flushes = VecDeque<(u64, Weak<Ticket>)>;

impl<E> Member<E> {
    /// `ticket` waits until the member has settled everything up to `upto`. It must be watched.
    pub(super) fn wait_for(&mut self, upto: u64, ticket: &Arc<Ticket>) {
        let flushes = self.flushes.get_or_insert_default();
        // Those that were given up leave now, before they can pile up; and not at every call, if
        // few were.
        if flushes.len() == flushes.capacity() {
            flushes.retain(|(_, flush)| flush.strong_count() > 0);
            flushes.shrink_if_sparse(4);
            flushes.reserve(flushes.len());
        }
        let at = flushes.partition_point(|&(other, _)| other <= upto);
        flushes.insert(at, (upto, Arc::downgrade(ticket)));
    }

    /// The last event up to which it owes nothing, when it has just taken `in_hand` in hand, if
    /// that is not kept account of elsewhere.
    pub(super) fn settled(&self, in_hand: Option<u64>) -> u64 {
        // Before what is out is looked at: an event is noted there before it is claimed.
        let (unread, word) = self.look();
        let received = match self.subscriber.unacked_set() {
            Some(held) => held.first(),
            None if self.gone => None,
            None if !word.is_finished()
                && (self.attached || !seeded_bug!("disconnect-settles-in-flight")) =>
            {
                in_hand.or(Some(self.in_flight(word.position())))
            }
            None => in_hand,
        };
        // What a detached member had not read was settled when it was detached.
        let open = received.into_iter().chain(unread).min();
        open.map_or(u64::MAX, |seq| seq - 1)
    }

    /// The next event that it has yet to read and to settle, there or not, and where it stands.
    fn look(&self) -> (Option<u64>, CursorState) {
        let (next, word) = if let Some(lane) = &self.queue {
            lane.front_and_cursor()
        } else {
            let word = self.subscriber.cursor.load();
            (Some(word.position() + 1), word)
        };
        (next.filter(|_| self.attached), word)
    }

    /// Whether it owes anything for events up to `tail`, the newest one.
    pub(super) fn owes(&self, tail: u64) -> bool {
        let (unread, word) = self.look();
        unread.is_some_and(|next| next <= tail)
            || !word.is_finished()
            || self
                .subscriber
                .unacked_set()
                .is_some_and(|held| held.first().is_some())
    }
}

impl<E> Machine<E> {
    /// Whether a flush now would wait for `id`.
    pub(crate) fn owes(&self, id: SubscriberId) -> bool {
        let owes = |member: &Member<E>| member.owes(self.log.tail());
        self.find(id).is_some_and(owes)
    }

    /// `ticket` waits until every event stored so far is settled.
    pub(crate) fn flush(&mut self, ticket: &Arc<Ticket>) {
        let tail = self.log.tail();
        let mut owing = 0;
        for member in self.members.iter_mut() {
            if seeded_bug!("flush-ignores-detached") && !member.attached {
                continue;
            }
            if !member.owes(tail) {
                continue;
            }
            // Again, now that it reports: it may have settled all meanwhile.
            member.subscriber.cursor.request_reports();
            if !member.owes(tail) {
                continue;
            }
            owing += 1;
            member.wait_for(tail, ticket);
        }
        ticket.arm(owing);
    }

    /// Answers the flushes that need not wait for the member any more; `in_hand` as in `report`.
    pub(super) fn settle(&mut self, key: u64, in_hand: Option<u64>, effects: &mut Effects<E>) {
        let member = self.member_mut(key);
        if member.flushes.is_none() {
            return;
        }
        let settled = member.settled(in_hand);
        let Some(flushes) = &mut member.flushes else {
            return;
        };
        while flushes.front().is_some_and(|&(upto, _)| upto <= settled) {
            let (_, flush) = flushes.pop_front().expect("there is a front");
            effects.extend(flush.upgrade().map(Effect::Flushed));
        }
        if flushes.is_empty() {
            member.flushes = None;
        } else {
            flushes.shrink_if_sparse(4);
        }
    }

    /// As `settle`; forgets a member whose stream is gone once none of its deliveries is out.
    pub(super) fn settle_gone(&mut self, key: u64, effects: &mut Effects<E>) {
        let member = self.member(key);
        // Looked at before settling: with the last delivery answered for in between, the member
        // would go, and the flushes that wait for it with it.
        let is_done = member.gone
            && member
                .subscriber
                .unacked_set()
                .is_none_or(|held| held.first().is_none());
        self.settle(key, None, effects);
        if is_done {
            self.members.remove(key);
        } else {
            self.cancel_reports_if_idle(key);
        }
    }

    /// A delivery of a watched subscriber has been answered for.
    pub(crate) fn report_settled(&mut self, id: SubscriberId, effects: &mut Effects<E>) {
        if self.find(id).is_some() {
            self.settle_gone(id.number, effects);
        }
    }
}

#[cfg(all(test, not(any(genevent_shuttle, genevent_loom))))]
mod tests {
    use std::panic::Location;

    use super::*;
    use crate::channel::ticket::AckLevel;
    use crate::options::{Overflow, SubscribeOptions};

    #[test]
    fn flushes_that_are_given_up_do_not_pile_up() {
        let mut ring = Machine::new(4, Overflow::Wait, 0);
        let (reader, _) = ring.join(SubscribeOptions::new(), Location::caller());
        ring.push_event((), None);
        let flush = |ring: &mut Machine<()>| {
            let ticket = Ticket::new(AckLevel::Finished);
            ring.flush(&ticket);
            ticket
        };
        let kept: Vec<_> = (0..10).map(|_| flush(&mut ring)).collect();
        for _ in 0..1_000 {
            drop(flush(&mut ring));
        }
        let flushes = ring.member(reader.id.number).flushes.as_ref().unwrap();
        assert!((kept.len()..100).contains(&flushes.len()));
    }
}
