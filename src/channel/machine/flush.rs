//! Flushes: publishers waiting until members have settled all stored events.

use std::collections::VecDeque;
use std::sync::Weak;

use super::{Machine, Member};
use crate::channel::effects::{Effect, Effects};
use crate::channel::ticket::Ticket;
use crate::subscriber_id::SubscriberId;
use crate::util::shrink::Shrink;
use crate::util::sync::Arc;

/// The flushes and stages waiting for a member, each with the event up to which it waits.
///
/// # Invariants
/// 1. The entries are sorted by the event: settling looks only at the entries to be removed.
#[derive(Default)]
pub(super) struct Flushes(VecDeque<(u64, Weak<Ticket>)>);

/// Capacity for this many entries is never given back.
const MIN_CAPACITY: usize = 4;

impl Flushes {
    /// Adds `ticket`, which waits until every event up to `upto` is settled.
    pub(super) fn add(&mut self, upto: u64, ticket: &Arc<Ticket>) {
        // Remove tickets whose futures were dropped, or cancelled flushes would pile up. Doing this
        // only when the queue is full makes it amortized O(1).
        if self.0.len() == self.0.capacity() {
            self.0.retain(|(_, ticket)| ticket.strong_count() > 0);
            self.0.shrink_if_sparse(MIN_CAPACITY);
            self.0.reserve(self.0.len());
        }
        let index = self.0.partition_point(|&(other, _)| other <= upto);
        self.0.insert(index, (upto, Arc::downgrade(ticket)));
    }

    /// Removes the entries up to `settled`, and passes their tickets to `f`.
    pub(super) fn pop_settled(&mut self, settled: u64, mut f: impl FnMut(Arc<Ticket>)) {
        while self.0.front().is_some_and(|&(upto, _)| upto <= settled) {
            let (_, ticket) = self
                .0
                .pop_front()
                .expect("the front was there a line above");
            ticket.upgrade().into_iter().for_each(&mut f);
        }
        self.0.shrink_if_sparse(MIN_CAPACITY);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn contains(&self, ticket: &Arc<Ticket>) -> bool {
        let ticket = Arc::as_ptr(ticket);
        self.0.iter().any(|(_, other)| other.as_ptr() == ticket)
    }
}

impl<E> Machine<E> {
    /// Returns whether a flush now would wait for `id`.
    pub(crate) fn owes(&self, id: SubscriberId) -> bool {
        let owes = |member: &Member<E>| member.owes(self.log.tail());
        self.find(id).is_some_and(owes)
    }

    /// Returns whether a flush waits for `id`.
    pub(crate) fn is_flushed_by(&self, id: SubscriberId, flush: &Arc<Ticket>) -> bool {
        let member = self.find(id);
        member.is_some_and(|member| member.is_flushed_by(flush))
    }

    /// Makes `ticket` wait until every event stored so far is settled, and frees the events that
    /// are settled already.
    pub(crate) fn flush(&mut self, ticket: &Arc<Ticket>, effects: &mut Effects<E>) {
        let tail = self.log.tail();
        let mut owing = 0;
        // A reader that joined after these events is counted with them until it moves on.
        self.log.seal_active();
        for member in self.members.iter_mut() {
            if seeded_bug!("flush-ignores-detached") && !member.is_attached() {
                continue;
            }
            if member.owes(tail) {
                // Check again after requesting reports: the last event may have been settled in
                // between without a report, and the flush would wait for ever.
                member.subscriber.cursor.request_reports();
                if member.owes(tail) {
                    owing += 1;
                    member.add_flush(tail, ticket);
                }
            }
            // Move the reader after checking: if it owes nothing, no report will move it later.
            if member.reads_log() {
                self.log.catch_up(&member.subscriber, effects);
            }
            effects.extend(member.catch_up_queue());
        }
        // Events that were retained when their last reader moved on may be free by now.
        self.log.trim(effects);
        ticket.arm(owing);
        self.assert_invariants();
    }

    /// Acknowledges the flushes for which the member has settled enough. `claimed`: the event being
    /// claimed by the subscriber, if any.
    #[inline]
    pub(super) fn settle(&mut self, key: u64, claimed: Option<u64>, effects: &mut Effects<E>) {
        if self.member(key).has_flushes() {
            self.settle_flushes(key, claimed, effects);
        }
    }

    fn settle_flushes(&mut self, key: u64, claimed: Option<u64>, effects: &mut Effects<E>) {
        let member = self.members.get_mut(key);
        // Free events before acknowledging: the task woken by the last acknowledgement must find
        // them dropped.
        if member.reads_log() {
            self.log.catch_up(&member.subscriber, effects);
            self.log.trim(effects);
        }
        effects.extend(member.catch_up_queue());
        member.pop_settled(claimed, |ticket| effects.push(Effect::Flushed(ticket)));
    }

    /// Acknowledges flushes as `settle` does, and removes the member if done.
    pub(super) fn settle_gone(&mut self, key: u64, effects: &mut Effects<E>) {
        // Check before settling. If the last delivery were settled in between, the member would be
        // removed together with flushes still waiting.
        let is_done = self.member(key).is_done();
        self.settle(key, None, effects);
        if is_done {
            self.members.remove(key);
        } else {
            self.cancel_unneeded_reports(key);
        }
    }

    /// Records the settling of a delivery by a reporting subscriber.
    pub(crate) fn report_settled(&mut self, id: SubscriberId, effects: &mut Effects<E>) {
        if self.find(id).is_some() {
            self.settle_gone(id.number, effects);
        }
    }
}

#[cfg(all(test, not(any(genevent_shuttle, genevent_loom))))]
mod tests {
    use super::*;
    use crate::channel::ticket::AckLevel;

    #[test]
    fn dropped_flushes_do_not_pile_up() {
        let mut flushes = Flushes::default();
        let add = |flushes: &mut Flushes| {
            let ticket = Ticket::new(AckLevel::Finished);
            flushes.add(1, &ticket);
            ticket
        };
        let kept: Vec<_> = (0..10).map(|_| add(&mut flushes)).collect();
        for _ in 0..1_000 {
            drop(add(&mut flushes));
        }
        assert!((kept.len()..100).contains(&flushes.0.len()));
        let mut settled = 0;
        flushes.pop_settled(1, |_| settled += 1);
        assert_eq!(settled, kept.len());
        assert!(flushes.is_empty());
    }
}
