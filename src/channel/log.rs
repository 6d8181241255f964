//! The log: the stored events, kept once for all log readers.
//!
//! ```text
//!              oldest                                     newest
//!  segments   ┌──┬──┐ ┌──┬──┬──┬──┐ ┌──┬──┬──┐   active  ┌──┬──┐
//!             │ 5│ 6│ │ 7│ 8│ 9│10│ │11│12│13│           │14│15│
//!             └──┴──┘ └──┴──┴──┴──┘ └──┴──┴──┘           └──┴──┘
//!  readers       1         0            2                   3
//!                  ▲                        ▲                 ▲
//!   slow: position 5, unread 10             │    tail = 15 ───┘
//!                           fast: position 12, unread 3
//! ```
//!
//! **How an event is stored.** [`append`](Log::append) pushes the event to the active segment, a
//! `Vec` private to the channel. Sealing turns the active segment into an immutable, shared
//! [`Segment`]: when a reader asks for the events in it, or when it reaches the greatest length of a
//! segment. Sealing late needs fewer allocations while readers lag behind.
//!
//! **How an event is read.** A reader clones the segment with its next event under the channel's
//! lock ([`batch`](Log::batch)) and reads the events of that segment without the lock. While a
//! backlog lasts, short segments not held by readers are merged with their neighbours, so the
//! readers behind need few locks.
//!
//! **How an event is freed.** Each reader is counted in the segment with its next event, or in the
//! active segment. Segments without readers are freed from the front, except for segments with any
//! of the newest `retain` events. Counting readers per segment, not per event, makes reading O(1)
//! and frees many events at once. A reader moves to another segment when it asks for events, and
//! stays counted in the segment it has read to the end until then, unless a flush moves it
//! ([`catch_up`](Log::catch_up)).

use std::collections::VecDeque;

use crate::channel::log::segment::{FreedSegments, Segment, Slot, max_segment_len_for};
use crate::channel::ticket::Ticket;
use crate::util::check_pace::CheckPace;
use crate::util::shrink::Shrink;
use crate::util::sync::Arc;

mod readers;
mod search;
pub(crate) mod segment;

pub(crate) use readers::SegmentKey;

/// The stored events and the number of readers of each segment.
///
/// # Invariants
/// 1. The segments and the active segment hold consecutive events, the last of which is `tail`.
///    Finding an event by its sequence number relies on this.
/// 2. Each reader is counted exactly once: in the segment of its [`SegmentKey`], or in
///    `active_readers`. The first segment has readers, unless events are retained. A wrong count
///    would free unread events, or keep read events for ever.
/// 3. `newest_ticketed` is the newest event with a ticket, and each [`CountedSegment`] with a ticket has its
///    flag set. Otherwise a disconnect would leave a publisher waiting for ever.
/// 4. The active segment is shorter than `max_segment_len`, and no segment is longer. This bounds the read
///    events that stay in memory beside an unread event.
/// 5. The newest `retain` events are stored, if `retain` has not changed since they were appended.
///    A late subscriber is promised a replay without gaps. Events up to `cleared` are not retained.
pub(crate) struct Log<E> {
    /// The sequence number of the newest event; 0 before the first event.
    tail: u64,
    /// The sealed segments, oldest first.
    segments: VecDeque<CountedSegment<E>>,
    /// The active segment: the events not sealed yet.
    active: Vec<Slot<E>>,
    /// The number of readers of the active segment, which have read all other segments to the end.
    active_readers: usize,
    /// The sequence number of the newest event with a ticket; 0 before the first such event.
    newest_ticketed: u64,
    /// The number of newest events kept after all subscribers have read them.
    retain: u64,
    /// The newest event that is not retained although it is among the newest `retain`; 0 at first.
    cleared: u64,
    /// The greatest length of a segment.
    max_segment_len: usize,
    check_pace: CheckPace,
}

/// The capacity of an emptied log, for segments and for active events.
const MIN_CAPACITY: usize = 8;

/// The number of segments from which spare capacity is given back.
const LONG: usize = 64;

/// A segment with the number of its readers.
struct CountedSegment<E> {
    segment: Segment<E>,
    readers: usize,
    /// Whether any event of the segment has a ticket.
    has_ticket: bool,
}

impl<E> CountedSegment<E> {
    /// Asserts that the flag agrees with the events, in debug builds. The events of a segment never change,
    /// so the check after sealing and merging suffices.
    fn check_tickets(&self) {
        if cfg!(debug_assertions) {
            let has_ticket = self.segment.tickets_after(0).next().is_some();
            assert_eq!(self.has_ticket, has_ticket, "log: invariant 3");
        }
    }
}

impl<E> Log<E> {
    /// Creates a log for `capacity` unread events that retains the newest `retain` events. The
    /// greatest length of a segment depends on `retain`, or on `capacity` if nothing is retained.
    pub(crate) fn new(capacity: u64, retain: u64) -> Self {
        Self {
            retain,
            cleared: 0,
            max_segment_len: max_segment_len_for(if retain > 0 { retain } else { capacity }),
            tail: 0,
            segments: VecDeque::new(),
            active: Vec::new(),
            active_readers: 0,
            newest_ticketed: 0,
            check_pace: CheckPace::default(),
        }
    }

    /// Returns the sequence number of the newest event; 0 before the first event.
    #[inline]
    pub(crate) fn tail(&self) -> u64 {
        self.tail
    }

    // ---- Retention --------------------------------------------------------------------------

    /// Returns the sequence number of the oldest retained event, or of the next event if none is
    /// retained.
    pub(crate) fn first_retained(&self) -> u64 {
        let newest = (self.tail + 1).saturating_sub(self.retain);
        newest.max(self.cleared + 1)
    }

    /// Returns the segments with the events from `first` on, which must be retained.
    pub(crate) fn retained_from(&mut self, first: u64) -> VecDeque<Segment<E>> {
        self.segments_from(SegmentKey(first))
    }

    /// Returns whether events are retained.
    pub(crate) fn retains(&self) -> bool {
        self.retain > 0
    }

    /// Frees events that need not be retained. Returns the tail at which to call this again: by then
    /// there is about one more segment to free.
    pub(crate) fn trim_retained(&mut self, freed: &mut impl FreedSegments<E>) -> u64 {
        self.trim(freed);
        let full = self.first() + self.retain + self.max_segment_len as u64 - 1;
        if full > self.tail {
            full
        } else {
            // Readers still need the first segment, and free it when they move on.
            self.tail + self.max_segment_len as u64
        }
    }

    /// Stops retaining events: from now on an event is freed when all subscribers have read it.
    pub(crate) fn retain_nothing(&mut self, freed: &mut impl FreedSegments<E>) {
        self.retain = 0;
        self.trim(freed);
    }

    /// Frees the events retained so far, except for events that readers still need.
    pub(crate) fn clear_retained(&mut self, freed: &mut impl FreedSegments<E>) {
        self.seal_active();
        self.cleared = self.tail;
        self.trim(freed);
    }

    // ---- Events -----------------------------------------------------------------------------

    /// Gives the next sequence number to an event without readers, which is not stored.
    pub(crate) fn skip_seq(&mut self) -> u64 {
        self.tail += 1;
        self.tail
    }

    /// Stores an event, and returns its sequence number.
    #[inline]
    pub(crate) fn append(&mut self, event: E, ticket: Option<&Arc<Ticket>>) -> u64 {
        self.tail += 1;
        let mut slot = Slot::new(event);
        if let Some(ticket) = ticket {
            self.newest_ticketed = self.tail;
            slot.ticket = Some(Arc::clone(ticket));
        }
        self.active.push(slot);
        if self.active.len() == self.max_segment_len {
            self.seal();
        }
        self.tail
    }

    /// Turns the active segment into a shared segment, unless the active segment is empty.
    pub(crate) fn seal_active(&mut self) {
        if !self.active.is_empty() {
            self.seal();
        }
    }

    /// Turns the active segment, which must not be empty, into a shared segment.
    fn seal(&mut self) {
        let SegmentKey(first) = self.active_key();
        let sealed = CountedSegment {
            has_ticket: self.newest_ticketed >= first,
            segment: Segment::of(first, &mut self.active),
            readers: std::mem::take(&mut self.active_readers),
        };
        sealed.check_tickets();
        self.segments.push_back(sealed);
        self.merge_back(self.segments.len() - 1);
    }

    /// Merges the segment `at` with its predecessors, as far as merging pays: lengths grow as in a binary
    /// counter.
    ///
    /// Called for a new segment, and again when the last reader leaves a segment: readers in
    /// neighbouring segments keep the newest segments from being merged until then.
    fn merge_back(&mut self, mut at: usize) {
        while at > 0 && self.merge_at(at) {
            at -= 1;
        }
    }

    /// Merges the segments `at - 1` and `at`, if merging pays. Returns whether the two were merged.
    fn merge_at(&mut self, at: usize) -> bool {
        let mut pair = self.segments.range_mut(at - 1..=at);
        let (Some(before), Some(next)) = (pair.next(), pair.next()) else {
            return false;
        };
        let merged = before
            .segment
            .merge(&mut next.segment, self.max_segment_len);
        if merged {
            before.readers += next.readers;
            before.has_ticket |= next.has_ticket;
            before.check_tickets();
            self.segments.remove(at);
        }
        merged
    }

    /// Returns the ticket of event `seq`, if the event is stored and a publisher waits for it.
    pub(crate) fn ticket_of(&self, seq: u64) -> Option<&Arc<Ticket>> {
        self.slot(seq)?.ticket.as_ref()
    }

    /// Returns the segments that have tickets and events after `position`, for a reader that is
    /// counted at `from`.
    ///
    /// Takes O(segments). The caller visits the tickets after unlocking, which takes O(events).
    pub(crate) fn ticketed_after(&mut self, from: SegmentKey, position: u64) -> Vec<Segment<E>> {
        if self.newest_ticketed <= position {
            return Vec::new();
        }
        self.seal_active();
        let segments = self.segments.range(self.index(from)..);
        let with_tickets =
            segments.filter(|counted| counted.has_ticket && counted.segment.last() > position);
        with_tickets
            .map(|counted| counted.segment.clone())
            .collect()
    }

    /// Frees all events not retained; all `readers` must have read everything. Returns
    /// `false` if the log retains events: readers then stay counted in their segments.
    pub(crate) fn release(&mut self, readers: usize, freed: &mut impl FreedSegments<E>) -> bool {
        if self.retain > 0 {
            self.trim(freed);
            return false;
        }
        self.seal_active();
        self.active_readers = readers;
        while let Some(counted) = self.segments.pop_front() {
            freed.push(counted.segment);
        }
        // A large backlog must not keep its memory for ever.
        self.active.shrink_to(MIN_CAPACITY);
        if self.segments.capacity() >= LONG {
            self.segments.shrink_to(MIN_CAPACITY);
        }
        true
    }

    /// Frees segments from the front, up to the first with a reader or a retained event.
    pub(crate) fn trim(&mut self, freed: &mut impl FreedSegments<E>) {
        let is_free = |counted: &CountedSegment<E>, last: u64| {
            counted.readers == 0 && counted.segment.last() <= last
        };
        let before_retained = self.first_retained() - 1 + u64::from(seeded_bug!("retains-too-few"));
        while self
            .segments
            .front()
            .is_some_and(|counted| is_free(counted, before_retained))
        {
            let counted = self
                .segments
                .pop_front()
                .expect("the loop condition found a first segment");
            freed.push(counted.segment);
        }
        self.segments.shrink_if_sparse(LONG);
    }

    /// Asserts the invariants, for a log with `readers` readers.
    pub(crate) fn check(&self, readers: usize) {
        assert!(self.active.len() < self.max_segment_len, "log: invariant 4");
        // Each slot is checked while it is the last, and again when it is sealed.
        let is_ticketed = self.newest_ticketed == self.tail;
        let agrees = |slot: &Slot<E>| slot.ticket.is_some() == is_ticketed;
        assert!(self.active.last().is_none_or(agrees), "log: invariant 3");
        if !self.check_pace.is_due(self.segments.len(), 256) {
            return;
        }
        let readers_counted: usize = self.segments.iter().map(|counted| counted.readers).sum();
        assert_eq!(
            readers_counted + self.active_readers,
            readers,
            "log: invariant 2"
        );
        let front = self.segments.front();
        assert!(
            self.retain > 0 || front.is_none_or(|f| f.readers > 0),
            "log: invariant 2"
        );
        let mut next = self.first();
        for counted in &self.segments {
            assert_eq!(next, counted.segment.first(), "log: invariant 1");
            next = counted.segment.last() + 1;
            let len = next - counted.segment.first();
            assert!(len <= self.max_segment_len as u64, "log: invariant 4");
        }
        assert_eq!(next, self.active_key().0, "log: invariant 1");
    }

    /// Returns the sequence number of the oldest stored event, or of the next event if none is stored.
    pub(crate) fn first(&self) -> u64 {
        match self.segments.front() {
            Some(counted) => counted.segment.first(),
            None => self.active_key().0,
        }
    }
}

#[cfg(all(test, not(any(genevent_shuttle, genevent_loom))))]
mod tests {
    use super::*;
    use crate::channel::ticket::AckLevel;

    #[test]
    fn released_backlog_keeps_little_memory() {
        let mut log = Log::new(1_024, 0);
        let mut freed = Vec::new();
        log.add_reader();
        let ticket = Ticket::new(AckLevel::Finished);
        for _ in 0..1_000 * log.max_segment_len {
            log.append((), Some(&ticket));
        }
        assert!(log.segments.len() > LONG);
        log.release(1, &mut freed);
        assert!(log.segments.capacity() <= LONG);
        assert!(log.active.capacity() <= log.max_segment_len);
    }

    #[test]
    fn events_taken_one_by_one_are_merged_into_long_segments() {
        const EVENTS: u64 = 2_000;
        let mut log = Log::new(1_024, 0);
        let mut freed = Vec::new();
        log.add_reader();
        let mut fast = log.add_reader();
        for position in 0..EVENTS {
            log.append((), None);
            let index = log.advance(&mut fast, position, &mut freed);
            assert_eq!(log.segment_at(index).last(), position + 1);
        }
        let longest = log.max_segment_len as u64;
        let lengths = (log.segments.iter()).map(|counted| &counted.segment);
        let lengths: Vec<_> = lengths.map(|s| s.last() + 1 - s.first()).collect();
        assert_eq!(lengths.iter().sum::<u64>(), EVENTS);
        assert!(lengths.iter().all(|len| *len <= longest), "{lengths:?}");
        assert!(lengths.len() <= 16, "{lengths:?}");
    }
}
