//! The specified behaviour of the crate, as plain as possible.
//!
//! Nothing here is fast and nothing is forgotten: every event, reader and call is kept in a list,
//! and each question is answered by searching the lists.

mod handlers;
mod publishing;
mod queue;
mod reader;
mod reading;
mod sinks;
mod stalled;
mod waiting;

pub(crate) use reader::{ClonePanics, End, Item, NoFollowUp, Out, Reader, ReplayFrom, Sees, State};
pub(crate) use waiting::goes_on;

use genevent::Cause;

use super::ops::Failing;
pub(crate) use handlers::Handler;
use reader::For;
use stalled::StalledGrants;

/// An event: its index among all events, which is its sequence number minus 1.
type Event = usize;
/// A subscriber: its index among all subscribers.
pub(crate) type Who = usize;
/// A call of a waiting function: its index among all calls.
pub(crate) type CallId = usize;

/// Milliseconds since the beginning.
pub(crate) type Time = u64;

#[derive(Default)]
pub(crate) struct Reference {
    pub(crate) capacity: usize,
    /// How many events are kept for late subscribers.
    retain: usize,
    /// How many of the first events are kept no more.
    cleared: usize,
    /// Whether everything is polled inside of a runtime, which has tasks.
    pub(crate) in_runtime: bool,
    pub(crate) now: Time,
    pub(crate) closed: bool,
    /// How many permits are out.
    pub(crate) permits: usize,
    events: Vec<Stored>,
    pub(crate) readers: Vec<Reader>,
    pub(crate) calls: Vec<Call>,
    pub(crate) sinks: Vec<Sink>,
    /// The queued publishers, first come first.
    queue: Vec<CallId>,
    /// The queued publisher last checked for room.
    checked: Option<CallId>,
    /// How many places have been granted so far.
    grants: usize,
    /// How many events were published when the present turn began.
    turn_began: usize,
    /// The front waiter with a timer, and the time of the timer.
    timer: Option<(CallId, Time)>,
    /// The time of the grant monitor's next check, if the monitor runs.
    monitor: Option<Time>,
    stalled: StalledGrants,
    /// Counts the operations. Subscribers that discard in the same step do so in no particular
    /// order.
    step: usize,
    /// The number of events awaited by a flush, if a flush was completed in this step.
    flushed: Option<usize>,
    /// The user code that fails now.
    pub(crate) failing: Option<Failing>,
    /// How often the last poll of a reader has cloned.
    pub(crate) clones: usize,
    /// The handlers, ended or not.
    pub(crate) handlers: Vec<Handler>,
}

struct Stored {
    payload: u64,
    /// The number of subscribers with this event.
    audience: usize,
    /// How many of these are no observers.
    awaited: usize,
    received: Answers,
    finished: Answers,
}

/// A subscriber that will never acknowledge: the step, the subscriber, and the reason.
pub(crate) type Dropped = (usize, Who, Cause);

struct Answers {
    owing: Vec<Who>,
    dropped: Vec<Dropped>,
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

    fn give_up(&mut self, who: Who, step: usize, cause: Cause) {
        if self.owing.contains(&who) {
            self.answer(who);
            self.dropped.push((step, who, cause));
        }
    }
}

#[derive(Debug)]
pub(crate) struct Call {
    question: Question,
    progress: Progress,
    /// The time from the first poll to the deadline.
    within: Option<Time>,
    /// The time of the deadline, set by the first poll.
    deadline: Option<Time>,
    /// In the queue: the time of the timer's wake-up.
    alarm: Option<Time>,
    /// In the queue, without a place: the number of granted places at the time of yielding to them.
    yielded_to: Option<usize>,
    /// The event was evaluated for all subscribers before this one.
    evaluated: Who,
    pub(crate) polled_at: Time,
    pub(crate) woken: bool,
}

/// A sink, ready or not.
pub(crate) struct Sink {
    /// Whether the sink waits for acknowledgements.
    sync: bool,
    /// Its position in the queue.
    pub(crate) ready: Option<CallId>,
    pub(crate) has_permit: bool,
    sent: Vec<Event>,
    /// The event with the awaited acknowledgements.
    flushing: Option<Event>,
    pub(crate) flush_woken: bool,
}

/// The room awaited by a publisher.
#[derive(Debug, Clone, Copy)]
enum Wish {
    Event(u64),
    Permit,
}

/// The room given to a publisher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Room {
    /// A granted place.
    Granted,
    /// Room in every window, once the blocking subscribers, which are overdue, are disconnected.
    Free,
    /// None: the windows may be full.
    PastWindows,
}

/// The standing of a queued publisher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Waits to be woken.
    Asleep,
    /// Was woken without a place, and has not been polled since.
    Awake,
    /// Has a place: how many places had been granted before.
    Granted(usize),
    /// Had a place, which was taken over. The next poll waits again.
    Displaced,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Question {
    Notify(u64),
    AckNotify(u64),
    SyncNotify(u64),
    Reserve,
    Flush,
    Quiet,
    Stop,
    Closed,
    WaitForSubscribers(usize),
    Unsubscribed,
}

#[derive(Debug)]
enum Progress {
    /// Not polled yet.
    Lazy,
    Queued(Standing),
    /// Waits for the acknowledgements of its event.
    Stored(Event),
    /// Waits for the acknowledgements of all events stored before the call.
    Settling(usize),
    /// Waits until nothing more can be stored.
    Completing,
    /// Waits until no handler runs.
    Idling,
    /// Waits for something to happen to the manager.
    Watching,
    /// Ready, or dropped.
    Over,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The answer of `notify`.
    Stored(usize),
    /// The answer of `reserve`, with a permit.
    Reserved,
    /// The answer of `reserve`, without a permit.
    NothingReserved,
    /// The answer of any publisher: the event comes back.
    Closed(u64),
    /// The answer of a publisher with a deadline: the event comes back.
    NotStored { payload: u64, pending: Vec<Who> },
    /// The answer of `reserve` with a deadline.
    NotReserved { pending: Vec<Who> },
    /// Too late for these subscribers; with the receipt so far, if the call has a receipt.
    Unanswered {
        receipt: Option<Box<Answer>>,
        pending: Vec<Who>,
    },
    Receipt {
        seq: u64,
        acked: usize,
        dropped: Vec<Dropped>,
    },
    /// The answer of `flush`, `quiet`, `stop` and `closed`.
    Done,
    /// The answer of `wait_for_subscribers`.
    Here(usize),
}

impl Call {
    /// Whether the call has resolved, or was dropped.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.progress, Progress::Over)
    }

    /// Whether the call still owns an unstored event.
    fn has_event(&self) -> bool {
        matches!(self.progress, Progress::Lazy | Progress::Queued(_))
            && matches!(
                self.question,
                Question::Notify(_) | Question::AckNotify(_) | Question::SyncNotify(_)
            )
    }
}

impl Reference {
    pub(crate) fn new(capacity: usize, retain: usize, in_runtime: bool) -> Self {
        Self {
            capacity,
            retain,
            in_runtime,
            ..Self::default()
        }
    }

    /// Notes which calls were woken, also if they would wait again now.
    fn note_wakeups(&mut self) {
        for id in 0..self.calls.len() {
            self.calls[id].woken |= self.must_look(id);
        }
    }

    /// Checks the wakeups at the end of every operation: every due task must have been woken, and
    /// no other. Handlers run in the order of their first turns.
    pub(crate) fn end_step(&mut self, turns: &[usize]) {
        self.note_wakeups();
        self.run_handlers(turns);
        self.forgive_with_room();
        self.step += 1;
        self.note_wakeups();
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
