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
use crate::channel::subscriber::Place;
use crate::channel::ticket::Ticket;
use crate::util::shrink::Room;
use crate::util::sync::Arc;

pub(crate) mod segment;

/// The segment in which a reader is counted: the number of one of its events, or, if that has
/// left, of one before the first segment there is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spot(u64);

impl Spot {
    /// As it was noted last.
    #[inline]
    pub(crate) fn of(place: &Place) -> Self {
        Self(place.notes.spot.get())
    }

    #[inline]
    pub(crate) fn note(self, place: &Place) {
        place.notes.spot.set(self.0);
    }
}

/// # Invariants
/// 1. The segments and the open run hold consecutive events, the last of which is `tail`.
/// 2. Each reader is counted once, in the segment of its spot or in `beyond`; the first segment
///    has readers, unless events are retained.
/// 3. `awaited` is the newest event that has a ticket, and each link with a ticket says so.
/// 4. The open run is shorter than `slots`, and no segment is longer.
/// 5. The newest `retain` events are kept, if `retain` has not changed since they were stored.
pub(crate) struct Log<E> {
    /// The number of the newest event; 0 before the first.
    tail: u64,
    links: VecDeque<Link<E>>,
    open: Vec<Slot<E>>,
    /// Readers of the open run: they have read every segment to its end.
    beyond: usize,
    /// The number of the newest event that was stored with a ticket; 0 before the first.
    awaited: u64,
    /// How many of the newest events are kept, also when everybody has read them.
    retain: u64,
    /// The most events that one segment holds.
    slots: usize,
}

/// For so many segments and open events, room is kept when a large log is empty.
const KEPT: usize = 8;

/// With room for so many segments, a log is large.
const LONG: usize = 64;

/// One segment, and how many subscribers read it.
struct Link<E> {
    segment: Segment<E>,
    readers: usize,
    /// Whether one of the events has a ticket.
    awaited: bool,
}

impl<E> Log<E> {
    /// For `capacity` events, and those that are kept when everybody has read them. How long segments
    /// are goes by these, if there are any.
    pub(crate) fn new(capacity: u64, retain: u64) -> Self {
        Self {
            retain,
            slots: slots_for(if retain > 0 { retain } else { capacity }),
            tail: 0,
            links: VecDeque::new(),
            open: Vec::new(),
            beyond: 0,
            awaited: 0,
        }
    }

    #[inline]
    pub(crate) fn tail(&self) -> u64 {
        self.tail
    }

    // ---- Readers ----------------------------------------------------------------------------

    /// A new reader, of what comes after the newest event.
    pub(crate) fn join(&mut self) -> Spot {
        if self.retain > 0 && !self.open.is_empty() {
            // Counted behind what is retained, so that this need not stay for it.
            self.seal();
        }
        self.beyond += 1;
        self.open_spot()
    }

    pub(crate) fn leave(&mut self, spot: Spot, effects: &mut Effects<E>) {
        let link = self.index(spot);
        *self.readers_mut(link) -= 1;
        self.trim(effects);
    }

    /// Moves a reader on to the segment that has what comes after `position`, and tells which one
    /// that is.
    #[expect(
        clippy::inline_always,
        reason = "called for every batch, and once more where nobody hurries"
    )]
    #[inline(always)]
    pub(crate) fn advance(
        &mut self,
        spot: &mut Spot,
        position: u64,
        effects: &mut Effects<E>,
    ) -> usize {
        let from = self.index(*spot);
        let mut to = from;
        while (self.links.get(to)).is_some_and(|link| link.segment.last() <= position) {
            to += 1;
        }
        if from < to {
            let left = self.readers_mut(from);
            *left -= 1;
            let was_last = *left == 0;
            *self.readers_mut(to) += 1;
            *spot = match self.links.get(to) {
                Some(link) => Spot(link.segment.first()),
                None => self.open_spot(),
            };
            if was_last {
                self.join_back(from);
                self.trim(effects);
                return self.index(*spot);
            }
        }
        to
    }

    /// As [`advance`](Self::advance), of a reader that has read everything.
    #[inline]
    pub(crate) fn advance_to_end(&mut self, spot: &mut Spot, effects: &mut Effects<E>) {
        let Some(newest) = self.links.back() else {
            return;
        };
        if spot.0 > newest.segment.last() {
            return;
        }
        let from = match self.links.len() {
            1 => 0,
            _ => self.index(*spot),
        };
        let left = self.readers_mut(from);
        *left -= 1;
        let was_last = *left == 0;
        self.beyond += 1;
        *spot = self.open_spot();
        if was_last {
            self.join_back(from);
            self.trim(effects);
        }
    }

    /// What a reader that has been moved on to segment `index` may read next; there must be
    /// something.
    #[expect(
        clippy::inline_always,
        reason = "called for every batch, and once more where nobody hurries"
    )]
    #[inline(always)]
    pub(crate) fn batch(&mut self, mut index: usize) -> &Segment<E> {
        if index == self.links.len() {
            self.seal();
            // It may have been joined with the one before.
            index = self.links.len() - 1;
        }
        &self.links[index].segment
    }

    /// The segments that hold all that a reader has not read.
    pub(crate) fn segments_from(&mut self, spot: Spot) -> VecDeque<Segment<E>> {
        if !self.open.is_empty() {
            self.seal();
        }
        let links = self.links.range(self.index(spot)..);
        links.map(|link| link.segment.clone()).collect()
    }

    // ---- What is retained -------------------------------------------------------------------

    /// The number of the first of the newest `events` that are retained, and the segments that
    /// hold these.
    pub(crate) fn newest(&mut self, events: u64) -> (u64, VecDeque<Segment<E>>) {
        let first = self.tail + 1 - events.min(self.retain).min(self.tail);
        if first > self.tail {
            return (first, VecDeque::new());
        }
        (first, self.segments_from(Spot(first)))
    }

    pub(crate) fn retains(&self) -> bool {
        self.retain > 0
    }

    /// Lets go of what need not be retained, and gives the length of the sequence at which there
    /// will be more to let go of: about a segment's worth.
    pub(crate) fn let_go(&mut self, effects: &mut Effects<E>) -> u64 {
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
    pub(crate) fn pass(&mut self) -> u64 {
        self.tail += 1;
        self.tail
    }

    #[inline]
    pub(crate) fn append(&mut self, event: E, ticket: Option<&Arc<Ticket>>) -> u64 {
        self.tail += 1;
        let mut slot = Slot::new(event);
        if let Some(ticket) = ticket {
            self.awaited = self.tail;
            slot.ticket = Some(Arc::clone(ticket));
        }
        self.open.push(slot);
        if self.open.len() == self.slots {
            self.seal();
        }
        self.tail
    }

    /// Makes a segment of the open run, which must not be empty.
    fn seal(&mut self) {
        let Spot(first) = self.open_spot();
        self.links.push_back(Link {
            awaited: self.awaited >= first,
            segment: Segment::of(first, &mut self.open),
            readers: std::mem::take(&mut self.beyond),
        });
        self.join_back(self.links.len() - 1);
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
        let mut pair = self.links.range_mut(at - 1..=at);
        let (Some(before), Some(next)) = (pair.next(), pair.next()) else {
            return false;
        };
        let joined = before.segment.join(&mut next.segment, self.slots);
        if joined {
            before.readers += next.readers;
            before.awaited |= next.awaited;
            self.links.remove(at);
        }
        joined
    }

    /// Who waits for answers to event `seq`, if it is kept.
    pub(crate) fn awaited(&self, seq: u64) -> Option<&Arc<Ticket>> {
        if seq < self.first() {
            return None;
        }
        let slot = if let Some(link) = self.links.get(self.index(Spot(seq))) {
            link.segment.get(seq)
        } else {
            let index = seq.checked_sub(self.open_spot().0)?;
            self.open.get(usize::try_from(index).ok()?)?
        };
        slot.ticket.as_ref()
    }

    /// The segments with events after `position` that somebody waits for answers to, of a reader
    /// that is counted at `spot`.
    ///
    /// O(segments): what is in them is looked at without the lock.
    pub(crate) fn awaited_after(&mut self, spot: Spot, position: u64) -> Vec<Segment<E>> {
        if self.awaited <= position {
            return Vec::new();
        }
        if !self.open.is_empty() {
            self.seal();
        }
        let links = self.links.range(self.index(spot)..);
        let awaited = links.filter(|link| link.awaited && link.segment.last() > position);
        awaited.map(|link| link.segment.clone()).collect()
    }

    /// Lets go of everything that is not retained: all `readers` have read it. False if events are
    /// retained; then readers stay where they are counted.
    pub(crate) fn release(&mut self, readers: usize, effects: &mut Effects<E>) -> bool {
        if self.retain > 0 {
            self.trim(effects);
            return false;
        }
        if !self.open.is_empty() {
            self.seal();
        }
        self.beyond = readers;
        while let Some(link) = self.links.pop_front() {
            effects.push(Effect::Segment(link.segment));
        }
        // What a large backlog took is given back.
        self.open.shrink_to(KEPT);
        if self.links.capacity() >= LONG {
            self.links.shrink_to(KEPT);
        }
        true
    }

    /// Lets go of the segments at the front that nobody reads and that need not be retained.
    fn trim(&mut self, effects: &mut Effects<E>) {
        let is_free = |link: &Link<E>, past: u64| link.readers == 0 && link.segment.last() <= past;
        let past = self.tail.saturating_sub(self.retain) + u64::from(planted!("retained-too-few"));
        while self.links.front().is_some_and(|link| is_free(link, past)) {
            let link = self.links.pop_front().expect("there is a front");
            effects.push(Effect::Segment(link.segment));
        }
        self.links.give_back(LONG);
    }

    /// Where readers of the open run are counted: at its first event, there or not yet.
    fn open_spot(&self) -> Spot {
        Spot(self.tail + 1 - self.open.len() as u64)
    }

    /// Which segment has `spot`; one more than the last: the open run.
    fn index(&self, spot: Spot) -> usize {
        if self
            .links
            .front()
            .is_none_or(|link| link.segment.last() >= spot.0)
        {
            return 0;
        }
        (self.links).partition_point(|link| link.segment.last() < spot.0)
    }

    fn readers_mut(&mut self, index: usize) -> &mut usize {
        match self.links.get_mut(index) {
            Some(link) => &mut link.readers,
            None => &mut self.beyond,
        }
    }

    /// The invariants, with the number of `readers` there should be.
    pub(crate) fn check(&self, readers: usize) {
        // Each step looks at everything: not with a million of them.
        if self.links.len() > 256 {
            return;
        }
        let counted: usize = self.links.iter().map(|link| link.readers).sum();
        assert_eq!(counted + self.beyond, readers, "log: invariant 2");
        let front = self.links.front();
        assert!(
            self.retain > 0 || front.is_none_or(|f| f.readers > 0),
            "log: invariant 2"
        );
        let mut next = self.first();
        for link in &self.links {
            assert_eq!(next, link.segment.first(), "log: invariant 1");
            next = link.segment.last() + 1;
            let len = next - link.segment.first();
            assert!(len <= self.slots as u64, "log: invariant 4");
            let awaited = link.segment.tickets_after(0).next().is_some();
            assert_eq!(link.awaited, awaited, "log: invariant 3");
        }
        assert_eq!(next, self.open_spot().0, "log: invariant 1");
        let awaited = self.open.iter().any(|slot| slot.ticket.is_some());
        assert_eq!(awaited, self.awaited >= next, "log: invariant 3");
        assert!(self.open.len() < self.slots, "log: invariant 4");
    }

    /// The number of the oldest event that is kept, or of the next one.
    pub(crate) fn first(&self) -> u64 {
        match self.links.front() {
            Some(link) => link.segment.first(),
            None => self.open_spot().0,
        }
    }
}

#[cfg(all(test, not(any(genevent_shuttle, genevent_loom))))]
mod tests {
    use super::*;
    use crate::channel::ticket::Until;

    #[test]
    fn a_large_backlog_that_is_released_keeps_little_room() {
        let mut log = Log::new(1_024, 0);
        let mut effects = Effects::new();
        log.join();
        let ticket = Ticket::new(Until::Finished);
        for _ in 0..1_000 * log.slots {
            log.append((), Some(&ticket));
        }
        assert!(log.links.len() > LONG);
        log.release(1, &mut effects);
        effects.run();
        assert!(log.links.capacity() <= LONG);
        assert!(log.open.capacity() <= log.slots);
    }
}
