//! Which items each reader gets, and when.

use std::collections::VecDeque;
use std::task::Poll;

use genevent::{Cause, DisconnectCause, Overflow};

use super::super::ops::From;
use super::super::payload::breaks_predicates;
use super::{
    ClonePanics, End, Event, For, Item, Out, Reader, Reference, ReplayFrom, Sees, State, Who,
};

impl Reference {
    pub(crate) fn subscribe(
        &mut self,
        overflow: Overflow,
        window: usize,
        from: ReplayFrom,
        sees: Sees,
    ) -> Who {
        let (replayed, missed, breaks) = self.replayed(from, sees);
        let early = if replayed.is_empty() { 0 } else { missed };
        self.readers.push(Reader {
            overflow,
            sees,
            window,
            replayed,
            unread: VecDeque::new(),
            in_flight: None,
            free_in_flight: None,
            unyielded: None,
            out: None,
            blocks: false,
            waited: None,
            passed: false,
            missed,
            gap: missed - early,
            early_gap: early,
            last: 0,
            state: if self.closed {
                State::Ended(End::Closed)
            } else {
                State::Attached
            },
            parked: None,
            woken: false,
        });
        let who = self.readers.len() - 1;
        if !self.closed {
            self.revoke_grants(who);
            self.serve();
        }
        self.note_wakeups();
        if breaks && self.detach(who, DisconnectCause::Panicked) {
            self.serve();
        }
        who
    }

    /// Returns what a new reader begins with, as numbers: nothing if nothing is retained.
    pub(crate) fn from(&self, from: From) -> ReplayFrom {
        match from {
            From::Newest(events) if self.retain > 0 => ReplayFrom::Newest(events.into()),
            From::Since(back) if self.retain > 0 => {
                ReplayFrom::Since(self.events.len().saturating_sub(back.into()) as u64)
            }
            _ => ReplayFrom::Newest(0),
        }
    }

    /// Returns the retained events that a new reader begins with, and how many are retained no more; and whether
    /// the reader's predicate panics at one of them.
    fn replayed(&self, from: ReplayFrom, sees: Sees) -> (VecDeque<Event>, u64, bool) {
        let mut replayed = VecDeque::new();
        if self.closed {
            return (replayed, 0, false);
        }
        let retained = self.events.len().saturating_sub(self.retain);
        let retained = retained.max(self.cleared);
        let (first, most) = match from {
            ReplayFrom::Newest(events) => (0, events),
            ReplayFrom::Since(seq) => {
                let first = usize::try_from(seq).expect("it counts events");
                (first, usize::MAX)
            }
        };
        let missed = match from {
            ReplayFrom::Newest(_) => 0,
            ReplayFrom::Since(_) => retained.saturating_sub(first) as u64,
        };
        // The newest first, as the predicate is called.
        for event in (retained.max(first)..self.events.len()).rev() {
            if replayed.len() == most {
                break;
            }
            let payload = self.events[event].payload;
            if sees.breaking && breaks_predicates(payload) {
                return (replayed, missed, true);
            }
            if sees.wants.is_none_or(|n| payload % n == 0) {
                replayed.push_front(event);
            }
        }
        (replayed, missed, false)
    }

    pub(crate) fn clear_retained(&mut self) {
        self.cleared = self.events.len();
    }

    /// Whether the reader is an observer, and has not left.
    pub(crate) fn is_observer(&self, who: Who) -> bool {
        let reader = &self.readers[who];
        reader.sees.observer && !matches!(reader.state, State::Ended(_) | State::Gone)
    }

    pub(crate) fn ack(&mut self, who: Who) {
        self.readers[who].free_in_flight = None;
        if let Some(event) = self.readers[who].in_flight.take() {
            self.events[event].finished.answer(who);
        }
    }

    pub(crate) fn nack(&mut self, who: Who, reason: &str) {
        if let Some(event) = self.readers[who].in_flight.take() {
            self.give_up(who, event, &Cause::Failed(reason.into()));
        }
        self.ack(who);
    }

    /// Turns the reader into a stream of deliveries.
    pub(crate) fn deliver(&mut self, who: Who, max: usize) {
        self.ack(who);
        let (open, free) = (Vec::new(), Vec::new());
        self.readers[who].out = Some(Out { max, open, free });
    }

    /// Settles a delivery, as not finished if there is a cause. A delivery without an acknowledgement
    /// owed only makes room for another delivery.
    pub(crate) fn settle(&mut self, who: Who, seq: u64, cause: Option<Cause>) {
        let out = self.readers[who].out.as_mut().expect("deliveries");
        let is_it = |event: &Event| *event as u64 + 1 == seq;
        let Some(index) = out.open.iter().position(is_it) else {
            let index = out.free.iter().position(is_it).expect("unsettled");
            out.free.remove(index);
            return;
        };
        let event = out.open.remove(index);
        let finished = &mut self.events[event].finished;
        match cause {
            None => finished.answer(who),
            Some(cause) => finished.give_up(who, self.step, cause),
        }
    }

    /// Does what `next` does, if it would be ready; otherwise, only acknowledges.
    pub(crate) fn try_next(&mut self, who: Who, tell_missed: bool) -> Poll<Option<Item>> {
        if !self.is_ready(who, tell_missed) {
            self.ack(who);
            return Poll::Pending;
        }
        let ready = self.next(who, tell_missed, false);
        ready.unwrap_or_else(|ClonePanics| unreachable!("no clone fails"))
    }

    fn is_ready(&self, who: Who, tell_missed: bool) -> bool {
        let reader = &self.readers[who];
        if reader.unyielded.is_some() {
            return true;
        }
        if reader.out.as_ref().is_some_and(Out::is_full) {
            return false;
        }
        let is_open = !self.is_gated(who) && !reader.unread.is_empty();
        !reader.replayed.is_empty()
            || (tell_missed && reader.gap > 0)
            || is_open
            || (reader.unread.is_empty() && (reader.state != State::Attached || self.is_complete()))
    }

    /// With `fails`, the clone of the event panics.
    pub(crate) fn next(
        &mut self,
        who: Who,
        tell_missed: bool,
        fails: bool,
    ) -> Result<Poll<Option<Item>>, ClonePanics> {
        self.clones = 0;
        self.next_or_panic(who, tell_missed, fails)
    }

    fn next_or_panic(
        &mut self,
        who: Who,
        tell_missed: bool,
        fails: bool,
    ) -> Result<Poll<Option<Item>>, ClonePanics> {
        self.ack(who);
        let is_complete = self.is_complete();
        let reader = &mut self.readers[who];
        let ends_at_panic = fails && reader.reads_key_log();
        // Other filtered subscriptions yield the items made by the filter.
        let fails = fails && reader.sees.wants.is_none();
        reader.parked = None;
        reader.woken = false;
        if reader.unyielded.is_some() {
            return self.yield_taken(who, fails);
        }
        if matches!(reader.state, State::Ended(_) | State::Gone) {
            return Ok(Poll::Ready(None));
        }
        if reader.out.as_ref().is_some_and(Out::is_full) {
            reader.parked = Some(For::RoomOut);
            return Ok(Poll::Pending);
        }
        if !reader.replayed.is_empty() {
            let missed = std::mem::take(&mut reader.early_gap);
            if tell_missed && missed > 0 {
                return Ok(Poll::Ready(Some(Item::Missed(missed))));
            }
            return self.yield_free(who, fails, |reader| &mut reader.replayed);
        }
        if tell_missed && reader.gap > 0 {
            let missed = std::mem::take(&mut reader.gap);
            return Ok(Poll::Ready(Some(Item::Missed(missed))));
        }
        if self.is_gated(who) {
            let reader = &mut self.readers[who];
            reader.parked = reader.unread.front().map(|&event| For::Settled(event));
            return Ok(Poll::Pending);
        }
        let reader = &mut self.readers[who];
        if !reader.unread.is_empty() && ends_at_panic {
            self.end_at_panic(who);
            return self.next_or_panic(who, tell_missed, false);
        }
        let reader = &mut self.readers[who];
        if !reader.unread.is_empty() {
            self.clones += usize::from(reader.reads_key_log());
            if reader.state != State::Attached {
                reader.gap = 0;
                return self.yield_free(who, fails, |reader| &mut reader.unread);
            }
            reader.gap = 0;
            reader.unyielded = reader.unread.pop_front();
            self.take_room(who);
            return self.yield_taken(who, fails);
        }
        let end = match reader.state {
            State::Attached if is_complete => End::Closed,
            State::Attached => {
                reader.parked = Some(For::More);
                return Ok(Poll::Pending);
            }
            State::Disconnected(cause) => End::Disconnected(cause),
            State::Ended(_) | State::Gone => unreachable!("it has ended before"),
        };
        reader.state = State::Ended(end);
        self.serve();
        Ok(Poll::Ready(None))
    }

    /// The clone of the next event has panicked, which disconnects the subscriber.
    fn end_at_panic(&mut self, who: Who) {
        self.clones += 1;
        let reader = &mut self.readers[who];
        reader.gap = 0;
        let event = reader.unread.pop_front().expect("an event waits");
        if reader.state == State::Attached {
            self.take_room(who);
            self.detach(who, DisconnectCause::Panicked);
            self.serve();
            let cause = Cause::Disconnected(DisconnectCause::Panicked);
            self.give_up(who, event, &cause);
        }
    }

    /// Notes that the reader has taken an event: its blocking time restarts, and publishers may have
    /// room.
    fn take_room(&mut self, who: Who) {
        let reader = &mut self.readers[who];
        reader.waited = None;
        if reader.blocks {
            // A filtered reader may have no room yet for the same publisher.
            reader.blocks = reader.sees.wants.is_some();
            self.unblock_with_room();
            self.serve();
        }
    }

    /// Yields the event that left its window earlier.
    fn yield_taken(&mut self, who: Who, fails: bool) -> Result<Poll<Option<Item>>, ClonePanics> {
        self.clones += usize::from(self.readers[who].sees.wants.is_none());
        if fails {
            return Err(ClonePanics);
        }
        let reader = &mut self.readers[who];
        let event = reader.unyielded.take().expect("an event waits");
        match &mut reader.out {
            Some(out) if reader.sees.observer => out.free.push(event),
            Some(out) => out.open.push(event),
            None => reader.in_flight = Some(event),
        }
        reader.last = event as u64 + 1;
        self.events[event].received.answer(who);
        Ok(Poll::Ready(Some(self.item(who, event))))
    }

    /// Yields an event without an acknowledgement owed.
    fn yield_free(
        &mut self,
        who: Who,
        fails: bool,
        from: impl FnOnce(&mut Reader) -> &mut VecDeque<Event>,
    ) -> Result<Poll<Option<Item>>, ClonePanics> {
        self.clones += usize::from(self.readers[who].sees.wants.is_none());
        if fails {
            return Err(ClonePanics);
        }
        let reader = &mut self.readers[who];
        let event = from(reader).pop_front().expect("an event waits");
        reader.last = event as u64 + 1;
        if let Some(out) = &mut reader.out {
            out.free.push(event);
        } else {
            reader.free_in_flight = Some(event);
        }
        Ok(Poll::Ready(Some(self.item(who, event))))
    }

    /// Whether the next event is stored, but behind the reader's gate.
    pub(crate) fn is_gated(&self, who: Who) -> bool {
        let reader = &self.readers[who];
        let next = reader.unread.front().filter(|_| reader.replayed.is_empty());
        reader.state == State::Attached && next.is_some_and(|&event| !self.may_see(who, event))
    }

    pub(crate) fn may_see(&self, who: Who, event: Event) -> bool {
        let owes = |other| {
            let before = &self.events[..=event];
            before
                .iter()
                .any(|event| event.finished.owing.contains(&other))
        };
        !self.readers[who].sees.after.is_some_and(owes)
    }

    /// The event as the reader `who` receives it.
    fn item(&self, who: Who, event: Event) -> Item {
        let payload = self.events[event].payload;
        match self.readers[who].out {
            Some(_) => Item::Delivery {
                seq: event as u64 + 1,
                payload,
            },
            None => Item::Event(payload),
        }
    }

    pub(crate) fn disconnect(&mut self, who: Who) -> bool {
        self.abort_handler(who);
        let counted = self.detach(who, DisconnectCause::Requested);
        if counted {
            self.serve();
        }
        counted
    }

    pub(crate) fn stop_now(&mut self) {
        self.close();
        for who in self.attached() {
            self.disconnect(who);
        }
    }

    pub(super) fn detach(&mut self, who: Who, cause: DisconnectCause) -> bool {
        let counted = self.readers[who].state == State::Attached;
        if counted {
            self.readers[who].state = State::Disconnected(cause);
            for event in self.readers[who].unread.clone() {
                self.give_up(who, event, &Cause::Disconnected(cause));
            }
            self.readers[who].blocks = false;
        }
        counted
    }

    pub(crate) fn leave(&mut self, who: Who) {
        let reader = &mut self.readers[who];
        let received = [reader.in_flight.take(), reader.unyielded.take()];
        let unread = std::mem::take(&mut reader.unread);
        for event in received.into_iter().flatten().chain(unread) {
            self.give_up(who, event, &Cause::Left);
        }
        let reader = &mut self.readers[who];
        let has_ended = matches!(reader.state, State::Ended(_));
        reader.state = State::Gone;
        reader.parked = None;
        reader.woken = false;
        reader.blocks = false;
        if !has_ended {
            self.serve();
        }
    }
}
