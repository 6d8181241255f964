//! Calls of waiting functions.

use std::task::Poll;

use super::{
    Answer, Answers, Call, CallId, Event, Progress, Question, Reader, Reference, State, Stored,
    Time, Who,
};

/// The length of a segment in a manager as small as the model's.
const SEGMENT: usize = 64;

/// Whether the call waits for the rest of the answers after this answer.
pub(crate) fn goes_on(answer: &Poll<Answer>) -> bool {
    let Poll::Ready(Answer::Unanswered { receipt, .. }) = answer else {
        return false;
    };
    receipt.is_some()
}

impl Reference {
    /// Begins a call, with the time until its deadline as `within`.
    pub(crate) fn call(&mut self, question: Question, within: Option<Time>) -> CallId {
        self.calls.push(Call {
            question,
            progress: Progress::Lazy,
            within,
            deadline: None,
            alarm: None,
            yielded_to: None,
            evaluated: 0,
            polled_at: self.now,
            woken: false,
        });
        self.calls.len() - 1
    }

    pub(crate) fn poll(&mut self, id: CallId) -> Poll<Answer> {
        self.calls[id].woken = false;
        self.calls[id].polled_at = self.now;
        if let Some(time) = self.calls[id].within {
            self.calls[id].deadline.get_or_insert(self.now + time);
        }
        let mut answer = self.answer(id);
        if answer.is_pending() && self.is_late(id) {
            // Poll again: the call may have become ready meanwhile.
            answer = self.answer(id);
        }
        if answer.is_pending() && self.is_late(id) {
            answer = Poll::Ready(self.answer_at_deadline(id));
            (self.calls[id].within, self.calls[id].deadline) = (None, None);
        }
        if answer.is_ready() && !goes_on(&answer) {
            self.calls[id].progress = Progress::Over;
        }
        answer
    }

    fn answer(&mut self, id: CallId) -> Poll<Answer> {
        match self.calls[id].question {
            Question::Notify(payload)
            | Question::AckNotify(payload)
            | Question::SyncNotify(payload) => self.poll_publisher(id, payload),
            Question::Reserve => self.poll_reserve(id),
            Question::Flush => self.poll_settled(id),
            Question::Quiet => self.poll_quiet(id),
            Question::Stop => self.poll_stop(id),
            Question::Closed if self.closed => Poll::Ready(Answer::Done),
            Question::WaitForSubscribers(n) if self.closed || self.attached().len() >= n => {
                Poll::Ready(Answer::Here(self.attached().len()))
            }
            Question::Unsubscribed if self.attached().is_empty() => Poll::Ready(Answer::Done),
            Question::Closed | Question::WaitForSubscribers(_) | Question::Unsubscribed => {
                self.calls[id].progress = Progress::Watching;
                Poll::Pending
            }
        }
    }

    fn is_late(&self, id: CallId) -> bool {
        let deadline = self.calls[id].deadline;
        deadline.is_some_and(|deadline| deadline <= self.now)
    }

    fn poll_reserve(&mut self, id: CallId) -> Poll<Answer> {
        self.poll_room(id).map(|room| match room {
            Some(room) => {
                self.give_permit(room);
                Answer::Reserved
            }
            None => Answer::NothingReserved,
        })
    }

    fn poll_publisher(&mut self, id: CallId, payload: u64) -> Poll<Answer> {
        if !matches!(self.calls[id].progress, Progress::Stored(_)) {
            let is_first = matches!(self.calls[id].progress, Progress::Lazy);
            if is_first && self.needs_no_place() {
                self.calls[id].progress = Progress::Stored(self.events.len());
                self.push(payload);
            } else {
                let room = match self.poll_room(id) {
                    Poll::Ready(Some(room)) => room,
                    Poll::Ready(None) => return Poll::Ready(Answer::Closed(payload)),
                    Poll::Pending => return Poll::Pending,
                };
                self.calls[id].progress = Progress::Stored(self.events.len());
                self.store(room, payload);
            }
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

    /// Whether a new event would be stored for no subscriber.
    pub(super) fn needs_no_place(&self) -> bool {
        self.attached().is_empty() && self.retain == 0 && !self.closed
    }

    /// The acknowledgements awaited by a publisher.
    fn answers(&self, id: CallId, event: Event) -> &Answers {
        match self.calls[id].question {
            Question::AckNotify(_) => &self.events[event].received,
            _ => &self.events[event].finished,
        }
    }

    /// The receipt so far.
    fn receipt(&self, id: CallId, event: Event) -> Answer {
        let answers = self.answers(id, event);
        let mut dropped = answers.dropped.clone();
        dropped.sort_unstable_by_key(|&(step, who, _)| (step, who));
        Answer::Receipt {
            seq: event as u64 + 1,
            acked: self.events[event].awaited - answers.owing.len() - dropped.len(),
            dropped,
        }
    }

    fn poll_settled(&mut self, id: CallId) -> Poll<Answer> {
        if !matches!(self.calls[id].progress, Progress::Settling(_)) {
            self.calls[id].progress = Progress::Settling(self.events.len());
        }
        if !self.is_due(id) {
            return Poll::Pending;
        }
        if let Progress::Settling(events) = self.calls[id].progress {
            self.flushed = Some(events);
        }
        Poll::Ready(Answer::Done)
    }

    /// Settles what is stored again and again, until there is nothing to settle and nobody is queued.
    fn poll_quiet(&mut self, id: CallId) -> Poll<Answer> {
        loop {
            if self.is_any_queued() {
                self.calls[id].progress = Progress::Watching;
                return Poll::Pending;
            }
            if !matches!(self.calls[id].progress, Progress::Settling(_)) {
                if (0..self.events.len()).all(|event| self.is_settled(event)) {
                    return Poll::Ready(Answer::Done);
                }
                self.calls[id].progress = Progress::Settling(self.events.len());
            }
            if !self.is_due(id) {
                return Poll::Pending;
            }
            self.calls[id].progress = Progress::Lazy;
        }
    }

    /// Whether a publisher is queued that may still store its event.
    fn is_any_queued(&self) -> bool {
        !self.closed && !self.queue.is_empty()
    }

    fn poll_stop(&mut self, id: CallId) -> Poll<Answer> {
        if matches!(self.calls[id].progress, Progress::Lazy) {
            self.close();
            self.calls[id].progress = Progress::Completing;
        }
        if !self.is_complete() {
            return Poll::Pending;
        }
        if !matches!(self.calls[id].progress, Progress::Idling) {
            if self.poll_settled(id).is_pending() {
                return Poll::Pending;
            }
            self.calls[id].progress = Progress::Idling;
        }
        if self.is_any_running() {
            return Poll::Pending;
        }
        Poll::Ready(Answer::Done)
    }

    /// The answer of a call at its deadline.
    fn answer_at_deadline(&mut self, id: CallId) -> Answer {
        let owing = |events: &[Stored]| {
            let owing = events.iter().flat_map(|event| &event.finished.owing);
            let mut pending: Vec<Who> = owing.copied().collect();
            pending.sort_unstable();
            pending.dedup();
            pending
        };
        match (&self.calls[id].progress, self.calls[id].question) {
            (
                Progress::Queued(_),
                Question::Notify(payload)
                | Question::AckNotify(payload)
                | Question::SyncNotify(payload),
            ) => {
                let pending = self.blocking();
                self.leave_queue(id);
                Answer::NotStored { payload, pending }
            }
            (Progress::Queued(_), Question::Reserve) => {
                let pending = self.blocking();
                self.leave_queue(id);
                Answer::NotReserved { pending }
            }
            (&Progress::Stored(event), _) => Answer::Unanswered {
                receipt: Some(Box::new(self.receipt(id, event))),
                pending: self.answers(id, event).owing.clone(),
            },
            (Progress::Idling, _) => Answer::Unanswered {
                receipt: None,
                pending: self.running(),
            },
            // `quiet` waits for all events, also for those that came later.
            (_, Question::Quiet) | (Progress::Completing, _) => Answer::Unanswered {
                receipt: None,
                pending: owing(&self.events),
            },
            (&Progress::Settling(events), _) => Answer::Unanswered {
                receipt: None,
                pending: owing(&self.events[..events]),
            },
            (progress, question) => unreachable!("{question:?} is late, and {progress:?}"),
        }
    }

    /// Whether the call can resolve.
    fn is_due(&self, id: CallId) -> bool {
        let call = &self.calls[id];
        match call.progress {
            // The steps that make room wake the queued publishers.
            Progress::Lazy | Progress::Queued(_) | Progress::Over => false,
            Progress::Stored(event) => self.answers(id, event).owing.is_empty(),
            Progress::Settling(events) => (0..events).all(|event| self.is_settled(event)),
            Progress::Completing => self.is_complete(),
            Progress::Idling => !self.is_any_running(),
            Progress::Watching => {
                let here = self.attached().len();
                match call.question {
                    Question::WaitForSubscribers(n) => self.closed || here >= n,
                    Question::Unsubscribed => here == 0,
                    Question::Quiet => !self.is_any_queued(),
                    _ => self.closed,
                }
            }
        }
    }

    /// The most events in memory, including the events of publishers. `None` without a completed flush
    /// of all events in this step, or if a reader still needs an event: a flush does not wait for
    /// observers.
    pub(crate) fn most_kept(&mut self) -> Option<usize> {
        if self.flushed.take() != Some(self.events.len()) {
            return None;
        }
        let needs = |reader: &Reader| {
            let is_here = !matches!(reader.state, State::Ended(_) | State::Gone);
            is_here && (reader.sees.observer || reader.pending() > 0 || reader.owes())
        };
        if self.readers.iter().any(needs) {
            return None;
        }
        // Queued publishers keep clones for subscribers of keys.
        let has_event = |call: &Call| call.has_event();
        if self.readers.iter().any(|it| it.sees.is_cloned_for()) && self.calls.iter().any(has_event)
        {
            return None;
        }
        let retained = match self.retain.min(self.events.len() - self.cleared) {
            // The other events of the segment with the oldest retained event.
            retained if retained > 0 && !self.closed => retained + SEGMENT - 1,
            _ => 0,
        };
        Some(retained + self.calls.iter().filter(|call| call.has_event()).count())
    }

    /// The subscribers whose answers a publisher waits for; `None` before its event is stored.
    pub(crate) fn waiting_for(&self, id: CallId) -> Option<Vec<Who>> {
        match self.calls[id].progress {
            Progress::Stored(event) => Some(self.answers(id, event).owing.clone()),
            _ => None,
        }
    }

    /// Whether the call must be polled.
    pub(crate) fn must_look(&self, id: CallId) -> bool {
        let call = &self.calls[id];
        let has_alarm = matches!(call.progress, Progress::Queued(_))
            && call.alarm.is_some_and(|alarm| alarm <= self.now);
        let is_waiting = !matches!(call.progress, Progress::Lazy | Progress::Over);
        self.is_due(id) || has_alarm || (is_waiting && self.is_late(id))
    }

    pub(crate) fn cancel(&mut self, id: CallId) {
        self.leave_queue(id);
        self.calls[id].progress = Progress::Over;
        self.calls[id].woken = false;
    }
}
