//! Sources: the places from which a subscription takes its next events.
//!
//! A subscription reads its current [`Source`] until the source is empty, and then asks the channel for
//! the next source. Only that step takes the channel's lock.

use std::collections::VecDeque;

use crate::channel::log::segment::Segment;
use crate::end_reason::{DisconnectCause, EndReason};
use crate::receipt::{Cause, Unfinished};
use crate::subscriber_id::Identity;

/// The place a subscription takes its next events from.
pub(crate) enum Source<E> {
    /// The channel, under its lock.
    Channel,
    /// A segment, without the lock.
    Segment(Segment<E>),
    /// Events without acknowledgements.
    Backlog(Box<Backlog<E>>),
    /// No more events. The subscriber has left the machine, or is a gone member with unacked deliveries.
    Ended(EndReason),
}

/// Events that a subscription yields without owing an acknowledgement: replayed events, or the unread
/// events of a disconnected subscriber.
pub(crate) struct Backlog<E> {
    pub(crate) segments: VecDeque<Segment<E>>,
    /// The sequence number of the next event to yield.
    pub(crate) next: u64,
    /// The sequence number of the last event to yield.
    pub(crate) end: u64,
    pub(crate) after: AfterBacklog,
}

/// Events that a subscriber left unread when it was detached, and for which publishers wait.
pub(crate) struct Unread<E> {
    /// The subscriber, or a handler of a group.
    pub(crate) subscriber: Identity,
    pub(crate) cause: Cause,
    /// The sequence number of the last event that the subscriber read, or that was stored before it
    /// joined.
    pub(crate) position: u64,
    pub(crate) segments: Vec<Segment<E>>,
}

impl<E> Unread<E> {
    /// Gives up the events for the subscriber. Must run without the channel's lock, because
    /// settling takes O(events) and may wake publishers.
    pub(crate) fn settle(self) {
        for segment in self.segments {
            for ticket in segment.tickets_after(self.position) {
                ticket.give_up(Unfinished::new(self.subscriber.clone(), self.cause.clone()));
            }
        }
    }
}

/// The continuation of a backlog.
#[derive(Clone, Copy)]
pub(crate) enum AfterBacklog {
    /// Live events: the channel is the next source.
    Live,
    /// The end of the stream.
    Disconnected(DisconnectCause),
}

impl<E> Backlog<E> {
    /// Returns the number of events left.
    pub(crate) fn len(&self) -> usize {
        usize::try_from(self.end + 1 - self.next)
            .expect("every event of a backlog has a slot in memory")
    }

    /// Returns whether there is a next event.
    pub(crate) fn has_next(&self) -> bool {
        self.next <= self.end
    }

    /// Takes out the segments before the next event. Dropping them runs user code.
    pub(crate) fn pop_read(&mut self) -> impl Iterator<Item = Segment<E>> {
        std::iter::from_fn(|| {
            let front = self.segments.front()?;
            if front.last() >= self.next {
                return None;
            }
            self.segments.pop_front()
        })
    }

    /// Returns event `seq`, which must be in the first segment.
    pub(crate) fn get(&self, seq: u64) -> &E {
        let front = self
            .segments
            .front()
            .expect("`has_next` has returned true, so there is a first segment");
        front.get(seq).event()
    }
}
