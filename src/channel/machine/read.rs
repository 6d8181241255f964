//! Reading: the next events of a subscriber, and its reports.

use super::Machine;
use crate::channel::effects::Effects;
use crate::channel::log::SegmentKey;
use crate::channel::log::segment::Segment;
use crate::channel::source::Backlog;
use crate::channel::subscriber::SubscriberState;

impl<E> Machine<E> {
    /// Returns the segment with the events after `position`, where the subscriber is, or `None` if
    /// the subscriber has read everything.
    #[inline]
    pub(crate) fn next_segment(
        &mut self,
        subscriber: &SubscriberState,
        position: u64,
        effects: &mut Effects<E>,
    ) -> Option<&Segment<E>> {
        self.assert_invariants();
        if position == self.log.tail() {
            return None;
        }
        let mut segment_key = SegmentKey::of(subscriber);
        let index = self.log.advance(&mut segment_key, position, effects);
        segment_key.store(subscriber);
        Some(self.log.segment_at(index))
    }

    /// Takes the unread events of a disconnected subscriber; once.
    pub(crate) fn take_backlog(&mut self, key: u64) -> Option<Box<Backlog<E>>> {
        self.member_mut(key).take_backlog()
    }

    /// Records the claim of event `seq` by a reporting subscriber. Returns whether the subscriber
    /// was blocking.
    pub(crate) fn report_claimed(&mut self, key: u64, seq: u64, effects: &mut Effects<E>) -> bool {
        let was_blocking = self.member(key).blocker.is_blocking();
        if was_blocking {
            self.unblock(key);
            self.push_full_at(key);
        }
        self.forgive_overdue(key);
        self.settle(key, Some(seq), effects);
        self.cancel_unneeded_reports(key);
        self.assert_invariants();
        was_blocking
    }

    /// Records that a reporting subscriber has finished the event in flight. Finishing makes no
    /// room, and a `WaitAtMost` does not start again.
    pub(crate) fn report_finished(&mut self, key: u64, effects: &mut Effects<E>) {
        if seeded_bug!("ack-restarts-time-limit") && self.member(key).blocker.is_blocking() {
            self.unblock(key);
            self.push_full_at(key);
        }
        self.settle(key, None, effects);
        self.cancel_unneeded_reports(key);
        self.assert_invariants();
    }

    /// Cancels the member's reports if no publisher, permit, flush or stage depends on them.
    pub(super) fn cancel_unneeded_reports(&self, key: u64) {
        let member = self.member(key);
        let is_stage = member.subscriber.stage().is_some();
        // Reading on takes the mark of an overdue member away.
        let needs_reports = member.has_flushes()
            || is_stage
            || self.blockers.need_reports(key, &member.blocker)
            || self.was_overdue_at_permit(key);
        // A detached member goes on reporting, until its stream is gone.
        if member.is_attached() && !needs_reports {
            member.subscriber.cursor.cancel_reports();
        }
    }

    /// Frees all events except retained events; every log reader has caught up and is parked.
    /// Returns `false` if events are retained.
    pub(crate) fn release(&mut self, effects: &mut Effects<E>) -> bool {
        let released_all = self.log.release(self.members.readers(), effects);
        self.assert_invariants();
        released_all
    }

    /// Counts a parked subscriber, which has caught up, as a reader of the next event.
    #[inline]
    pub(crate) fn park_caught_up(
        &mut self,
        subscriber: &SubscriberState,
        effects: &mut Effects<E>,
    ) {
        let mut segment_key = SegmentKey::of(subscriber);
        self.log.advance_to_end(&mut segment_key, effects);
        segment_key.store(subscriber);
    }

    /// Counts a subscriber as a reader of the event after `position`; returns the index of the
    /// segment with that event.
    pub(super) fn advance(
        &mut self,
        subscriber: &SubscriberState,
        position: u64,
        effects: &mut Effects<E>,
    ) -> usize {
        let mut segment_key = SegmentKey::of(subscriber);
        let index = self.log.advance(&mut segment_key, position, effects);
        segment_key.store(subscriber);
        index
    }
}
