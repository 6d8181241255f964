//! Filtered members of the machine: joining, being blocked by full filter queues, storing events.

use std::panic::Location;

use super::join::DetachedBy;
use super::room::Room;
use super::{Machine, Member, Replayed};
use crate::channel::effects::{Effect, Effects};
use crate::channel::filter::any_queue::Closed;
use crate::channel::filter::key_log::Appended;
use crate::channel::filter::reading::Reading;
use crate::channel::filter::{Evaluation, FilterMatches, FilterSnapshot, Interest};
use crate::channel::ticket::Ticket;
use crate::end_reason::DisconnectCause;
use crate::options::{Overflow, Replay, SubscribeOptions};
use crate::receipt::{Cause, Stored};
use crate::subscriber_id::{SubscriberId, SubscriberKind};
use crate::util::clock::Instant;
use crate::util::sync::Arc;

impl<E> Machine<E> {
    // ---- Joining, leaving -------------------------------------------------------------------

    /// Adds a subscriber, whose queue gets the values that `interest` has for later events. Returns
    /// the retained events to be evaluated before, and counts the events that are not retained any more
    /// as missed.
    pub(crate) fn join_filtered<I: Interest<E>>(
        &mut self,
        options: SubscribeOptions,
        created_at: &'static Location<'static>,
        interest: I,
    ) -> (Reading<I::Value>, I::Joined, Replayed<E>) {
        let replayed = self.replay(match options.replay {
            // Only the evaluation shows which are wanted.
            Replay::Newest(_) => Replay::Newest(usize::MAX),
            replay => replay,
        });
        let kind = match options.kind {
            // A handler with a filter.
            kind if kind.has_task() => kind,
            _ => SubscriberKind::Filtered,
        };
        let subscriber =
            self.new_subscriber_state(SubscribeOptions { kind, ..options }, created_at);
        subscriber.count_missed(replayed.missed);
        let (reading, joined) = interest.join(&mut self.filters, &subscriber);
        self.members
            .insert(Member::new(&subscriber, Some(reading.shared())));
        self.update_fast_path();
        self.assert_invariants();
        (reading, joined, replayed)
    }

    /// Closes the queue of a member and removes its filter: the filtered part of detaching.
    pub(super) fn close_queue(
        &mut self,
        key: u64,
        by: DetachedBy,
        cause: Cause,
        effects: &mut Effects<E>,
    ) {
        if !self.detach_member(key) {
            return;
        }
        let member = self.member(key);
        let id = member.subscriber.id;
        let queue = member
            .queue
            .as_ref()
            .expect("a filtered member has a queue");
        // Events in flight are still owed: the channel needs to know when they are settled.
        member.subscriber.cursor.request_reports();
        let Closed {
            waker,
            is_unsettled,
            removed,
        } = queue.close(cause);
        by.release(waker, effects);
        effects.extend(removed.map(Effect::Drop));
        // Settle the unread events after unlocking, as settling wakes publishers.
        if is_unsettled {
            effects.push(Effect::FilterQueue(Arc::clone(queue)));
        }
        // Publishers no longer wait for this member or evaluate its filter.
        self.crowded.remove(&key);
        self.unblock_detached(key);
        effects.extend(self.filters.leave(id.number).map(Effect::Drop));
        self.update_fast_path();
    }

    /// Marks all filter queues as complete and drops all filters: no more events will be stored.
    pub(crate) fn complete_queues(&mut self, effects: &mut Effects<E>) {
        if self.filters.is_empty() {
            return;
        }
        let attached = self.members.iter().filter(|m| m.is_attached());
        let queues = attached.filter_map(|member| member.queue.as_ref());
        effects.wake(queues.filter_map(|queue| queue.complete()));
        // Push the filters last: dropping user code can take long, and would delay the wake-ups.
        effects.push(Effect::DropFilters(self.filters.take()));
    }

    // ---- Publishing -------------------------------------------------------------------------

    /// Returns the filters newer than `evaluation`, to be evaluated without the lock.
    #[inline]
    pub(crate) fn not_yet_evaluated(&self, evaluation: &Evaluation) -> Option<FilterSnapshot<E>> {
        self.filters.newer_than(evaluation)
    }

    /// Disconnects the subscribers of panicked predicates.
    pub(crate) fn disconnect_panicked(
        &mut self,
        matches: &mut FilterMatches,
        effects: &mut Effects<E>,
    ) {
        let panicked = matches.take_panicked().into_iter();
        for id in panicked.filter(|_| !seeded_bug!("panicked-predicate-stays")) {
            self.disconnect(id, DisconnectCause::Panicked, effects);
        }
    }

    /// Marks matching subscribers without room as blocking, until
    /// [`unblock_queues`](Self::unblock_queues).
    #[cold]
    pub(crate) fn block_full_queues(&mut self, matches: &FilterMatches, now: impl Fn() -> Instant) {
        matches.for_each_full(self.reserved, |id| self.block_and_resume(id, &now));
    }

    /// Marks every filtered subscriber without room as blocking, for a permit: its event is not
    /// known yet, and any filter may match.
    pub(crate) fn block_all_full_queues(&mut self, now: impl Fn() -> Instant) {
        let mut lossless = Vec::new();
        if self.have_uncrowded_queues_room() {
            lossless.extend(
                self.crowded
                    .iter()
                    .map(|key| self.member(*key).subscriber.id),
            );
        } else {
            self.filters.for_each_queue(|queue| {
                let subscriber = queue.subscriber();
                if subscriber.overflow.is_lossless() {
                    lossless.push(subscriber.id);
                }
            });
        }
        for id in lossless {
            self.block_and_resume(id, &now);
        }
    }

    /// Returns whether every lossless filtered subscriber has room, whichever event comes.
    #[inline]
    pub(super) fn have_queues_room(&mut self) -> bool {
        self.filters.is_empty() || self.have_all_queues_room()
    }

    fn have_all_queues_room(&mut self) -> bool {
        if self.have_uncrowded_queues_room() {
            self.drop_uncrowded();
            let mut crowded = self.crowded.iter().map(|key| self.member(*key));
            return crowded.all(|member| self.has_room(member));
        }
        let mut have_room = true;
        self.filters.for_each_queue(|queue| {
            let subscriber = queue.subscriber();
            let is_full = queue.len() as u64 + self.reserved >= subscriber.window as u64;
            have_room &= !(is_full && subscriber.overflow.is_lossless());
        });
        have_room
    }

    /// Returns whether the reserved places leave room in every queue that is less than half full. There may
    /// be a million queues: only the crowded queues are looked at then.
    fn have_uncrowded_queues_room(&self) -> bool {
        self.reserved <= self.turns.smallest_window() / 2
    }

    /// Returns whether the queue of a member is at least half full.
    pub(super) fn is_crowded(member: &Member<E>) -> bool {
        let unread = member.queue.as_ref().map_or(0, |queue| queue.len());
        2 * unread >= member.subscriber.window
    }

    /// Removes the members from `crowded` that have read on.
    fn drop_uncrowded(&mut self) {
        let members = &self.members;
        (self.crowded).retain(|key| Self::is_crowded(members.get(*key)));
    }

    /// Marks a subscriber without room as blocking and resumes its suspended `WaitAtMost` time.
    fn block_and_resume(&mut self, id: SubscriberId, now: impl FnOnce() -> Instant) {
        if self.block_queue(id) {
            (self.blockers).resume(id.number, now, &mut self.members);
        }
    }

    /// Marks a subscriber without room as blocking. Returns `false` if the subscriber has room, is
    /// lossy, or was blocking before.
    fn block_queue(&mut self, id: SubscriberId) -> bool {
        let Some(member) = self.current(id) else {
            return false;
        };
        let was_blocking = member.blocker.is_blocking();
        if was_blocking || !member.subscriber.overflow.is_lossless() || self.has_room(member) {
            return false;
        }
        // Check again after requesting reports: the reader may have made room just before the
        // request, without a report.
        member.subscriber.cursor.request_reports();
        if self.has_room(member) {
            self.cancel_unneeded_reports(id.number);
            return false;
        }
        self.blockers.block(id.number, &mut self.members);
        true
    }

    /// Returns whether the member's queue has room for an event beside the reserved events.
    pub(super) fn has_room(&self, member: &Member<E>) -> bool {
        let unread = member.queue.as_ref().map_or(0, |queue| queue.len());
        (unread as u64) + self.reserved < member.subscriber.window as u64
    }

    /// Unblocks all filtered subscribers: the front publisher has left the wait queue, and the
    /// event of the next may match other filters.
    ///
    /// Their `WaitAtMost` time is suspended until they block again, and reset when they take an
    /// event or have room.
    #[inline]
    pub(crate) fn unblock_queues(&mut self, now: impl Fn() -> Instant) {
        if self.members.filtered() > 0 {
            self.unblock_all_queues(now);
        }
    }

    fn unblock_all_queues(&mut self, now: impl Fn() -> Instant) {
        for key in self.blockers.queues(&self.members) {
            self.blockers.suspend(key, &now, &mut self.members);
            self.cancel_unneeded_reports(key);
        }
    }

    /// Unblocks the filtered subscribers with room, and resets their `WaitAtMost` time.
    #[inline]
    pub(super) fn unblock_queues_with_room(&mut self) {
        if self.members.filtered() > 0 {
            self.unblock_all_queues_with_room();
        }
    }

    fn unblock_all_queues_with_room(&mut self) {
        let mut full = self.blockers.queues(&self.members);
        full.extend(self.blockers.suspended());
        for key in full {
            if self.has_room(self.member(key)) {
                self.unblock(key);
                self.cancel_unneeded_reports(key);
            }
        }
    }

    /// Stores the event in the log, and the predicates' values in the matching queues.
    ///
    /// Returns the event if the log has no reader.
    #[cold]
    pub(super) fn append_filtered(
        &mut self,
        room: Room,
        event: E,
        ticket: Option<&Arc<Ticket>>,
        matches: &mut FilterMatches,
        effects: &mut Effects<E>,
    ) -> (Stored, Option<E>) {
        let mut audience = self.members.heads() + matches.count();
        // A full subscriber may be disconnected now, by its policy, and is not counted then.
        matches.for_each_full(0, |id| {
            audience -= usize::from(!self.admits(id, room, effects));
        });
        if let Some(ticket) = ticket {
            if self.members.has_filtered_observers() {
                audience = self.members.awaited_heads() + matches.count_awaited();
            } else {
                audience -= self.members.heads() - self.members.awaited_heads();
            }
            ticket.arm(audience);
        }
        let (seq, not_logged) = match self.members.log_users() {
            0 => (self.log.skip_seq(), Some(event)),
            _ => (self.log.append(event, ticket), None),
        };
        // Closed queues refuse the event: they are not part of the audience.
        if matches.has_logged() {
            self.append_to_key_logs(seq, ticket, matches, effects);
        }
        matches.deliver(seq, ticket, |pushed| {
            effects.wake(pushed.reader);
            if pushed.is_crowded {
                self.crowded.insert(pushed.subscriber.id.number);
            }
            if pushed.overwritten_seq.is_some() {
                let id = pushed.subscriber.id;
                effects.extend(
                    pushed
                        .overwritten_ticket
                        .map(|ticket| Effect::Overwritten(ticket, Arc::clone(pushed.subscriber))),
                );
                #[cfg(feature = "tracing")]
                effects.extend(pushed.overwritten_seq.and_then(|seq| {
                    let record = crate::channel::trace::Record::lost(pushed.subscriber, seq);
                    record.map(Effect::Trace)
                }));
                // A flush may have waited for the overwritten event.
                self.settle(id.number, None, effects);
            }
        });
        self.assert_invariants();
        (Stored { seq, audience }, not_logged)
    }

    /// Appends the event to the key logs of its keys.
    #[inline(never)]
    fn append_to_key_logs(
        &mut self,
        seq: u64,
        ticket: Option<&Arc<Ticket>>,
        matches: &mut FilterMatches,
        effects: &mut Effects<E>,
    ) {
        for Appended { readers, crowded } in matches.append(seq, ticket) {
            effects.push(Effect::WakeReaders(readers));
            self.crowded.extend(crowded);
        }
    }

    /// Returns whether the subscriber gets the event. Disconnects a full subscriber with
    /// [`Overflow::Disconnect`], or a full subscriber that was overdue when the permit of the event was
    /// reserved.
    fn admits(&mut self, id: SubscriberId, room: Room, effects: &mut Effects<E>) -> bool {
        let Some(member) = self.current(id) else {
            return false;
        };
        let is_full = || {
            member
                .queue
                .as_ref()
                .is_some_and(|queue| queue.len() >= member.subscriber.window)
        };
        if member.subscriber.overflow == Overflow::Disconnect && is_full() {
            self.disconnect(id, DisconnectCause::Overflow, effects);
            return false;
        }
        if room == Room::Reserved && self.was_overdue_at_permit(id.number) && is_full() {
            self.disconnect_overdue(id.number, effects);
            return false;
        }
        true
    }

    // ---- Reading ----------------------------------------------------------------------------

    /// Handles a subscriber's report: an event taken from its queue, or only finished.
    ///
    /// Returns whether the subscriber was blocking and took an event.
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
            self.forgive_overdue(id.number);
            // Resets the subscriber's `WaitAtMost` time, too.
            self.unblock(id.number);
            if was_blocking {
                // Without resuming the time: no publisher has waited for the remaining events yet.
                self.block_queue(id);
            }
        }
        self.settle(id.number, None, effects);
        self.cancel_unneeded_reports(id.number);
        self.assert_invariants();
        took && was_blocking
    }
}
