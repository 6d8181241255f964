//! What the crate should do, said as plainly as possible.
//!
//! Nothing here is fast and nothing is forgotten: every event, reader and call there ever was is
//! kept in a list, and each question is answered by going through the lists.

use std::collections::VecDeque;
use std::task::Poll;

use genevent::{DisconnectCause, Overflow};

/// An event: its index among all events, which is its number less one.
type Event = usize;
/// A subscriber: its index among all subscribers.
pub(crate) type Who = usize;
/// A call of a function that waits: its index among all calls.
pub(crate) type CallId = usize;

#[derive(Default)]
pub(crate) struct Reference {
    pub(crate) closed: bool,
    events: Vec<Stored>,
    pub(crate) readers: Vec<Reader>,
    pub(crate) calls: Vec<Call>,
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
    pub(crate) window: usize,
    pub(crate) unread: VecDeque<Event>,
    pub(crate) in_hand: Option<Event>,
    pub(crate) missed: u64,
    /// Missed since the last event that was yielded, and not told.
    gap: u64,
    pub(crate) state: State,
    /// Its last poll was pending.
    parked: bool,
    pub(crate) woken: bool,
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
}

#[derive(Debug)]
pub(crate) struct Call {
    question: Question,
    progress: Progress,
    pub(crate) woken: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Question {
    Notify(u64),
    AckNotify(u64),
    SyncNotify(u64),
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
    /// Waits for something to happen to the manager.
    Watching,
    /// Ready, or dropped.
    Over,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// To `notify`.
    Stored(usize),
    /// To any publisher: the event comes back.
    Closed(u64),
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
    // ---- Publishing -------------------------------------------------------------------------

    pub(crate) fn attached(&self) -> Vec<Who> {
        let all = 0..self.readers.len();
        all.filter(|&who| self.readers[who].state == State::Attached)
            .collect()
    }

    fn has_room(&self) -> bool {
        self.attached().into_iter().all(|who| {
            let reader = &self.readers[who];
            reader.overflow != Overflow::Wait || reader.unread.len() < reader.window
        })
    }

    /// `Some` if the event was stored.
    pub(crate) fn try_notify(&mut self, payload: u64) -> Option<usize> {
        let stores = !self.closed && self.line.is_empty() && self.has_room();
        stores.then(|| self.store(payload))
    }

    fn store(&mut self, payload: u64) -> usize {
        for who in self.attached() {
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
                _ => unreachable!("nothing is stored without room"),
            }
        }
        let audience = self.attached();
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

    // ---- Reading ----------------------------------------------------------------------------

    pub(crate) fn subscribe(&mut self, overflow: Overflow, window: usize) -> Who {
        self.readers.push(Reader {
            overflow,
            window,
            unread: VecDeque::new(),
            in_hand: None,
            missed: 0,
            gap: 0,
            state: if self.closed {
                State::Ended(End::Closed)
            } else {
                State::Attached
            },
            parked: false,
            woken: false,
        });
        self.readers.len() - 1
    }

    pub(crate) fn ack(&mut self, who: Who) {
        if let Some(event) = self.readers[who].in_hand.take() {
            self.events[event].finished.answer(who);
        }
    }

    pub(crate) fn next(&mut self, who: Who, tell_missed: bool) -> Poll<Option<Item>> {
        self.ack(who);
        let reader = &mut self.readers[who];
        reader.parked = false;
        reader.woken = false;
        if tell_missed && reader.gap > 0 {
            return Poll::Ready(Some(Item::Missed(std::mem::take(&mut reader.gap))));
        }
        if let Some(event) = reader.unread.pop_front() {
            reader.gap = 0;
            if reader.state == State::Attached {
                reader.in_hand = Some(event);
                self.events[event].received.answer(who);
            }
            return Poll::Ready(Some(Item::Event(self.events[event].payload)));
        }
        match reader.state {
            State::Attached if self.closed => reader.state = State::Ended(End::Closed),
            State::Attached => {
                reader.parked = true;
                return Poll::Pending;
            }
            State::Disconnected(cause) => reader.state = State::Ended(End::Disconnected(cause)),
            State::Ended(_) | State::Gone => {}
        }
        Poll::Ready(None)
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
        self.readers[who].parked = false;
        self.readers[who].woken = false;
    }

    // ---- Waiting ----------------------------------------------------------------------------

    pub(crate) fn call(&mut self, question: Question) -> CallId {
        self.calls.push(Call {
            question,
            progress: Progress::Lazy,
            woken: false,
        });
        self.calls.len() - 1
    }

    pub(crate) fn poll(&mut self, id: CallId) -> Poll<Answer> {
        self.calls[id].woken = false;
        let answer = match self.calls[id].question {
            Question::Notify(payload)
            | Question::AckNotify(payload)
            | Question::SyncNotify(payload) => self.poll_publisher(id, payload),
            Question::Flush => self.poll_settled(id),
            Question::Stop => {
                self.closed = true;
                self.poll_settled(id)
            }
            Question::Closed if self.closed => Poll::Ready(Answer::Done),
            Question::WaitForSubscribers(n) if self.closed || self.attached().len() >= n => {
                Poll::Ready(Answer::Here(self.attached().len()))
            }
            Question::Closed | Question::WaitForSubscribers(_) => {
                self.calls[id].progress = Progress::Watching;
                Poll::Pending
            }
        };
        if answer.is_ready() {
            self.cancel(id);
        }
        answer
    }

    fn poll_publisher(&mut self, id: CallId, payload: u64) -> Poll<Answer> {
        if matches!(self.calls[id].progress, Progress::Lazy) {
            self.calls[id].progress = Progress::InLine;
            self.line.push(id);
        }
        if matches!(self.calls[id].progress, Progress::InLine) {
            if self.closed {
                return Poll::Ready(Answer::Closed(payload));
            }
            if self.line[0] != id || !self.has_room() {
                return Poll::Pending;
            }
            self.line.remove(0);
            self.calls[id].progress = Progress::Stored(self.events.len());
            self.store(payload);
        }
        let Progress::Stored(event) = self.calls[id].progress else {
            unreachable!("it is lazy, in line, or stored");
        };
        let stored = &self.events[event];
        let answers = match self.calls[id].question {
            Question::AckNotify(_) => &stored.received,
            Question::SyncNotify(_) => &stored.finished,
            _ => return Poll::Ready(Answer::Stored(stored.audience)),
        };
        if answers.owing.is_empty() {
            let mut dropped = answers.dropped.clone();
            dropped.sort_unstable();
            Poll::Ready(Answer::Receipt {
                seq: event as u64 + 1,
                acked: stored.audience - dropped.len(),
                dropped,
            })
        } else {
            Poll::Pending
        }
    }

    fn poll_settled(&mut self, id: CallId) -> Poll<Answer> {
        if matches!(self.calls[id].progress, Progress::Lazy) {
            self.calls[id].progress = Progress::Settling(self.events.len());
        }
        if self.is_due(id) {
            Poll::Ready(Answer::Done)
        } else {
            Poll::Pending
        }
    }

    /// Is what the call waits for there?
    fn is_due(&self, id: CallId) -> bool {
        let call = &self.calls[id];
        match call.progress {
            Progress::Lazy | Progress::Over => false,
            Progress::InLine => self.closed || (self.line[0] == id && self.has_room()),
            Progress::Stored(event) => match call.question {
                Question::AckNotify(_) => self.events[event].received.owing.is_empty(),
                _ => self.events[event].finished.owing.is_empty(),
            },
            Progress::Settling(events) => {
                let mut events = self.events[..events].iter();
                events.all(|event| event.finished.owing.is_empty())
            }
            Progress::Watching => {
                let here = self.attached().len();
                self.closed || matches!(call.question, Question::WaitForSubscribers(n) if here >= n)
            }
        }
    }

    pub(crate) fn cancel(&mut self, id: CallId) {
        self.line.retain(|&waiting| waiting != id);
        self.calls[id].progress = Progress::Over;
        self.calls[id].woken = false;
    }

    /// At the end of every operation: who must have been woken by now? Nobody else may be.
    pub(crate) fn end_step(&mut self) {
        self.step += 1;
        for id in 0..self.calls.len() {
            self.calls[id].woken |= self.is_due(id);
        }
        for reader in &mut self.readers {
            let has_next =
                !reader.unread.is_empty() || self.closed || reader.state != State::Attached;
            reader.woken |= reader.parked && has_next;
        }
    }
}
