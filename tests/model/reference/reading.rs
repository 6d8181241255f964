//! What each reader is given, and when.

use std::collections::VecDeque;
use std::task::Poll;

use genevent::{DisconnectCause, Overflow};

use super::{End, Event, For, Item, Out, Reader, Reference, Sees, State, Who};

impl Reference {
    pub(crate) fn subscribe(
        &mut self,
        overflow: Overflow,
        window: usize,
        replay: usize,
        sees: Sees,
    ) -> Who {
        let replayed = if self.closed {
            0
        } else {
            replay.min(self.retain).min(self.events.len())
        };
        self.readers.push(Reader {
            overflow,
            sees,
            window,
            replayed: (self.events.len() - replayed..self.events.len()).collect(),
            unread: VecDeque::new(),
            in_hand: None,
            out: None,
            waited: None,
            passed: false,
            missed: 0,
            gap: 0,
            state: if self.closed {
                State::Ended(End::Closed)
            } else {
                State::Attached
            },
            parked: None,
            woken: false,
        });
        self.readers.len() - 1
    }

    pub(crate) fn ack(&mut self, who: Who) {
        if let Some(event) = self.readers[who].in_hand.take() {
            self.events[event].finished.answer(who);
        }
    }

    /// Makes it a stream of deliveries.
    pub(crate) fn deliver(&mut self, who: Who, max: usize) {
        self.ack(who);
        let open = Vec::new();
        self.readers[who].out = Some(Out { max, open });
    }

    /// A delivery has been answered for. One that was not owed any more changes nothing.
    pub(crate) fn settle(&mut self, who: Who, seq: u64, acked: bool) {
        let out = self.readers[who].out.as_mut().expect("it has deliveries");
        let known = out.open.iter().position(|&event| event as u64 + 1 == seq);
        let Some(index) = known else { return };
        let event = out.open.remove(index);
        if acked {
            self.events[event].finished.answer(who);
        } else {
            self.events[event].finished.give_up(who, self.step);
        }
    }

    pub(crate) fn next(&mut self, who: Who, tell_missed: bool) -> Poll<Option<Item>> {
        self.ack(who);
        let is_complete = self.is_complete();
        let reader = &mut self.readers[who];
        reader.parked = None;
        reader.woken = false;
        if reader.out.as_ref().is_some_and(Out::is_full) {
            reader.parked = Some(For::RoomOut);
            return Poll::Pending;
        }
        if let Some(event) = reader.replayed.pop_front() {
            return Poll::Ready(Some(self.item(who, event)));
        }
        if tell_missed && reader.gap > 0 {
            return Poll::Ready(Some(Item::Missed(std::mem::take(&mut reader.gap))));
        }
        if self.is_held_back(who) {
            let reader = &mut self.readers[who];
            reader.parked = reader.unread.front().map(|&event| For::Settled(event));
            return Poll::Pending;
        }
        let reader = &mut self.readers[who];
        if let Some(event) = reader.unread.pop_front() {
            reader.gap = 0;
            reader.waited = None;
            if reader.state == State::Attached {
                self.events[event].received.answer(who);
                match &mut reader.out {
                    Some(out) => out.open.push(event),
                    None => reader.in_hand = Some(event),
                }
            }
            return Poll::Ready(Some(self.item(who, event)));
        }
        match reader.state {
            State::Attached if is_complete => reader.state = State::Ended(End::Closed),
            State::Attached => {
                reader.parked = Some(For::More);
                return Poll::Pending;
            }
            State::Disconnected(cause) => reader.state = State::Ended(End::Disconnected(cause)),
            State::Ended(_) | State::Gone => {}
        }
        Poll::Ready(None)
    }

    /// Its next event is there, and it may not see that yet.
    pub(crate) fn is_held_back(&self, who: Who) -> bool {
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

    /// As `who` is given it.
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

    pub(crate) fn disconnect(&mut self, who: Who, cause: DisconnectCause) -> bool {
        let counted = self.readers[who].state == State::Attached;
        if counted {
            self.readers[who].state = State::Disconnected(cause);
            for event in self.readers[who].unread.clone() {
                self.give_up(who, event);
            }
        }
        counted
    }

    pub(crate) fn leave(&mut self, who: Who, panicking: bool) {
        match self.readers[who].in_hand {
            Some(event) if panicking => self.give_up(who, event),
            _ => self.ack(who),
        }
        for event in std::mem::take(&mut self.readers[who].unread) {
            self.give_up(who, event);
        }
        self.readers[who].state = State::Gone;
        self.readers[who].parked = None;
        self.readers[who].woken = false;
    }
}
