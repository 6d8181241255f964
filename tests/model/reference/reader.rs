//! A subscriber in the reference, and the events of its stream.

use std::collections::VecDeque;
use std::time::Duration;

use genevent::{DisconnectCause, Overflow};

use super::{Event, Time, Who};

pub(crate) struct Reader {
    pub(crate) overflow: Overflow,
    pub(crate) sees: Sees,
    pub(crate) window: usize,
    /// Replayed events not read yet.
    pub(crate) replayed: VecDeque<Event>,
    pub(crate) unread: VecDeque<Event>,
    pub(crate) in_flight: Option<Event>,
    /// An event in flight without an acknowledgement owed.
    pub(super) free_in_flight: Option<Event>,
    /// The event taken and not yielded, as its clone has panicked.
    pub(crate) unyielded: Option<Event>,
    /// The unacked deliveries, for a stream of deliveries.
    pub(crate) out: Option<Out>,
    /// Was found full for a publisher, and has had no room since. A filtered reader blocks only the
    /// publisher that was checked last.
    pub(super) blocks: bool,
    /// For how long the reader has blocked publishers.
    pub(super) waited: Option<Time>,
    /// A permit was given when its time was up.
    pub(super) passed: bool,
    pub(crate) missed: u64,
    /// Missed since the last yielded event, and not reported yet.
    pub(super) gap: u64,
    /// The number of the last yielded event.
    pub(crate) last: u64,
    /// Missed before the replayed events, and not reported yet.
    pub(super) early_gap: u64,
    pub(crate) state: State,
    /// The reason why its last poll was pending.
    pub(super) parked: Option<For>,
    pub(crate) woken: bool,
}

/// The events that a reader sees.
#[derive(Default, Clone, Copy)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each holds or not, whatever the others are"
)]
pub(crate) struct Sees {
    /// The reader wants only payloads divisible by this number, and no other event affects the
    /// reader.
    pub(crate) wants: Option<u64>,
    /// The key of the event decides, and publishers clone the wanted events.
    pub(crate) keyed: bool,
    /// Of a single key. Unless events may be overwritten, the reader clones the event itself.
    pub(crate) single_key: bool,
    /// The predicate panics at some of the events.
    pub(crate) breaking: bool,
    /// A handler, which reads by itself. With a filter, publishers clone the wanted events.
    pub(crate) handler: bool,
    /// The upstream subscriber: events are seen only after it has settled them and all earlier
    /// events.
    pub(crate) after: Option<Who>,
    /// The reader is an observer, and owes none of the events.
    pub(crate) observer: bool,
}

/// The retained events that a new reader begins with.
#[derive(Clone, Copy)]
pub(crate) enum ReplayFrom {
    Newest(usize),
    Since(u64),
}

/// The unacked deliveries of a stream.
pub(crate) struct Out {
    pub(crate) max: usize,
    pub(crate) open: Vec<Event>,
    /// The events without an acknowledgement owed.
    pub(crate) free: Vec<Event>,
}

impl Out {
    pub(crate) fn is_full(&self) -> bool {
        self.len() >= self.max
    }

    pub(super) fn len(&self) -> usize {
        self.open.len() + self.free.len()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum For {
    /// The next event, or the end.
    More,
    /// Until the upstream subscriber has settled this event, and all earlier events.
    Settled(Event),
    /// Until fewer deliveries are unacked.
    RoomOut,
}

impl Sees {
    /// Whether publishers clone the wanted events.
    pub(crate) fn is_cloned_for(&self) -> bool {
        self.wants.is_some() && (self.keyed || self.handler)
    }
}

impl Reader {
    /// Whether the reader shares its events with the other readers of its key.
    pub(crate) fn reads_key_log(&self) -> bool {
        self.sees.single_key && self.overflow != Overflow::DropOldest
    }

    /// How many events the reader has yet to read.
    pub(crate) fn pending(&self) -> usize {
        self.replayed.len() + self.unread.len() + usize::from(self.unyielded.is_some())
    }

    pub(crate) fn unacked(&self) -> usize {
        match &self.out {
            Some(out) => out.len(),
            None => usize::from(self.in_flight.is_some()),
        }
    }

    /// Whether the reader has received an event not settled yet.
    pub(crate) fn owes(&self) -> bool {
        let has_open = self.out.as_ref().is_some_and(|out| !out.open.is_empty());
        has_open || self.in_flight.is_some() || self.unyielded.is_some()
    }

    /// Whether the reader has yielded an event not settled yet, or without an acknowledgement owed.
    pub(super) fn has_in_flight(&self) -> bool {
        let has_free = self.out.as_ref().is_some_and(|out| !out.free.is_empty());
        self.owes() || has_free || self.free_in_flight.is_some()
    }

    /// How long publishers wait for the reader; `None` without end.
    pub(super) fn patience(&self) -> Option<Time> {
        match self.overflow {
            Overflow::WaitAtMost(patience) => Some(millis(patience)),
            _ => None,
        }
    }
}

pub(super) fn millis(duration: Duration) -> Time {
    duration.as_millis().try_into().expect("short")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Attached,
    /// No longer attached, with unread events still to yield.
    Disconnected(DisconnectCause),
    /// Has yielded `None`.
    Ended(End),
    /// Dropped.
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

/// Why a follow-up was not published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoFollowUp {
    NothingInFlight,
    Closed,
}

/// A poll panicked, as the clone of an event did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClonePanics;
