//! What subscribers take, and what they report.

use super::Machine;
use crate::channel::effects::Effects;
use crate::channel::log::ReaderPos;
use crate::channel::log::segment::Segment;
use crate::channel::source::Backlog;
use crate::channel::subscriber::SubscriberState;

impl<E> Machine<E> {
    /// The events after `position`, where the subscriber is, as far as its next segment goes.
    #[inline]
    pub(crate) fn next_batch(
        &mut self,
        place: &SubscriberState,
        position: u64,
        effects: &mut Effects<E>,
    ) -> Option<&Segment<E>> {
        self.assert_invariants();
        if position == self.log.tail() {
            return None;
        }
        let mut spot = ReaderPos::of(place);
        let index = self.log.advance(&mut spot, position, effects);
        spot.store(place);
        Some(self.log.batch(index))
    }

    /// What a disconnected subscriber had not read; once.
    pub(crate) fn take_backlog(&mut self, key: u64) -> Option<Box<Backlog<E>>> {
        self.member_mut(key).backlog.take()
    }

    /// A watched subscriber has claimed (`in_hand`: that event) or finished (`None`).
    ///
    /// True if it was in the way of publishers, and has taken an event.
    pub(crate) fn report(
        &mut self,
        key: u64,
        in_hand: Option<u64>,
        effects: &mut Effects<E>,
    ) -> bool {
        let member = self.member(key);
        let (was_blocking, has_flushes) = (member.blocking.is_some(), member.flushes.is_some());
        // Finishing makes no room, and gives it no more time.
        let took = was_blocking && (in_hand.is_some() || seeded_bug!("ack-restarts-time-limit"));
        if took {
            self.unblock(key);
            self.push_limit(key);
        }
        if has_flushes {
            self.settle(key, in_hand, effects);
        }
        self.cancel_reports_if_idle(key);
        self.assert_invariants();
        took
    }

    /// Asks for no more reports if nobody waits for what the member does.
    pub(super) fn cancel_reports_if_idle(&self, key: u64) {
        let member = self.member(key);
        let is_idle = member.blocking.is_none() && member.waited.is_none();
        let is_stage = member.subscriber.stage().is_some();
        if member.attached && is_idle && member.flushes.is_none() && !is_stage {
            member.subscriber.cursor.cancel_reports();
        }
    }

    /// Every attached subscriber has read everything and waits: nothing need be kept but what is
    /// retained. False if that is so of any events.
    pub(crate) fn release(&mut self, effects: &mut Effects<E>) -> bool {
        let is_all = self.log.release(self.attached, effects);
        self.assert_invariants();
        is_all
    }

    /// The member sleeps until there is more than it has read, unlike others.
    #[inline]
    pub(crate) fn park_caught_up(&mut self, place: &SubscriberState, effects: &mut Effects<E>) {
        let mut spot = ReaderPos::of(place);
        self.log.advance_to_end(&mut spot, effects);
        spot.store(place);
    }

    /// Counts the member as a reader of what comes after `position`, and tells which segment that
    /// is.
    pub(super) fn advance(
        &mut self,
        place: &SubscriberState,
        position: u64,
        effects: &mut Effects<E>,
    ) -> usize {
        let mut spot = ReaderPos::of(place);
        let index = self.log.advance(&mut spot, position, effects);
        spot.store(place);
        index
    }
}
