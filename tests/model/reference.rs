//! What the crate should do, said as plainly as possible.
//!
//! Nothing here is fast and nothing is forgotten: every event, reader and call there ever was is
//! kept in a list, and each question is answered by going through the lists.

use std::collections::VecDeque;
use std::task::Poll;
use std::time::Duration;

use genevent::{DisconnectCause, Overflow};

/// An event: its index among all events, which is its number less one.
type Event = usize;
/// A subscriber: its index among all subscribers.
pub(crate) type Who = usize;
/// A call of a function that waits: its index among all calls.
pub(crate) type CallId = usize;

/// Milliseconds since the beginning.
pub(crate) type Time = u64;

#[derive(Default)]
pub(crate) struct Reference {
    pub(crate) capacity: usize,
    /// How many events are kept for those who come late.
    retain: usize,
    pub(crate) now: Time,
    pub(crate) closed: bool,
    /// How many permits are out.
    pub(crate) reserved: usize,
    events: Vec<Stored>,
    pub(crate) readers: Vec<Reader>,
    pub(crate) calls: Vec<Call>,
    pub(crate) sinks: Vec<Sink>,
    /// The publishers that wait for room, first come first.
    line: Vec<CallId>,
    /// Counts the operations. What is dropped in the same one is dropped in no special order.
    step: usize,
}

struct Stored {
    payload: u64,
    audience: usize,
    received: Answers,
    finished: Answers,
}

struct Answers {
    owing: Vec<Who>,
    /// Who will never answer, and since when.
    dropped: Vec<(usize, Who)>,
}

impl Answers {
    fn new(owing: &[Who]) -> Self {
        Self {
            owing: owing.to_vec(),
            dropped: Vec::new(),
        }
    }

    fn answer(&mut self, who: Who) {
        self.owing.retain(|&owes| owes != who);
    }

    fn give_up(&mut self, who: Who, step: usize) {
        if self.owing.contains(&who) {
            self.answer(who);
            self.dropped.push((step, who));
        }
    }
}

pub(crate) struct Reader {
    pub(crate) overflow: Overflow,
    pub(crate) sees: Sees,
    pub(crate) window: usize,
    /// Replayed, and not read yet.
    pub(crate) replayed: VecDeque<Event>,
    pub(crate) unread: VecDeque<Event>,
    pub(crate) in_hand: Option<Event>,
    /// If it is a stream of deliveries.
    pub(crate) out: Option<Out>,
    /// Since when it has made publishers wait.
    holding: Option<Time>,
    pub(crate) missed: u64,
    /// Missed since the last event that was yielded, and not told.
    gap: u64,
    pub(crate) state: State,
    /// What its last poll was pending for.
    parked: Option<For>,
    pub(crate) woken: bool,
}

/// What of it all a reader sees.
#[derive(Default, Clone, Copy)]
pub(crate) struct Sees {
    /// Only the payloads that this divides, and nothing else touches it.
    pub(crate) wants: Option<u64>,
    /// What this one has settled, with all before.
    pub(crate) after: Option<Who>,
}

/// Deliveries that are out.
pub(crate) struct Out {
    pub(crate) max: usize,
    pub(crate) open: Vec<Event>,
}

impl Out {
    pub(crate) fn is_full(&self) -> bool {
        self.open.len() >= self.max
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum For {
    /// The next event, or the end.
    More,
    /// That the one before it has settled this event, and all before.
    Settled(Event),
    /// Fewer deliveries out.
    RoomOut,
}

impl Reader {
    /// How many events it has yet to read.
    pub(crate) fn pending(&self) -> usize {
        self.replayed.len() + self.unread.len()
    }

    pub(crate) fn unacked(&self) -> usize {
        match &self.out {
            Some(out) => out.open.len(),
            None => usize::from(self.in_hand.is_some()),
        }
    }

    /// How long publishers wait for it; `None` without end.
    fn patience(&self) -> Option<Time> {
        match self.overflow {
            Overflow::WaitAtMost(patience) => Some(millis(patience)),
            _ => None,
        }
    }
}

fn millis(duration: Duration) -> Time {
    duration.as_millis().try_into().expect("it is short")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Attached,
    /// It no longer counts, and has its unread events still to yield.
    Disconnected(DisconnectCause),
    /// It has yielded `None`.
    Ended(End),
    /// It has been dropped.
    Gone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Closed,
    Disconnected(DisconnectCause),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Item {
    Event(u64),
    Missed(u64),
    Delivery { seq: u64, payload: u64 },
}

#[derive(Debug)]
pub(crate) struct Call {
    question: Question,
    progress: Progress,
    /// When it gives up.
    deadline: Option<Time>,
    /// At the head of the line: when it will look again by itself.
    alarm: Option<Time>,
    /// At the head of the line: whose filters it has asked.
    asked: Vec<Who>,
    pub(crate) polled_at: Time,
    pub(crate) woken: bool,
}

/// A sink, ready or not.
pub(crate) struct Sink {
    /// It waits for acknowledgements.
    sync: bool,
    /// Its place in the line.
    pub(crate) ready: Option<CallId>,
    pub(crate) has_permit: bool,
    sent: Vec<Event>,
    /// The event whose acknowledgements it waits for.
    flushing: Option<Event>,
    pub(crate) flush_woken: bool,
}

/// What a publisher waits for.
#[derive(Debug, Clone, Copy)]
enum Wish {
    Event(u64),
    Permit,
}

/// Whether one more event may be stored, or permit given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Room {
    Free,
    /// All in the way have been so for longer than they may.
    Overdue,
    Full,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Question {
    Notify(u64),
    AckNotify(u64),
    SyncNotify(u64),
    Reserve,
    Flush,
    Stop,
    Closed,
    WaitForSubscribers(usize),
}

#[derive(Debug)]
enum Progress {
    /// Not polled yet.
    Lazy,
    InLine,
    /// Waits for the answers to its event.
    Stored(Event),
    /// Waits for the answers to all events that were stored when it began.
    Settling(usize),
    /// Waits until nothing more can be stored.
    Completing,
    /// Waits for something to happen to the manager.
    Watching,
    /// Ready, or dropped.
    Over,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// To `notify`.
    Stored(usize),
    /// To `reserve`, with a permit.
    Reserved,
    /// To `reserve`, without.
    NothingReserved,
    /// To any publisher: the event comes back.
    Closed(u64),
    /// To a publisher with a deadline: the event comes back.
    NotStored { payload: u64, pending: Vec<Who> },
    /// Too late for these; with the receipt so far, if there will be one.
    Unanswered {
        receipt: Option<Box<Answer>>,
        pending: Vec<Who>,
    },
    Receipt {
        seq: u64,
        acked: usize,
        dropped: Vec<(usize, Who)>,
    },
    /// To `flush`, `stop` and `closed`.
    Done,
    /// To `wait_for_subscribers`.
    Here(usize),
}

impl Call {
    /// It has been answered, or dropped.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.progress, Progress::Over)
    }
}

impl Reference {
    pub(crate) fn new(capacity: usize, retain: usize) -> Self {
        Self {
            capacity,
            retain,
            ..Self::default()
        }
    }

    // ---- Publishing -------------------------------------------------------------------------

    pub(crate) fn attached(&self) -> Vec<Who> {
        let all = 0..self.readers.len();
        all.filter(|&who| self.readers[who].state == State::Attached)
            .collect()
    }

    fn filtered(&self) -> Vec<Who> {
        let mut attached = self.attached();
        attached.retain(|&who| self.readers[who].sees.wants.is_some());
        attached
    }

    /// Those that may be waited for, and have no room: what they have not read, and the permits
    /// that are out, fill their windows.
    fn full(&self) -> Vec<Who> {
        let mut attached = self.attached();
        attached.retain(|&who| {
            let reader = &self.readers[who];
            let makes_wait = matches!(reader.overflow, Overflow::Wait | Overflow::WaitAtMost(_));
            makes_wait && reader.unread.len() + self.reserved >= reader.window
        });
        attached
    }

    /// Those that make this publisher wait, which has asked the filters of some.
    fn in_the_way_of(&self, wish: Wish, asked: &[Who]) -> Vec<Who> {
        let mut full = self.full();
        full.retain(|who| match (self.readers[*who].sees.wants, wish) {
            (None, _) => true,
            (Some(_), Wish::Permit) => asked.contains(who),
            (Some(wants), Wish::Event(payload)) => asked.contains(who) && payload % wants == 0,
        });
        full
    }

    /// Those that make the head of the line wait; or would, if they want everything.
    fn in_the_way(&self) -> Vec<Who> {
        match self.line.first() {
            Some(&head) => self.in_the_way_of(self.wish(head), &self.calls[head].asked),
            None => self.in_the_way_of(Wish::Permit, &[]),
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

    /// For whoever is at the head of the line.
    fn room_for(&self, id: CallId) -> Room {
        let is_permit = matches!(self.calls[id].question, Question::Reserve);
        if is_permit && self.reserved == self.capacity {
            Room::Full
        } else {
            self.room_beside(&self.in_the_way())
        }
    }

    fn room_beside(&self, in_the_way: &[Who]) -> Room {
        if in_the_way.is_empty() {
            Room::Free
        } else if self
            .end_of_patience(in_the_way)
            .is_some_and(|end| end <= self.now)
        {
            Room::Overdue
        } else {
            Room::Full
        }
    }

    /// When all in the way will have had their time, if that will ever help.
    fn end_of_patience(&self, in_the_way: &[Who]) -> Option<Time> {
        let ends = in_the_way.iter().map(|&who| {
            let reader = &self.readers[who];
            Some(reader.holding? + reader.patience()?)
        });
        let last = ends.collect::<Option<Vec<_>>>()?.into_iter().max();
        last.filter(|_| self.reserved < self.capacity)
    }

    /// The time of those in the way begins when somebody waits for what they have not read, and
    /// ends when they have room.
    fn keep_time(&mut self) {
        let full = self.full();
        let in_the_way = self.in_the_way();
        for (who, reader) in self.readers.iter_mut().enumerate() {
            if !full.contains(&who) {
                reader.holding = None;
            } else if in_the_way.contains(&who)
                && !self.line.is_empty()
                && !reader.unread.is_empty()
            {
                reader.holding.get_or_insert(self.now);
            }
        }
    }

    /// Before something is stored or reserved by a publisher that waits its turn.
    fn clear_the_way(&mut self, in_the_way: Vec<Who>) {
        for who in in_the_way {
            self.disconnect(who, DisconnectCause::Overdue);
        }
    }

    /// `Some` if the event was stored.
    pub(crate) fn try_notify(&mut self, payload: u64) -> Option<usize> {
        let in_the_way = self.in_the_way_of(Wish::Event(payload), &self.filtered());
        let has_room = self.room_beside(&in_the_way) != Room::Full;
        let stores = !self.closed && self.line.is_empty() && has_room;
        stores.then(|| {
            self.clear_the_way(in_the_way);
            self.store(payload)
        })
    }

    pub(crate) fn use_permit(&mut self, payload: u64) -> usize {
        self.reserved -= 1;
        self.store(payload)
    }

    /// Those whom an event concerns.
    fn concerned(&self, payload: u64) -> Vec<Who> {
        let mut attached = self.attached();
        attached.retain(|&who| {
            let wants = self.readers[who].sees.wants;
            wants.is_none_or(|wants| payload % wants == 0)
        });
        attached
    }

    fn store(&mut self, payload: u64) -> usize {
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

    fn give_up(&mut self, who: Who, event: Event) {
        self.events[event].received.give_up(who, self.step);
        self.events[event].finished.give_up(who, self.step);
    }

    /// No more events will come.
    pub(crate) fn is_complete(&self) -> bool {
        self.closed && self.reserved == 0
    }

    pub(crate) fn published(&self) -> usize {
        self.events.len()
    }

    /// How many publishers stand in line.
    pub(crate) fn waiting(&self) -> usize {
        self.line.len()
    }

    /// For how long publishers have waited for it.
    pub(crate) fn holding(&self, who: Who) -> Option<Duration> {
        let since = self.readers[who].holding.filter(|_| self.waiting() > 0)?;
        Some(Duration::from_millis(self.now - since))
    }

    /// Those that do not count, and have yet to settle what they received.
    pub(crate) fn leaving(&self) -> Vec<Who> {
        let owes = |reader: &Reader| match reader.state {
            State::Attached => false,
            State::Gone => reader.out.as_ref().is_some_and(|out| !out.open.is_empty()),
            _ => reader.unacked() > 0,
        };
        let all = 0..self.readers.len();
        all.filter(|&who| owes(&self.readers[who])).collect()
    }

    fn is_settled(&self, event: Event) -> bool {
        self.events[event].finished.owing.is_empty()
    }

    // ---- Reading ----------------------------------------------------------------------------

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
            holding: None,
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
            reader.holding = None;
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

    fn may_see(&self, who: Who, event: Event) -> bool {
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

    // ---- Waiting ----------------------------------------------------------------------------

    /// `within`: how long it may take.
    pub(crate) fn call(&mut self, question: Question, within: Option<Time>) -> CallId {
        self.calls.push(Call {
            question,
            progress: Progress::Lazy,
            deadline: within.map(|time| self.now + time),
            alarm: None,
            asked: Vec::new(),
            polled_at: self.now,
            woken: false,
        });
        self.calls.len() - 1
    }

    pub(crate) fn poll(&mut self, id: CallId) -> Poll<Answer> {
        self.calls[id].woken = false;
        self.calls[id].polled_at = self.now;
        let mut answer = match self.calls[id].question {
            Question::Notify(payload)
            | Question::AckNotify(payload)
            | Question::SyncNotify(payload) => self.poll_publisher(id, payload),
            Question::Reserve => self.poll_reserve(id),
            Question::Flush => self.poll_settled(id),
            Question::Stop => self.poll_stop(id),
            Question::Closed if self.closed => Poll::Ready(Answer::Done),
            Question::WaitForSubscribers(n) if self.closed || self.attached().len() >= n => {
                Poll::Ready(Answer::Here(self.attached().len()))
            }
            Question::Closed | Question::WaitForSubscribers(_) => {
                self.calls[id].progress = Progress::Watching;
                Poll::Pending
            }
        };
        if answer.is_pending() && self.is_late(id) {
            answer = Poll::Ready(self.give_up_waiting(id));
        }
        if answer.is_ready() {
            self.cancel(id);
        }
        answer
    }

    fn is_late(&self, id: CallId) -> bool {
        let deadline = self.calls[id].deadline;
        deadline.is_some_and(|deadline| deadline <= self.now)
    }

    /// In line, or out of it with leave to store or reserve; `false` if it is closed.
    fn poll_turn(&mut self, id: CallId) -> Poll<bool> {
        if matches!(self.calls[id].progress, Progress::Lazy) {
            self.calls[id].progress = Progress::InLine;
            self.line.push(id);
        }
        if self.closed {
            return Poll::Ready(false);
        }
        let is_head = self.line[0] == id;
        if is_head {
            self.calls[id].asked = self.filtered();
        }
        self.keep_time();
        let in_the_way = self.in_the_way();
        if is_head && self.room_for(id) != Room::Full {
            self.line.remove(0);
            self.clear_the_way(in_the_way);
            return Poll::Ready(true);
        }
        self.calls[id].alarm = self.end_of_patience(&in_the_way).filter(|_| is_head);
        Poll::Pending
    }

    fn poll_reserve(&mut self, id: CallId) -> Poll<Answer> {
        self.poll_turn(id).map(|reserves| {
            if reserves {
                self.reserved += 1;
                Answer::Reserved
            } else {
                Answer::NothingReserved
            }
        })
    }

    fn poll_publisher(&mut self, id: CallId, payload: u64) -> Poll<Answer> {
        if !matches!(self.calls[id].progress, Progress::Stored(_)) {
            match self.poll_turn(id) {
                Poll::Ready(true) => {}
                Poll::Ready(false) => return Poll::Ready(Answer::Closed(payload)),
                Poll::Pending => return Poll::Pending,
            }
            self.calls[id].progress = Progress::Stored(self.events.len());
            self.store(payload);
        }
        let Progress::Stored(event) = self.calls[id].progress else {
            unreachable!("it has just been stored");
        };
        if let Question::Notify(_) = self.calls[id].question {
            return Poll::Ready(Answer::Stored(self.events[event].audience));
        }
        if self.is_due(id) {
            Poll::Ready(self.receipt(id, event))
        } else {
            Poll::Pending
        }
    }

    /// The answers that a publisher waits for.
    fn answers(&self, id: CallId, event: Event) -> &Answers {
        match self.calls[id].question {
            Question::AckNotify(_) => &self.events[event].received,
            _ => &self.events[event].finished,
        }
    }

    /// The receipt as far as it is known.
    fn receipt(&self, id: CallId, event: Event) -> Answer {
        let answers = self.answers(id, event);
        let mut dropped = answers.dropped.clone();
        dropped.sort_unstable();
        Answer::Receipt {
            seq: event as u64 + 1,
            acked: self.events[event].audience - answers.owing.len() - dropped.len(),
            dropped,
        }
    }

    fn poll_settled(&mut self, id: CallId) -> Poll<Answer> {
        if !matches!(self.calls[id].progress, Progress::Settling(_)) {
            self.calls[id].progress = Progress::Settling(self.events.len());
        }
        if self.is_due(id) {
            Poll::Ready(Answer::Done)
        } else {
            Poll::Pending
        }
    }

    fn poll_stop(&mut self, id: CallId) -> Poll<Answer> {
        if matches!(self.calls[id].progress, Progress::Lazy) {
            self.closed = true;
            self.calls[id].progress = Progress::Completing;
        }
        if self.is_complete() {
            self.poll_settled(id)
        } else {
            Poll::Pending
        }
    }

    /// What a call says when its time is up.
    fn give_up_waiting(&self, id: CallId) -> Answer {
        let owing = |events: &[Stored]| {
            let owing = events.iter().flat_map(|event| &event.finished.owing);
            let mut pending: Vec<Who> = owing.copied().collect();
            pending.sort_unstable();
            pending.dedup();
            pending
        };
        match (&self.calls[id].progress, self.calls[id].question) {
            (Progress::InLine, Question::AckNotify(payload) | Question::SyncNotify(payload)) => {
                Answer::NotStored {
                    payload,
                    pending: self.in_the_way(),
                }
            }
            (&Progress::Stored(event), _) => Answer::Unanswered {
                receipt: Some(Box::new(self.receipt(id, event))),
                pending: self.answers(id, event).owing.clone(),
            },
            (&Progress::Settling(events), _) => Answer::Unanswered {
                receipt: None,
                pending: owing(&self.events[..events]),
            },
            (Progress::Completing, _) => Answer::Unanswered {
                receipt: None,
                pending: owing(&self.events),
            },
            (progress, question) => unreachable!("{question:?} is late, and {progress:?}"),
        }
    }

    /// Is what the call waits for there?
    fn is_due(&self, id: CallId) -> bool {
        let call = &self.calls[id];
        match call.progress {
            Progress::Lazy | Progress::Over => false,
            Progress::InLine => {
                let is_head = self.line[0] == id;
                self.closed || (is_head && self.room_for(id) != Room::Full)
            }
            Progress::Stored(event) => self.answers(id, event).owing.is_empty(),
            Progress::Settling(events) => (0..events).all(|event| self.is_settled(event)),
            Progress::Completing => self.is_complete(),
            Progress::Watching => {
                let here = self.attached().len();
                self.closed || matches!(call.question, Question::WaitForSubscribers(n) if here >= n)
            }
        }
    }

    /// Must it be polled?
    fn must_look(&self, id: CallId) -> bool {
        let call = &self.calls[id];
        let must_set_alarm = matches!(call.progress, Progress::InLine)
            && self.line[0] == id
            && self
                .end_of_patience(&self.in_the_way())
                .is_some_and(|end| call.alarm != Some(end));
        let is_waiting = !matches!(call.progress, Progress::Lazy | Progress::Over);
        self.is_due(id) || must_set_alarm || (is_waiting && self.is_late(id))
    }

    pub(crate) fn cancel(&mut self, id: CallId) {
        self.line.retain(|&waiting| waiting != id);
        self.calls[id].progress = Progress::Over;
        self.calls[id].woken = false;
    }

    // ---- Sinks ------------------------------------------------------------------------------

    pub(crate) fn sink(&mut self, sync: bool) -> usize {
        self.sinks.push(Sink {
            sync,
            ready: None,
            has_permit: false,
            sent: Vec::new(),
            flushing: None,
            flush_woken: false,
        });
        self.sinks.len() - 1
    }

    /// Whether it is ready; `false` if it is closed.
    pub(crate) fn poll_ready(&mut self, sink: usize) -> Poll<bool> {
        if self.sinks[sink].has_permit {
            return Poll::Ready(true);
        }
        let id = match self.sinks[sink].ready {
            Some(id) => id,
            None => self.call(Question::Reserve, None),
        };
        self.sinks[sink].ready = Some(id);
        self.poll(id).map(|answer| {
            self.sinks[sink].ready = None;
            self.sinks[sink].has_permit = answer == Answer::Reserved;
            self.sinks[sink].has_permit
        })
    }

    pub(crate) fn send(&mut self, sink: usize, payload: u64) {
        self.sinks[sink].has_permit = false;
        if self.sinks[sink].sync {
            self.sinks[sink].sent.push(self.events.len());
        }
        self.use_permit(payload);
    }

    pub(crate) fn poll_flush(&mut self, sink: usize) -> Poll<()> {
        let mut sent = self.sinks[sink].sent.iter().copied();
        let flushing = sent.find(|&event| !self.is_settled(event));
        self.sinks[sink].flushing = flushing;
        self.sinks[sink].flush_woken = false;
        match flushing {
            Some(_) => Poll::Pending,
            None => Poll::Ready(()),
        }
    }

    /// It needs no room any more.
    pub(crate) fn let_go(&mut self, sink: usize) {
        if std::mem::take(&mut self.sinks[sink].has_permit) {
            self.reserved -= 1;
        }
        if let Some(id) = self.sinks[sink].ready.take() {
            self.cancel(id);
        }
    }

    pub(crate) fn drop_sink(&mut self, sink: usize) {
        self.let_go(sink);
        self.sinks[sink].flushing = None;
        self.sinks[sink].flush_woken = false;
    }

    // ---- Time -------------------------------------------------------------------------------

    /// At the end of every operation: who must have been woken by now? Nobody else may be.
    pub(crate) fn end_step(&mut self) {
        self.step += 1;
        self.keep_time();
        for id in 0..self.calls.len() {
            self.calls[id].woken |= self.must_look(id);
        }
        for sink in 0..self.sinks.len() {
            let flushing = self.sinks[sink].flushing;
            let is_flushed = flushing.is_some_and(|event| self.is_settled(event));
            self.sinks[sink].flush_woken |= is_flushed;
        }
        let is_complete = self.is_complete();
        for who in 0..self.readers.len() {
            let may_see = |event| self.may_see(who, event);
            let sees =
                matches!(self.readers[who].parked, Some(For::Settled(event)) if may_see(event));
            let reader = &mut self.readers[who];
            reader.woken |= match reader.parked {
                None => false,
                Some(For::RoomOut) => !reader.out.as_ref().is_some_and(Out::is_full),
                Some(For::Settled(_)) => sees || reader.state != State::Attached,
                Some(For::More) => {
                    !reader.unread.is_empty() || is_complete || reader.state != State::Attached
                }
            };
        }
    }
}
