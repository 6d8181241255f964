//! The events that somebody has yet to read, in segments that are let go when nobody has.
//!
//! ```text
//!              oldest                                    newest
//!  segments   ┌──┬──┐ ┌──┬──┬──┬──┐ ┌──┬──┬──┐   open  ┌──┬──┐
//!             │ 5│ 6│ │ 7│ 8│ 9│10│ │11│12│13│         │14│15│
//!             └──┴──┘ └──┴──┴──┴──┘ └──┴──┴──┘         └──┴──┘
//!  readers       1         0            2                 3
//!                  ▲                        ▲               ▲
//!   slow: position 5, unread 10             │  tail = 15 ───┘
//!                           quick: position 12, unread 3
//! ```
//!
//! Events are kept once for all subscribers. New ones go to an open run that only the manager
//! sees. When a subscriber asks for what is in it, or when it is as long as a segment may be, it is
//! sealed into one, which is shared and never changes. While a backlog lasts, short segments that
//! nobody holds are joined with their neighbours.
//!
//! A subscriber is counted as a reader of the segment in which its next event is, or of the open
//! run; segments without readers leave at the front, but for those that hold one of the newest
//! `retain` events.

use std::collections::VecDeque;

use crate::channel::effects::{Effect, Effects};
use crate::channel::log::segment::{Segment, Slot, slots_for};
use crate::channel::ticket::Ticket;
use crate::util::shrink::Shrink;
use crate::util::sync::Arc;

mod readers;
pub(crate) mod segment;

pub(crate) use readers::ReaderPos;

/// # Invariants
/// 1. The segments and the open run hold consecutive events, the last of which is `tail`.
/// 2. Each reader is counted once, in the segment of its spot or in `active_readers`; the first segment
///    has readers, unless events are retained.
/// 3. `ticketed` is the newest event that has a ticket, and each link with a ticket says so.
/// 4. The open run is shorter than `slots`, and no segment is longer.
/// 5. The newest `retain` events are kept, if `retain` has not changed since they were stored.
pub(crate) struct Log<E> {
    /// The number of the newest event; 0 before the first.
    tail: u64,
    segments: VecDeque<CountedSegment<E>>,
    active: Vec<Slot<E>>,
    /// Readers of the open run: they have read every segment to its end.
    active_readers: usize,
    /// The number of the newest event that was stored with a ticket; 0 before the first.
    ticketed: u64,
    /// How many of the newest events are kept, also when everybody has read them.
    retain: u64,
    /// The most events that one segment holds.
    slots: usize,
}

/// For so many segments and open events, room is kept when a large log is empty.
const RETAINED_CAPACITY: usize = 8;

/// With room for so many segments, a log is large.
const LONG: usize = 64;

/// One segment, and how many subscribers read it.
struct CountedSegment<E> {
    segment: Segment<E>,
    readers: usize,
    /// Whether one of the events has a ticket.
    ticketed: bool,
}

impl<E> Log<E> {
    /// For `capacity` events, and those that are kept when everybody has read them. How long segments
    /// are goes by these, if there are any.
    pub(crate) fn new(capacity: u64, retain: u64) -> Self {
        Self {
            retain,
            slots: slots_for(if retain > 0 { retain } else { capacity }),
            tail: 0,
            segments: VecDeque::new(),
            active: Vec::new(),
            active_readers: 0,
            ticketed: 0,
        }
    }

    #[inline]
    pub(crate) fn tail(&self) -> u64 {
        self.tail
    }

    // ---- What is retained -------------------------------------------------------------------

    /// The number of the first of the newest `events` that are retained, and the segments that
    /// hold these.
    pub(crate) fn newest(&mut self, events: u64) -> (u64, VecDeque<Segment<E>>) {
        let first = self.tail + 1 - events.min(self.retain).min(self.tail);
        if first > self.tail {
            return (first, VecDeque::new());
        }
        (first, self.segments_from(ReaderPos(first)))
    }

    pub(crate) fn retains(&self) -> bool {
        self.retain > 0
    }

    /// Lets go of what need not be retained, and gives the length of the sequence at which there
    /// will be more to let go of: about a segment's worth.
    pub(crate) fn trim_retained(&mut self, effects: &mut Effects<E>) -> u64 {
        self.trim(effects);
        let full = self.first() + self.retain + self.slots as u64 - 1;
        if full > self.tail {
            full
        } else {
            // Readers keep it; when they move on, they let go of it.
            self.tail + self.slots as u64
        }
    }

    /// From now on, nothing is kept that everybody has read.
    pub(crate) fn retain_nothing(&mut self, effects: &mut Effects<E>) {
        self.retain = 0;
        self.trim(effects);
    }

    // ---- Events -----------------------------------------------------------------------------

    /// An event that nobody hears takes its number, and no room.
    pub(crate) fn skip_seq(&mut self) -> u64 {
        self.tail += 1;
        self.tail
    }

    #[inline]
    pub(crate) fn append(&mut self, event: E, ticket: Option<&Arc<Ticket>>) -> u64 {
        self.tail += 1;
        let mut slot = Slot::new(event);
        if let Some(ticket) = ticket {
            self.ticketed = self.tail;
            slot.ticket = Some(Arc::clone(ticket));
        }
        self.active.push(slot);
        if self.active.len() == self.slots {
            self.seal();
        }
        self.tail
    }

    /// Makes a segment of the open run, which must not be empty.
    fn seal(&mut self) {
        let ReaderPos(first) = self.active_pos();
        self.segments.push_back(CountedSegment {
            ticketed: self.ticketed >= first,
            segment: Segment::of(first, &mut self.active),
            readers: std::mem::take(&mut self.active_readers),
        });
        self.join_back(self.segments.len() - 1);
    }

    /// Joins a segment with those before it, as far as that pays: as in a binary counter. Called for
    /// a segment that is new, and again when the last reader moves on from it: until then, readers
    /// that are one event apart each hold one of the newest segments.
    fn join_back(&mut self, mut at: usize) {
        while at > 0 && self.join_at(at) {
            at -= 1;
        }
    }

    /// Makes one of the segments `at - 1` and `at`, if it pays.
    fn join_at(&mut self, at: usize) -> bool {
        let mut pair = self.segments.range_mut(at - 1..=at);
        let (Some(before), Some(next)) = (pair.next(), pair.next()) else {
            return false;
        };
        let joined = before.segment.join(&mut next.segment, self.slots);
        if joined {
            before.readers += next.readers;
            before.ticketed |= next.ticketed;
            self.segments.remove(at);
        }
        joined
    }

    /// Who waits for answers to event `seq`, if it is kept.
    pub(crate) fn ticketed(&self, seq: u64) -> Option<&Arc<Ticket>> {
        if seq < self.first() {
            return None;
        }
        let slot = if let Some(link) = self.segments.get(self.index(ReaderPos(seq))) {
            link.segment.get(seq)
        } else {
            let index = seq.checked_sub(self.active_pos().0)?;
            self.active.get(usize::try_from(index).ok()?)?
        };
        slot.ticket.as_ref()
    }

    /// The segments with events after `position` that somebody waits for answers to, of a reader
    /// that is counted at `spot`.
    ///
    /// O(segments): what is in them is looked at without the lock.
    pub(crate) fn ticketed_after(&mut self, spot: ReaderPos, position: u64) -> Vec<Segment<E>> {
        if self.ticketed <= position {
            return Vec::new();
        }
        if !self.active.is_empty() {
            self.seal();
        }
        let segments = self.segments.range(self.index(spot)..);
        let ticketed = segments.filter(|link| link.ticketed && link.segment.last() > position);
        ticketed.map(|link| link.segment.clone()).collect()
    }

    /// Lets go of everything that is not retained: all `readers` have read it. False if events are
    /// retained; then readers stay where they are counted.
    pub(crate) fn release(&mut self, readers: usize, effects: &mut Effects<E>) -> bool {
        if self.retain > 0 {
            self.trim(effects);
            return false;
        }
        if !self.active.is_empty() {
            self.seal();
        }
        self.active_readers = readers;
        while let Some(link) = self.segments.pop_front() {
            effects.push(Effect::Segment(link.segment));
        }
        // What a large backlog took is given back.
        self.active.shrink_to(RETAINED_CAPACITY);
        if self.segments.capacity() >= LONG {
            self.segments.shrink_to(RETAINED_CAPACITY);
        }
        true
    }

    /// Lets go of the segments at the front that nobody reads and that need not be retained.
    fn trim(&mut self, effects: &mut Effects<E>) {
        let is_free =
            |link: &CountedSegment<E>, past: u64| link.readers == 0 && link.segment.last() <= past;
        let past =
            self.tail.saturating_sub(self.retain) + u64::from(seeded_bug!("retained-too-few"));
        while self
            .segments
            .front()
            .is_some_and(|link| is_free(link, past))
        {
            let link = self.segments.pop_front().expect("there is a front");
            effects.push(Effect::Segment(link.segment));
        }
        self.segments.shrink_if_sparse(LONG);
    }

    /// The invariants, with the number of `readers` there should be.
    pub(crate) fn check(&self, readers: usize) {
        // Each step looks at everything: not with a million of them.
        if self.segments.len() > 256 {
            return;
        }
        let counted: usize = self.segments.iter().map(|link| link.readers).sum();
        assert_eq!(counted + self.active_readers, readers, "log: invariant 2");
        let front = self.segments.front();
        assert!(
            self.retain > 0 || front.is_none_or(|f| f.readers > 0),
            "log: invariant 2"
        );
        let mut next = self.first();
        for link in &self.segments {
            assert_eq!(next, link.segment.first(), "log: invariant 1");
            next = link.segment.last() + 1;
            let len = next - link.segment.first();
            assert!(len <= self.slots as u64, "log: invariant 4");
            let ticketed = link.segment.tickets_after(0).next().is_some();
            assert_eq!(link.ticketed, ticketed, "log: invariant 3");
        }
        assert_eq!(next, self.active_pos().0, "log: invariant 1");
        let ticketed = self.active.iter().any(|slot| slot.ticket.is_some());
        assert_eq!(ticketed, self.ticketed >= next, "log: invariant 3");
        assert!(self.active.len() < self.slots, "log: invariant 4");
    }

    /// The number of the oldest event that is kept, or of the next one.
    pub(crate) fn first(&self) -> u64 {
        match self.segments.front() {
            Some(link) => link.segment.first(),
            None => self.active_pos().0,
        }
    }
}

#[cfg(all(test, not(any(genevent_shuttle, genevent_loom))))]
mod tests {
    use super::*;
    use crate::channel::ticket::AckLevel;

    #[test]
    fn a_large_backlog_that_is_released_keeps_little_room() {
        let mut log = Log::new(1_024, 0);
        let mut effects = Effects::new();
        log.join();
        let ticket = Ticket::new(AckLevel::Finished);
        for _ in 0..1_000 * log.slots {
            log.append((), Some(&ticket));
        }
        assert!(log.segments.len() > LONG);
        log.release(1, &mut effects);
        effects.run();
        assert!(log.segments.capacity() <= LONG);
        assert!(log.active.capacity() <= log.slots);
    }
}
