//! Where a subscriber's next events come from.

use std::collections::VecDeque;

use crate::channel::log::segment::Segment;
use crate::end_reason::{DisconnectCause, EndReason};
use crate::subscriber_id::SubscriberId;

pub(crate) enum Source<E> {
    /// From the manager, under its lock.
    Channel,
    /// From here, without it.
    Segment(Segment<E>),
    /// From what it need not answer for.
    Backlog(Box<Backlog<E>>),
    /// From nowhere any more. The member has left the ring.
    Ended(EndReason),
}

/// Events that a subscriber owes nothing for: those that were retained when it joined, or those
/// that it had not read when it was disconnected.
pub(crate) struct Backlog<E> {
    pub(crate) segments: VecDeque<Segment<E>>,
    /// The number of the next event to yield.
    pub(crate) next: u64,
    /// The number of the last one.
    pub(crate) end: u64,
    pub(crate) after: Then,
}

/// Events that a subscriber ended without reading, and that somebody waits for answers to.
pub(crate) struct Unread<E> {
    pub(crate) subscriber: SubscriberId,
    /// The number of the last event that it has read.
    pub(crate) position: u64,
    pub(crate) segments: Vec<Segment<E>>,
}

impl<E> Unread<E> {
    /// Answers on the subscriber's behalf; not under the lock, which this would hold for as long as
    /// there are events.
    pub(crate) fn answer(self) {
        for segment in self.segments {
            for ticket in segment.tickets_after(self.position) {
                ticket.drop_by(self.subscriber);
            }
        }
    }
}

/// What comes after the rest.
#[derive(Clone, Copy)]
pub(crate) enum Then {
    /// What has been published since.
    Live,
    /// The end.
    Disconnected(DisconnectCause),
}

impl<E> Backlog<E> {
    pub(crate) fn len(&self) -> usize {
        usize::try_from(self.end + 1 - self.next).expect("they are in memory, each with its slot")
    }

    /// Whether there is a next event; lets go of the segments before it.
    pub(crate) fn seek(&mut self) -> bool {
        while self.next <= self.end {
            match self.segments.front() {
                Some(front) if front.last() >= self.next => return true,
                Some(_) => drop(self.segments.pop_front()),
                None => return false,
            }
        }
        false
    }

    /// Event number `seq`, which is in the first segment.
    pub(crate) fn get(&self, seq: u64) -> &E {
        let front = self
            .segments
            .front()
            .expect("`seek` said that there is an event");
        front.get(seq).event()
    }
}
