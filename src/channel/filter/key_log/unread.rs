//! The events that a reader had not read when it left a key log.

use std::collections::VecDeque;

use super::event::{Freed, KeyedEvent};
use crate::channel::log::segment::Segment;
use crate::channel::ticket::Ticket;
use crate::util::sync::Arc;

/// The events of a reader that has left, in the order of the log.
pub(crate) struct Unread<E> {
    segments: VecDeque<Segment<KeyedEvent<E>>>,
    /// The offsets of the next event and of the last.
    next: u64,
    last: u64,
}

impl<E> Unread<E> {
    /// The events from offset `next` to `last`, in `segments` that may have events before.
    pub(super) fn new(
        segments: VecDeque<Segment<KeyedEvent<E>>>,
        next: u64,
        last: u64,
        freed: &mut Freed<E>,
    ) -> Self {
        let mut this = Self {
            segments,
            next,
            last,
        };
        this.drop_read(freed);
        this
    }

    /// The events of a reader that left nothing unread, or has not left.
    pub(crate) const fn none() -> Self {
        Self {
            segments: VecDeque::new(),
            next: 1,
            last: 0,
        }
    }

    /// Returns the number of events.
    pub(crate) fn len(&self) -> usize {
        usize::try_from(self.last + 1 - self.next).expect("the events are in memory")
    }

    /// Returns the next event and its ticket.
    fn front(&self) -> Option<(&KeyedEvent<E>, Option<&Arc<Ticket>>)> {
        (self.len() > 0).then(|| {
            let slot = self.segments[0].get(self.next);
            (slot.event(), slot.ticket.as_ref())
        })
    }

    /// Returns the sequence number of the next event.
    pub(crate) fn next_seq(&self) -> Option<u64> {
        self.front().map(|(event, _)| event.seq())
    }

    /// Takes the next event, and passes it to `f` with its ticket.
    pub(crate) fn pop(
        &mut self,
        freed: &mut Freed<E>,
        f: impl FnOnce(&KeyedEvent<E>, Option<&Arc<Ticket>>),
    ) {
        if let Some((event, ticket)) = self.front() {
            f(event, ticket);
            self.next += 1;
            self.drop_read(freed);
        }
    }

    /// Takes out the segments before the next event.
    fn drop_read(&mut self, freed: &mut Freed<E>) {
        let next = self.next;
        while (self.segments.front()).is_some_and(|segment| segment.last() < next) {
            freed.extend(self.segments.pop_front());
        }
    }
}
