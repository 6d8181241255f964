//! Members with a lane of their own: whom an event concerns, and which of these are in the way.

use std::panic::Location;

use super::join::By;
use super::{Machine, Member};
use crate::channel::effects::{Effect, Effects};
use crate::channel::filter::queue::FilterQueue;
use crate::channel::filter::{Evaluation, FilterMatches, FilterSnapshot};
use crate::channel::ticket::Ticket;
use crate::end_reason::DisconnectCause;
use crate::options::{Overflow, SubscribeOptions};
use crate::receipt::Stored;
use crate::subscriber_id::{SubscriberId, SubscriberKind};
use crate::util::clock::Instant;
use crate::util::sync::Arc;

impl<E> Machine<E> {
    // ---- Joining, leaving -------------------------------------------------------------------

    /// A new subscriber that sees what `judge` makes of every event after the newest one.
    pub(crate) fn join_filtered<T, F>(
        &mut self,
        options: SubscribeOptions,
        created_at: &'static Location<'static>,
        judge: F,
    ) -> Arc<FilterQueue<T>>
    where
        T: Send + 'static,
        F: Fn(&E) -> Option<T> + Send + Sync + 'static,
    {
        let kind = SubscriberKind::Filtered;
        let place = self.new_subscriber_state(SubscribeOptions { kind, ..options }, created_at);
        let lane = Arc::new(FilterQueue::new(Arc::clone(&place)));
        let member = Member::new(&place, Some(Arc::clone(&lane) as _));
        self.members.insert(member);
        self.filters.join(Arc::clone(&lane), judge);
        self.update_fast_path();
        self.assert_invariants();
        lane
    }

    /// The part of detaching that is about the lane.
    pub(super) fn close_queue(
        &mut self,
        key: u64,
        cause: DisconnectCause,
        by: By,
        effects: &mut Effects<E>,
    ) {
        if !self.members.detach(key) {
            return;
        }
        let member = self.member(key);
        let id = member.subscriber.id;
        let lane = member.queue.as_ref().expect("it has a lane");
        member.subscriber.cursor.request_reports();
        by.release(lane.close(cause), effects);
        if lane.len() > 0 {
            effects.push(Effect::FilterQueue(Arc::clone(lane)));
        }
        self.stop_gating(key);
        effects.extend(self.filters.leave(id.number).map(Effect::DropFilter));
        self.update_fast_path();
    }

    /// Nothing more will come: whoever has read all of its lane has read all there is.
    pub(crate) fn complete_queues(&mut self, effects: &mut Effects<E>) {
        if self.filters.is_empty() {
            return;
        }
        let lanes = self.members.iter().filter(|m| m.is_attached());
        let lanes = lanes.filter_map(|member| member.queue.as_ref());
        effects.wake(lanes.filter_map(|lane| lane.complete()));
        // Last, which may take long: those that were woken need not wait for it.
        effects.push(Effect::DropFilters(self.filters.take()));
    }

    // ---- Publishing -------------------------------------------------------------------------

    /// The filters that have yet to judge an event.
    #[inline]
    pub(crate) fn not_yet_evaluated(&self, judged: &Evaluation) -> Option<FilterSnapshot<E>> {
        self.filters.newer_than(judged)
    }

    /// Those whose filter panicked count no more.
    pub(crate) fn disconnect_panicked(
        &mut self,
        answers: &mut FilterMatches,
        effects: &mut Effects<E>,
    ) {
        for id in answers.take_panicked() {
            if self.disconnect(id, DisconnectCause::Panicked, effects) {
                #[cfg(feature = "tracing")]
                self.trace_left(id, DisconnectCause::Panicked, effects);
            }
        }
    }

    /// Those that want the event and have no room for it are in the way, until
    /// [`unblock_queues`](Self::unblock_queues).
    #[cold]
    pub(crate) fn block_full_queues(
        &mut self,
        answers: &mut FilterMatches,
        now: impl Fn() -> Instant,
        effects: &mut Effects<E>,
    ) {
        self.disconnect_panicked(answers, effects);
        answers.for_each_full(self.reserved, |id| self.find_lane_in_the_way(id, &now));
    }

    /// As [`block_full_queues`](Self::block_full_queues), of an event that any may want.
    pub(crate) fn block_all_full_queues(&mut self, now: impl Fn() -> Instant) {
        let mut waiting = Vec::new();
        self.filters.lanes(|lane| {
            let place = lane.place();
            if place.overflow.is_lossless() {
                waiting.push(place.id);
            }
        });
        for id in waiting {
            self.find_lane_in_the_way(id, &now);
        }
    }

    fn find_lane_in_the_way(&mut self, id: SubscriberId, now: impl FnOnce() -> Instant) {
        if self.block_queue(id) {
            (self.blockers).resume(id.number, now, &mut self.members);
        }
    }

    /// True if the lane has come into the way.
    fn block_queue(&mut self, id: SubscriberId) -> bool {
        let Some(member) = self.current(id) else {
            return false;
        };
        let is_known = member.blocker.is_blocking();
        if is_known || !member.subscriber.overflow.is_lossless() || self.has_room(member) {
            return false;
        }
        // Again, now that it reports: it may have taken something meanwhile.
        member.subscriber.cursor.request_reports();
        if self.has_room(member) {
            self.cancel_reports_if_idle(id.number);
            return false;
        }
        self.blockers.block(id.number, &mut self.members);
        true
    }

    /// Whether its lane has room for one event more than was promised.
    fn has_room(&self, member: &Member<E>) -> bool {
        let unread = member.queue.as_ref().map_or(0, |lane| lane.len());
        (unread as u64) + self.reserved < member.subscriber.window as u64
    }

    /// The head of the line has gone: those in its way need not be in that of the next. Their
    /// time stands still until they are again, and is kept until they take something or have room.
    pub(crate) fn unblock_queues(&mut self, now: impl Fn() -> Instant) {
        if self.members.filtered() == 0 {
            return;
        }
        for key in self.blockers.queues(&self.members) {
            self.blockers.suspend(key, &now, &mut self.members);
            self.cancel_reports_if_idle(key);
        }
    }

    /// Those that have room again are not in the way, and not blamed any more.
    pub(super) fn unblock_queues_with_room(&mut self) {
        if self.members.filtered() == 0 {
            return;
        }
        let mut full = self.blockers.queues(&self.members);
        full.extend(self.blockers.suspended());
        for key in full {
            if self.has_room(self.member(key)) {
                self.unblock(key);
                self.cancel_reports_if_idle(key);
            }
        }
    }

    /// Stores the event for all that read the log, and for those that want it.
    #[cold]
    pub(super) fn append_filtered(
        &mut self,
        event: E,
        ticket: Option<&Arc<Ticket>>,
        answers: &mut FilterMatches,
        effects: &mut Effects<E>,
    ) -> (Stored, Option<E>) {
        let mut audience = self.members.readers() + answers.count();
        answers.for_each_full(0, |id| audience -= usize::from(!self.admits(id, effects)));
        if let Some(ticket) = ticket {
            ticket.arm(audience);
        }
        let (seq, unread) = match self.members.log_readers() {
            0 => (self.log.skip_seq(), Some(event)),
            _ => (self.log.append(event, ticket), None),
        };
        // Those that it was not counted for are cut.
        answers.deliver(seq, ticket, |told| {
            effects.wake(told.reader);
            if told.overwrote.is_some() {
                let id = told.place.id;
                effects.extend(told.lost.map(|ticket| Effect::Dropped(ticket, id)));
                #[cfg(feature = "tracing")]
                effects.extend(told.overwrote.and_then(|seq| {
                    let news = crate::channel::trace::Record::lost(told.place, seq);
                    news.map(Effect::Trace)
                }));
                // What a flush waits for may be what was lost.
                self.settle(id.number, None, effects);
            }
        });
        self.assert_invariants();
        (Stored { seq, audience }, unread)
    }

    /// Whether it still counts, and does when it gets one event more.
    fn admits(&mut self, id: SubscriberId, effects: &mut Effects<E>) -> bool {
        let Some(member) = self.current(id) else {
            return false;
        };
        let is_full = || {
            member
                .queue
                .as_ref()
                .is_some_and(|lane| lane.len() >= member.subscriber.window)
        };
        if member.subscriber.overflow == Overflow::Disconnect && is_full() {
            self.disconnect(id, DisconnectCause::Overflow, effects);
            #[cfg(feature = "tracing")]
            self.trace_left(id, DisconnectCause::Overflow, effects);
            return false;
        }
        if self.was_overdue_at_permit(id.number) && is_full() {
            self.disconnect_overdue(id.number, effects);
            return false;
        }
        true
    }

    // ---- Reading ----------------------------------------------------------------------------

    /// A watched subscriber has taken from its lane, or only finished. True if it was in the way
    /// of publishers, and has taken an event.
    pub(crate) fn report_queue(
        &mut self,
        id: SubscriberId,
        took: bool,
        effects: &mut Effects<E>,
    ) -> bool {
        let Some(member) = self.find(id) else {
            return false;
        };
        let was_blocking = member.blocker.is_blocking();
        if took {
            // Also the time that it has.
            self.unblock(id.number);
            if was_blocking {
                // Nobody has waited for what is left.
                self.block_queue(id);
            }
        }
        self.settle(id.number, None, effects);
        self.cancel_reports_if_idle(id.number);
        self.assert_invariants();
        took && was_blocking
    }
}
