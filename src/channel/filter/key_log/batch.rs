//! The events that a reader has taken from a key log.

use super::event::{Freed, KeyedEvent};
use crate::channel::log::segment::Segment;
use crate::channel::ticket::Ticket;
use crate::util::sync::Arc;

/// The events that a reader has taken from the log and has yet to read, without a lock.
pub(crate) struct KeyBatch<E> {
    segment: Option<Segment<KeyedEvent<E>>>,
    /// The offset of the last event that was read; `None` before the first load.
    read: Option<u64>,
    /// What the reader drops once it holds no lock.
    freed: Freed<E>,
}

impl<E> KeyBatch<E> {
    pub(crate) const fn new() -> Self {
        Self {
            segment: None,
            read: None,
            freed: Freed::new(),
        }
    }

    /// Returns the offset of the last event that was read; at the first call that is `joined_at`.
    pub(super) fn read_or(&mut self, joined_at: impl FnOnce() -> u64) -> u64 {
        *self.read.get_or_insert_with(joined_at)
    }

    /// Continues with the segment of the next event.
    pub(super) fn load(&mut self, segment: Segment<KeyedEvent<E>>) {
        self.segment = Some(segment);
    }

    /// Returns the next event and its ticket.
    #[inline]
    pub(crate) fn peek(&self) -> Option<(&KeyedEvent<E>, Option<&Arc<Ticket>>)> {
        let (segment, read) = (self.segment.as_ref()?, self.read?);
        let slot = (read < segment.last()).then(|| segment.get(read + 1))?;
        Some((slot.event(), slot.ticket.as_ref()))
    }

    /// Moves past the next event, which was claimed. Returns the segment if it was read to the end: the
    /// caller drops it without a lock.
    #[inline]
    pub(crate) fn advance(&mut self) -> Option<Segment<KeyedEvent<E>>> {
        let read = self.read.as_mut()?;
        *read += 1;
        let is_read = (self.segment.as_ref()).is_some_and(|segment| segment.last() <= *read);
        is_read.then(|| self.segment.take())?
    }

    /// Returns whether the reader has read the log up to `tail`, as far as the batch tells.
    #[inline]
    pub(crate) fn is_caught_up(&self, tail: u64) -> bool {
        self.read == Some(tail)
    }

    /// Ends the batch, whether it was read or not: the reader reads the log no more.
    pub(crate) fn end(&mut self) {
        self.freed.extend(self.segment.take());
    }

    /// Returns the segments that the reader drops once it holds no lock.
    #[inline]
    pub(crate) fn freed(&mut self) -> &mut Freed<E> {
        &mut self.freed
    }

    /// Drops the freed segments. Runs user code, and is never called under a lock.
    #[inline]
    pub(crate) fn drop_freed(&mut self) {
        if !self.freed.is_empty() {
            self.freed.clear();
        }
    }
}
