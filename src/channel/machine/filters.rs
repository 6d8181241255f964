//! Members with a lane of their own: whom an event concerns, and which of these are in the way.

use std::panic::Location;

use super::join::By;
use super::wait_clock::Waited;
use super::{KEPT, Member, Ring};
use crate::channel::effects::{Effect, Effects};
use crate::channel::filter::queue::Lane;
use crate::channel::filter::{Answers, Filters, Judged};
use crate::channel::ticket::Ticket;
use crate::end_reason::DisconnectCause;
use crate::options::{Overflow, SubscribeOptions};
use crate::receipt::Stored;
use crate::subscriber_id::{SubscriberId, SubscriberKind};
use crate::util::clock::Instant;
use crate::util::shrink::Room;
use crate::util::sync::Arc;

impl<E> Ring<E> {
    // ---- Joining, leaving -------------------------------------------------------------------

    /// A new subscriber that sees what `judge` makes of every event after the newest one.
    pub(crate) fn join_filtered<T, F>(
        &mut self,
        options: SubscribeOptions,
        created_at: &'static Location<'static>,
        judge: F,
    ) -> Arc<Lane<T>>
    where
        T: Send + 'static,
        F: Fn(&E) -> Option<T> + Send + Sync + 'static,
    {
        let kind = SubscriberKind::Filtered;
        let place = self.new_place(SubscribeOptions { kind, ..options }, created_at);
        let lane = Arc::new(Lane::new(Arc::clone(&place)));
        let member = Member::new(&place, Some(Arc::clone(&lane) as _));
        self.members.insert(place.id.number, member);
        self.filtered += 1;
        self.roll.join(Arc::clone(&lane), judge);
        self.barred = true;
        self.assert_invariants();
        lane
    }

    /// The part of detaching that is about the lane.
    pub(super) fn cut_lane(
        &mut self,
        key: u64,
        cause: DisconnectCause,
        by: By,
        effects: &mut Effects<E>,
    ) {
        let member = self.member_mut(key);
        if !std::mem::replace(&mut member.attached, false) {
            return;
        }
        let id = member.place.id;
        let lane = member.lane.as_ref().expect("it has a lane");
        member.place.cursor.watch();
        by.release(lane.cut(cause), effects);
        if lane.len() > 0 {
            effects.push(Effect::Lane(Arc::clone(lane)));
        }
        self.filtered -= 1;
        self.unblock(key);
        self.passed.remove(&key);
        self.blocking.give_back_beyond(self.attached(), KEPT);
        effects.extend(self.roll.leave(id.number).map(Effect::Filter));
        self.barred = self.closed || !self.roll.is_empty();
    }

    /// Nothing more will come: whoever has read all of its lane has read all there is.
    pub(crate) fn complete_lanes(&mut self, effects: &mut Effects<E>) {
        if self.roll.is_empty() {
            return;
        }
        let lanes = self.members.iter().filter(|m| m.attached);
        let lanes = lanes.filter_map(|member| member.lane.as_ref());
        effects.wake(lanes.filter_map(|lane| lane.complete()));
        // Last, which may take long: those that were woken need not wait for it.
        effects.push(Effect::Filters(self.roll.take()));
    }

    // ---- Publishing -------------------------------------------------------------------------

    /// The filters that have yet to judge an event.
    #[inline]
    pub(crate) fn unasked(&self, judged: &Judged) -> Option<Filters<E>> {
        self.roll.after(judged)
    }

    /// Those whose filter panicked count no more.
    pub(crate) fn expel(&mut self, answers: &mut Answers, effects: &mut Effects<E>) {
        for id in answers.take_panicked() {
            if self.disconnect(id, DisconnectCause::Panicked, effects) {
                #[cfg(feature = "tracing")]
                self.tell_left(id, "disconnected: its filter panicked", effects);
            }
        }
    }

    /// Those that want the event and have no room for it are in the way, until
    /// [`step_aside`](Self::step_aside).
    #[cold]
    pub(crate) fn find_in_the_way(
        &mut self,
        answers: &mut Answers,
        now: impl Fn() -> Instant,
        effects: &mut Effects<E>,
    ) {
        self.expel(answers, effects);
        answers.full(self.reserved, |id| self.find_lane_in_the_way(id, &now));
    }

    /// As [`find_in_the_way`](Self::find_in_the_way), of an event that any may want.
    pub(crate) fn find_any_in_the_way(&mut self, now: impl Fn() -> Instant) {
        let mut waiting = Vec::new();
        self.roll.lanes(|lane| {
            let place = lane.place();
            if place.overflow.makes_wait() {
                waiting.push(place.id);
            }
        });
        for id in waiting {
            self.find_lane_in_the_way(id, &now);
        }
    }

    fn find_lane_in_the_way(&mut self, id: SubscriberId, now: impl FnOnce() -> Instant) {
        if self.block_lane(id) {
            self.resume(id.number, now);
        }
    }

    /// True if the lane has come into the way.
    fn block_lane(&mut self, id: SubscriberId) -> bool {
        let Some(member) = self.current(id) else {
            return false;
        };
        let is_known = member.blocking.is_some();
        if is_known || !member.place.overflow.makes_wait() || self.has_room(member) {
            return false;
        }
        // Again, now that it reports: it may have taken something meanwhile.
        member.place.cursor.watch();
        if self.has_room(member) {
            self.unwatch_if_idle(id.number);
            return false;
        }
        self.block(id.number);
        true
    }

    /// Whether its lane has room for one event more than was promised.
    fn has_room(&self, member: &Member<E>) -> bool {
        let unread = member.lane.as_ref().map_or(0, |lane| lane.len());
        (unread as u64) + self.reserved < member.place.window as u64
    }

    /// The head of the line has gone: those in its way need not be in that of the next. Their
    /// time stands still until they are again, and is kept until they take something or have room.
    pub(crate) fn step_aside(&mut self, now: impl Fn() -> Instant) {
        if self.filtered == 0 {
            return;
        }
        for key in self.blocking_lanes() {
            let waited = self.member(key).waited;
            let waited = waited.map(|waited| Waited {
                before: waited.so_far(self.clock.read(&now)),
                ..waited
            });
            #[cfg(all(feature = "tracing", feature = "rt"))]
            let warned = self.member(key).warned;
            self.unblock(key);
            if waited.is_some() {
                let member = self.member_mut(key);
                member.waited = waited;
                #[cfg(all(feature = "tracing", feature = "rt"))]
                {
                    member.warned = warned;
                }
                self.aside.insert(key);
            }
            self.unwatch_if_idle(key);
        }
    }

    /// Those that have room again are not in the way, and not blamed any more.
    pub(super) fn free_lanes(&mut self) {
        if self.filtered == 0 {
            return;
        }
        let mut full = self.blocking_lanes();
        full.extend(&self.aside);
        for key in full {
            if self.has_room(self.member(key)) {
                self.unblock(key);
                self.unwatch_if_idle(key);
            }
        }
    }

    fn blocking_lanes(&self) -> Vec<u64> {
        let keys = self.blocking.iter().copied();
        keys.filter(|&key| self.member(key).lane.is_some())
            .collect()
    }

    /// Stores the event for all that read the log, and for those that want it.
    #[cold]
    pub(super) fn append_wanted(
        &mut self,
        event: E,
        ticket: Option<&Arc<Ticket>>,
        answers: &mut Answers,
        effects: &mut Effects<E>,
    ) -> (Stored, Option<E>) {
        let mut audience = self.attached + answers.count();
        answers.full(0, |id| audience -= usize::from(!self.admits(id, effects)));
        if let Some(ticket) = ticket {
            ticket.expect(audience);
        }
        let (seq, unread) = match self.listeners {
            0 => (self.log.pass(), Some(event)),
            _ => (self.log.append(event, ticket), None),
        };
        // Those that it was not counted for are cut.
        answers.store(seq, ticket, |told| {
            effects.wake(told.reader);
            if told.overwrote.is_some() {
                let id = told.place.id;
                effects.extend(told.lost.map(|ticket| Effect::Dropped(ticket, id)));
                #[cfg(feature = "tracing")]
                effects.extend(told.overwrote.and_then(|seq| {
                    let news = crate::channel::trace::News::lost(told.place, seq);
                    news.map(Effect::Tell)
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
                .lane
                .as_ref()
                .is_some_and(|lane| lane.len() >= member.place.window)
        };
        if member.place.overflow == Overflow::Disconnect && is_full() {
            self.disconnect(id, DisconnectCause::Overflow, effects);
            #[cfg(feature = "tracing")]
            self.tell_left(id, "disconnected: its window was full", effects);
            return false;
        }
        if self.is_passed(id.number) && is_full() {
            self.disconnect_overdue(id.number, effects);
            return false;
        }
        true
    }

    // ---- Reading ----------------------------------------------------------------------------

    /// A watched subscriber has taken from its lane, or only finished. True if it was in the way
    /// of publishers, and has taken an event.
    pub(crate) fn report_lane(
        &mut self,
        id: SubscriberId,
        took: bool,
        effects: &mut Effects<E>,
    ) -> bool {
        let Some(member) = self.find(id) else {
            return false;
        };
        let was_blocking = member.blocking.is_some();
        if took {
            // Also the time that it has.
            self.unblock(id.number);
            if was_blocking {
                // Nobody has waited for what is left.
                self.block_lane(id);
            }
        }
        self.settle(id.number, None, effects);
        self.unwatch_if_idle(id.number);
        self.assert_invariants();
        took && was_blocking
    }
}
