//! Room for events and permits, and the subscribers blocking publishers.

use std::time::Duration;

use genevent::{Cause, DisconnectCause, Overflow};

use super::super::ops::Failing;
use super::super::payload::breaks_predicates;
use super::{
    Answers, CallId, Event, NoFollowUp, Question, Reader, Reference, Room, State, Stored, Time,
    Who, Wish,
};

impl Reference {
    pub(crate) fn attached(&self) -> Vec<Who> {
        let all = 0..self.readers.len();
        all.filter(|&who| self.readers[who].state == State::Attached)
            .collect()
    }

    pub(crate) fn filtered(&self) -> Vec<Who> {
        let mut attached = self.attached();
        attached.retain(|&who| self.readers[who].sees.wants.is_some());
        attached
    }

    /// How many places are reserved: permits and granted places.
    pub(super) fn reserved(&self) -> usize {
        self.permits + self.granted().len()
    }

    pub(crate) fn is_fully_reserved(&self) -> bool {
        self.reserved() >= self.capacity
    }

    pub(super) fn is_lossless(&self, who: Who) -> bool {
        matches!(
            self.readers[who].overflow,
            Overflow::Wait | Overflow::WaitAtMost(_)
        )
    }

    /// Whether the subscriber is lossless, and its unread events and the reserved places fill its
    /// window.
    fn is_full(&self, who: Who) -> bool {
        self.is_full_beside(who, self.reserved())
    }

    fn is_full_beside(&self, who: Who, reserved: usize) -> bool {
        let reader = &self.readers[who];
        let is_attached = reader.state == State::Attached;
        is_attached && self.is_lossless(who) && reader.unread.len() + reserved >= reader.window
    }

    /// The subscribers that concern the publisher and are full beside this many reserved places.
    pub(super) fn full(&self, wish: Wish, reserved: usize) -> Vec<Who> {
        let mut full = match wish {
            Wish::Event(payload) => self.concerned(payload),
            Wish::Permit => self.attached(),
        };
        full.retain(|&who| self.is_full_beside(who, reserved));
        full
    }

    /// Whether the publisher has room beside this many reserved places.
    pub(super) fn has_room(&self, wish: Wish, reserved: usize) -> bool {
        let is_bound = matches!(wish, Wish::Permit) && reserved >= self.capacity;
        !is_bound && self.full(wish, reserved).is_empty()
    }

    /// Whether all of the filtered subscribers have room.
    pub(crate) fn have_filters_room(&self) -> bool {
        !self.filtered().into_iter().any(|who| self.is_full(who))
    }

    /// Full filtered subscribers block a publisher with an unknown event.
    pub(super) fn block_full_filtered(&mut self) {
        for who in self.filtered() {
            self.readers[who].blocks |= self.is_full(who);
        }
    }

    /// The subscribers blocking the last checked publisher.
    pub(crate) fn blocking(&self) -> Vec<Who> {
        let all = 0..self.readers.len();
        all.filter(|&who| self.readers[who].blocks).collect()
    }

    /// The wish of a publisher.
    pub(super) fn wish(&self, id: CallId) -> Wish {
        match self.calls[id].question {
            Question::Notify(payload)
            | Question::AckNotify(payload)
            | Question::SyncNotify(payload) => Wish::Event(payload),
            _ => Wish::Permit,
        }
    }

    /// Whether a publisher has room now. Full subscribers block from now on: filtered subscribers
    /// if they want the event, or for a permit, as they may want its event.
    pub(super) fn check(&mut self, wish: Wish) -> bool {
        if let Wish::Event(_) = wish {
            self.unblock_filtered();
        }
        for who in self.filtered() {
            let wants = self.readers[who].sees.wants.expect("filtered");
            let concerns = match wish {
                Wish::Event(payload) => payload % wants == 0,
                Wish::Permit => true,
            };
            self.readers[who].blocks |= concerns && self.is_full(who);
        }
        self.block_full_readers();
        if matches!(wish, Wish::Permit) && self.is_fully_reserved() {
            return false;
        }
        self.blocking().is_empty() || self.are_all_overdue()
    }

    /// The full subscribers without a filter block every publisher.
    pub(super) fn block_full_readers(&mut self) {
        for who in 0..self.readers.len() {
            let is_plain = self.readers[who].sees.wants.is_none();
            self.readers[who].blocks |= is_plain && self.is_full(who);
        }
    }

    /// No checked publisher waits for the filtered subscribers any more. Their time stops.
    pub(super) fn unblock_filtered(&mut self) {
        for who in self.filtered() {
            self.readers[who].blocks = false;
        }
    }

    /// Subscribers with room do not block any more, and their time is forgotten.
    pub(super) fn unblock_with_room(&mut self) {
        for who in 0..self.readers.len() {
            if !self.is_full(who) {
                self.readers[who].blocks = false;
                self.readers[who].waited = None;
            }
        }
        self.forgive_with_room();
    }

    /// Subscribers with room are not overdue for the permits that are out.
    pub(super) fn forgive_with_room(&mut self) {
        for who in 0..self.readers.len() {
            self.readers[who].passed &= self.is_full(who) && self.reserved() > 0;
        }
    }

    /// The time at which all blocking subscribers are overdue. `None` if a blocking subscriber is never
    /// overdue, or if reserved places take all of the capacity.
    pub(super) fn end_of_limits(&self) -> Option<Time> {
        let ends = self.blocking().into_iter().map(|who| {
            let reader = &self.readers[who];
            Some(self.now + reader.patience()? - reader.waited?)
        });
        let last = ends.collect::<Option<Vec<_>>>()?.into_iter().max();
        last.filter(|_| !self.is_fully_reserved())
    }

    /// Whether reading would not suffice to make room: all of the capacity is reserved, or a blocking
    /// subscriber has read everything.
    pub(super) fn is_held_by_reserved(&self) -> bool {
        let mut blocking = self.blocking().into_iter();
        self.is_fully_reserved() || blocking.any(|who| self.readers[who].waited.is_none())
    }

    pub(super) fn are_all_overdue(&self) -> bool {
        self.end_of_limits().is_some_and(|end| end <= self.now)
    }

    /// Whether all blocking subscribers are overdue as soon as a publisher waits.
    pub(super) fn are_overdue_at_once(&mut self) -> bool {
        self.start_clocks();
        self.are_all_overdue()
    }

    /// The time of blocking subscribers begins when a publisher waits for their unread events.
    pub(super) fn start_clocks(&mut self) {
        for reader in &mut self.readers {
            if reader.blocks && !reader.unread.is_empty() {
                reader.waited.get_or_insert(0);
            }
        }
    }

    /// Advances the clock by a millisecond, which counts only while a publisher waits.
    pub(crate) fn advance(&mut self) {
        if !self.waiters().is_empty() {
            for reader in &mut self.readers {
                if reader.blocks {
                    reader.waited = reader.waited.map(|waited| waited + 1);
                }
            }
        }
        self.now += 1;
        self.run_monitor();
    }

    /// Returns `Some` if the event was stored.
    pub(crate) fn try_notify(&mut self, payload: u64) -> Option<usize> {
        // A reader that clones an event meanwhile has just made room.
        self.forgive_with_room();
        if self.needs_no_place() {
            return Some(self.push(payload));
        }
        if self.closed || self.has_sleepers() {
            return None;
        }
        self.evaluate(payload, 0);
        if !self.check(Wish::Event(payload)) || self.has_room_but_for_grants() {
            self.unblock_filtered();
            return None;
        }
        Some(self.store(Room::Free, payload))
    }

    /// Publishes a follow-up of an event in flight, past full windows.
    pub(crate) fn follow_up(&mut self, who: Who, payload: u64) -> Result<usize, NoFollowUp> {
        if !self.readers[who].has_in_flight() {
            return Err(NoFollowUp::NothingInFlight);
        }
        if self.closed {
            return Err(NoFollowUp::Closed);
        }
        if self.needs_no_place() {
            return Ok(self.push(payload));
        }
        self.evaluate(payload, 0);
        Ok(self.store(Room::PastWindows, payload))
    }

    /// Gives a permit. Blocking subscribers, which are overdue, stay until the permit is used.
    pub(super) fn give_permit(&mut self, room: Room) {
        if room == Room::Free {
            for who in self.blocking() {
                self.readers[who].passed = true;
            }
            self.unblock_filtered();
        }
        self.permits += 1;
        self.serve();
    }

    pub(crate) fn use_permit(&mut self, payload: u64) -> usize {
        self.evaluate(payload, 0);
        self.permits -= 1;
        self.store(Room::Granted, payload)
    }

    pub(crate) fn drop_permit(&mut self) {
        self.permits -= 1;
        self.unblock_with_room();
        self.serve();
    }

    /// A publisher evaluates the filters from `first` on for its event. A predicate that panics, or a clone
    /// for a subscriber, ends the subscription.
    fn evaluate(&mut self, payload: u64, first: Who) {
        let clone_fails = self.failing == Some(Failing::Clone);
        for who in first..self.readers.len() {
            let sees = self.readers[who].sees;
            let is_wanted = sees.wants.is_some_and(|wants| payload % wants == 0);
            let breaks = sees.breaking && breaks_predicates(payload);
            if breaks || (clone_fails && is_wanted && sees.is_cloned_for()) {
                self.detach(who, DisconnectCause::Panicked);
            }
        }
    }

    /// Evaluates the event of a publisher for the filters that have joined since the last time.
    pub(super) fn evaluate_call(&mut self, id: CallId) {
        if let Wish::Event(payload) = self.wish(id) {
            self.evaluate(payload, self.calls[id].evaluated);
            self.calls[id].evaluated = self.readers.len();
        }
    }

    /// Whether a publisher that publishes now calls the key functions.
    pub(crate) fn calls_key_functions(&self, is_future: bool) -> bool {
        let is_behind = self.has_sleepers() && !(is_future && self.are_all_overdue());
        self.has_keyed() && !self.closed && !is_behind
    }

    /// Whether a subscriber of a key is attached.
    pub(crate) fn has_keyed(&self) -> bool {
        let mut attached = self.attached().into_iter();
        attached.any(|who| self.readers[who].sees.keyed)
    }

    /// The subscribers that will see an event.
    fn concerned(&self, payload: u64) -> Vec<Who> {
        let mut attached = self.attached();
        attached.retain(|&who| {
            let wants = self.readers[who].sees.wants;
            wants.is_none_or(|wants| payload % wants == 0)
        });
        attached
    }

    pub(super) fn store(&mut self, room: Room, payload: u64) -> usize {
        if room == Room::Free {
            for who in self.blocking() {
                self.detach(who, DisconnectCause::Overdue);
            }
        }
        for who in self.concerned(payload) {
            if self.readers[who].unread.len() < self.readers[who].window {
                continue;
            }
            if room == Room::Granted && self.readers[who].passed {
                self.detach(who, DisconnectCause::Overdue);
                continue;
            }
            match self.readers[who].overflow {
                Overflow::DropOldest => {
                    let event = self.readers[who].unread.pop_front().unwrap();
                    self.readers[who].missed += 1;
                    self.readers[who].gap += 1;
                    self.give_up(who, event, &Cause::Overwritten);
                }
                Overflow::Disconnect => {
                    self.detach(who, DisconnectCause::Overflow);
                }
                // A follow-up, or the event of a permit beyond the room of the window.
                _ => {}
            }
        }
        let audience = self.push(payload);
        self.unblock_with_room();
        self.serve();
        audience
    }

    /// Adds an event for the subscribers it concerns. With [`needs_no_place`](Self::needs_no_place), that is
    /// all: an event for nobody changes no room, so no waiter has to check again.
    pub(super) fn push(&mut self, payload: u64) -> usize {
        let audience = self.concerned(payload);
        for &who in &audience {
            self.readers[who].unread.push_back(self.events.len());
        }
        let mut awaited = audience.clone();
        awaited.retain(|&who| !self.readers[who].sees.observer);
        self.events.push(Stored {
            payload,
            audience: audience.len(),
            awaited: awaited.len(),
            received: Answers::new(&awaited),
            finished: Answers::new(&awaited),
        });
        audience.len()
    }

    pub(crate) fn give_up(&mut self, who: Who, event: Event, cause: &Cause) {
        let Stored {
            received, finished, ..
        } = &mut self.events[event];
        received.give_up(who, self.step, cause.clone());
        finished.give_up(who, self.step, cause.clone());
    }

    /// Whether no more events will come.
    pub(crate) fn is_complete(&self) -> bool {
        self.closed && self.permits == 0
    }

    pub(crate) fn published(&self) -> usize {
        self.events.len()
    }

    /// For how long publishers have waited for the reader.
    pub(crate) fn blocking_for(&self, who: Who) -> Option<Duration> {
        let reader = &self.readers[who];
        let waits = reader.blocks && !self.waiters().is_empty();
        let waited = reader.waited.filter(|_| waits)?;
        Some(Duration::from_millis(waited))
    }

    /// The detached subscribers with received and unsettled events.
    pub(crate) fn leaving(&self) -> Vec<Who> {
        let owes = |reader: &Reader| match reader.state {
            State::Attached => false,
            State::Gone => reader.out.as_ref().is_some_and(|out| !out.open.is_empty()),
            _ => reader.owes(),
        };
        let all = 0..self.readers.len();
        all.filter(|&who| !self.readers[who].sees.observer && owes(&self.readers[who]))
            .collect()
    }

    pub(crate) fn is_settled(&self, event: Event) -> bool {
        self.events[event].finished.owing.is_empty()
    }
}
