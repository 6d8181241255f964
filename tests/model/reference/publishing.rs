//! Room for events and permits, and the subscribers that block publishers.

use std::time::Duration;

use genevent::{DisconnectCause, Overflow};

use super::{
    Answers, CallId, Event, Question, Reader, Reference, Room, State, Stored, Time, Who, Wish,
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

    /// The lossless subscribers without room: their unread events and the reserved permits fill
    /// their windows.
    fn full(&self) -> Vec<Who> {
        let mut attached = self.attached();
        attached.retain(|&who| {
            let reader = &self.readers[who];
            let makes_wait = matches!(reader.overflow, Overflow::Wait | Overflow::WaitAtMost(_));
            makes_wait && reader.unread.len() + self.reserved >= reader.window
        });
        attached
    }

    /// The subscribers that block this publisher, which has evaluated the filters of `asked`.
    fn blocking_for(&self, wish: Wish, asked: &[Who]) -> Vec<Who> {
        let mut full = self.full();
        full.retain(|who| match (self.readers[*who].sees.wants, wish) {
            (None, _) => true,
            (Some(_), Wish::Permit) => asked.contains(who),
            (Some(wants), Wish::Event(payload)) => asked.contains(who) && payload % wants == 0,
        });
        full
    }

    /// The subscribers that block the front of the queue; filters count as if they wanted its
    /// event.
    pub(crate) fn blocking(&self) -> Vec<Who> {
        match self.line.first() {
            Some(&front) => self.blocking_for(self.wish(front), &self.calls[front].asked),
            None => self.blocking_for(Wish::Permit, &[]),
        }
    }

    fn wish(&self, id: CallId) -> Wish {
        match self.calls[id].question {
            Question::Notify(payload)
            | Question::AckNotify(payload)
            | Question::SyncNotify(payload) => Wish::Event(payload),
            _ => Wish::Permit,
        }
    }

    /// The room for the publisher at the front of the queue.
    pub(crate) fn room_for(&self, id: CallId) -> Room {
        let is_permit = matches!(self.calls[id].question, Question::Reserve);
        if is_permit && self.reserved == self.capacity {
            Room::Full
        } else {
            self.room_beside(&self.blocking())
        }
    }

    fn room_beside(&self, blocking: &[Who]) -> Room {
        if blocking.is_empty() {
            Room::Free
        } else if self
            .end_of_limits(blocking)
            .is_some_and(|end| end <= self.now)
        {
            Room::Overdue
        } else {
            Room::Full
        }
    }

    /// When all blocking subscribers will be overdue, if that will ever help.
    pub(crate) fn end_of_limits(&self, blocking: &[Who]) -> Option<Time> {
        let ends = blocking.iter().map(|&who| {
            let reader = &self.readers[who];
            Some(self.now + reader.patience()? - reader.waited?)
        });
        let last = ends.collect::<Option<Vec<_>>>()?.into_iter().max();
        last.filter(|_| self.reserved < self.capacity)
    }

    /// The subscribers whose unread events a publisher waits for at this moment.
    fn waited_for(&self) -> Vec<Who> {
        if self.line.is_empty() {
            return Vec::new();
        }
        let mut waited_for = self.blocking();
        waited_for.retain(|&who| !self.readers[who].unread.is_empty());
        waited_for
    }

    /// The time of blocking subscribers begins when a publisher waits for their unread events, and
    /// ends when they have room.
    pub(crate) fn keep_time(&mut self) {
        let full = self.full();
        for who in self.waited_for() {
            self.readers[who].waited.get_or_insert(0);
        }
        for (who, reader) in self.readers.iter_mut().enumerate() {
            if !full.contains(&who) {
                reader.waited = None;
            }
        }
    }

    /// Advances the clock: the time counts only for subscribers that a publisher waits for.
    pub(crate) fn advance(&mut self, time: Time) {
        for who in self.waited_for() {
            let waited = &mut self.readers[who].waited;
            *waited = waited.map(|waited| waited + time);
        }
        self.now += time;
    }

    /// Disconnects the overdue subscribers before a queued publisher stores.
    pub(crate) fn disconnect_overdue(&mut self, blocking: Vec<Who>) {
        for who in blocking {
            self.disconnect(who, DisconnectCause::Overdue);
        }
    }

    /// Returns `Some` if the event was stored.
    pub(crate) fn try_notify(&mut self, payload: u64) -> Option<usize> {
        let blocking = self.blocking_for(Wish::Event(payload), &self.filtered());
        let has_room = self.room_beside(&blocking) != Room::Full;
        let stores = !self.closed && self.line.is_empty() && has_room;
        stores.then(|| {
            self.disconnect_overdue(blocking);
            self.store(payload)
        })
    }

    /// Gives a permit despite blocking subscribers, which has no effect on them until the permit is
    /// used.
    pub(crate) fn give_permit(&mut self, blocking: Vec<Who>) {
        for who in blocking {
            self.readers[who].passed = true;
        }
        self.reserved += 1;
    }

    pub(crate) fn use_permit(&mut self, payload: u64) -> usize {
        for who in self.concerned(payload) {
            let reader = &self.readers[who];
            if reader.passed && reader.unread.len() >= reader.window {
                self.disconnect(who, DisconnectCause::Overdue);
            }
        }
        self.end_permit();
        self.store(payload)
    }

    pub(crate) fn end_permit(&mut self) {
        self.reserved -= 1;
        if self.reserved == 0 {
            self.readers
                .iter_mut()
                .for_each(|reader| reader.passed = false);
        }
    }

    /// The subscribers that an event concerns.
    fn concerned(&self, payload: u64) -> Vec<Who> {
        let mut attached = self.attached();
        attached.retain(|&who| {
            let wants = self.readers[who].sees.wants;
            wants.is_none_or(|wants| payload % wants == 0)
        });
        attached
    }

    pub(crate) fn store(&mut self, payload: u64) -> usize {
        for who in self.concerned(payload) {
            if self.readers[who].unread.len() < self.readers[who].window {
                continue;
            }
            match self.readers[who].overflow {
                Overflow::DropOldest => {
                    let event = self.readers[who].unread.pop_front().unwrap();
                    self.readers[who].missed += 1;
                    self.readers[who].gap += 1;
                    self.give_up(who, event);
                }
                Overflow::Disconnect => {
                    self.disconnect(who, DisconnectCause::Overflow);
                }
                _ => {} // It came while more permits were out than its window has room for.
            }
        }
        let audience = self.concerned(payload);
        for &who in &audience {
            self.readers[who].unread.push_back(self.events.len());
        }
        self.events.push(Stored {
            payload,
            audience: audience.len(),
            received: Answers::new(&audience),
            finished: Answers::new(&audience),
        });
        audience.len()
    }

    pub(crate) fn give_up(&mut self, who: Who, event: Event) {
        self.events[event].received.give_up(who, self.step);
        self.events[event].finished.give_up(who, self.step);
    }

    /// Whether no more events will come.
    pub(crate) fn is_complete(&self) -> bool {
        self.closed && self.reserved == 0
    }

    pub(crate) fn published(&self) -> usize {
        self.events.len()
    }

    /// How many publishers are queued.
    pub(crate) fn waiting(&self) -> usize {
        self.line.len()
    }

    /// Whether the front has been woken and not polled since; `None` if the timer may have woken
    /// the front.
    pub(crate) fn is_front_notified(&self) -> Option<bool> {
        let Some(&front) = self.line.first() else {
            return Some(false);
        };
        let front = &self.calls[front];
        (front.polled_at == self.now).then_some(front.woken)
    }

    /// For how long publishers have waited for the reader.
    pub(crate) fn holding(&self, who: Who) -> Option<Duration> {
        let waited = self.readers[who].waited.filter(|_| self.waiting() > 0)?;
        Some(Duration::from_millis(waited))
    }

    /// The detached subscribers that have yet to settle received events.
    pub(crate) fn leaving(&self) -> Vec<Who> {
        let owes = |reader: &Reader| match reader.state {
            State::Attached => false,
            State::Gone => reader.out.as_ref().is_some_and(|out| !out.open.is_empty()),
            _ => reader.owes(),
        };
        let all = 0..self.readers.len();
        all.filter(|&who| owes(&self.readers[who])).collect()
    }

    pub(crate) fn is_settled(&self, event: Event) -> bool {
        self.events[event].finished.owing.is_empty()
    }
}
