//! The events that somebody has yet to read, in segments that are let go when nobody has.
//!
//! ```text
//!              oldest                                   newest
//!  segments   ┌──┬──┐ ┌──┬──┬──┬──┐ ┌──┬──┬──┬──┬──┬──┬──┬──┐
//!             │ 5│ 6│ │ 7│ 8│ 9│10│ │11│12│13│  │  │  │  │  │   beyond
//!             └──┴──┘ └──┴──┴──┴──┘ └──┴──┴──┴──┴──┴──┴──┴──┘
//!  readers       1         0                  2                  0
//!                  ▲                        ▲
//!   slow: position 5, unread 8              │ tail = 13
//!                              fast: position 13, unread 0
//! ```
//!
//! Events are kept once for all subscribers. Segments double in size from one slot to
//! [`MAX_SLOTS`] while a backlog lasts. A subscriber is counted as a reader of the segment in
//! which its next event is, or as beyond the last one; segments without readers leave at the
//! front.

use std::collections::VecDeque;

use crate::ack::Ticket;
use crate::effects::{Effect, Effects};
use crate::segment::{MAX_SLOTS, Segment, Slot};
use crate::sync::Arc;

/// Part of a segment for one reader: the events up to `end` have been stored.
pub(crate) struct Batch<E> {
    pub(crate) segment: Arc<Segment<E>>,
    /// The number of the last event that may be read.
    pub(crate) end: u64,
}

/// Which segment a reader is in, counted from the first there ever was; if that one is gone, the
/// first there is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spot(u64);

/// # Invariants
/// 1. The segments, if any, hold consecutive events, the last of which is `tail`.
/// 2. Each reader is counted once, in `readers` or in `beyond`; the first segment has readers.
/// 3. `awaited` holds the awaited events that are still in segments, in order.
pub(crate) struct Log<E> {
    /// The number of the newest event; 0 before the first.
    tail: u64,
    links: VecDeque<Link<E>>,
    /// How many segments have left at the front.
    gone: u64,
    /// Readers that have read every segment to its last slot.
    beyond: usize,
    awaited: VecDeque<(u64, Arc<Ticket>)>,
}

/// For so many segments and awaited events, room is kept when the log is empty.
const KEPT: usize = 8;

/// One segment, and how many subscribers read it.
struct Link<E> {
    segment: Arc<Segment<E>>,
    readers: usize,
}

impl<E> Log<E> {
    pub(crate) fn new() -> Self {
        Self {
            tail: 0,
            links: VecDeque::new(),
            gone: 0,
            beyond: 0,
            awaited: VecDeque::new(),
        }
    }

    pub(crate) fn tail(&self) -> u64 {
        self.tail
    }

    // ---- Readers ----------------------------------------------------------------------------

    /// A new reader, of what comes after the newest event.
    pub(crate) fn join(&mut self) -> Spot {
        let mut spot = Spot(self.gone + self.links.len() as u64);
        match self.links.back_mut() {
            // The last segment has a slot left for the next event.
            Some(last) if last.segment.last() > self.tail => {
                last.readers += 1;
                spot.0 -= 1;
            }
            _ => self.beyond += 1,
        }
        spot
    }

    pub(crate) fn leave(&mut self, spot: Spot, effects: &mut Effects<E>) {
        *self.readers_mut(spot) -= 1;
        self.trim(effects);
    }

    /// Moves a reader on to the segment that has what comes after `position`.
    pub(crate) fn advance(&mut self, spot: &mut Spot, position: u64, effects: &mut Effects<E>) {
        let mut to = Spot(spot.0.max(self.gone));
        while self
            .index(to)
            .is_some_and(|index| self.links[index].segment.last() <= position)
        {
            to.0 += 1;
        }
        if to.0 > spot.0.max(self.gone) {
            *self.readers_mut(*spot) -= 1;
            *self.readers_mut(to) += 1;
            self.trim(effects);
        }
        *spot = to;
    }

    /// What a reader that has been moved on there may read next.
    pub(crate) fn batch(&self, spot: Spot) -> Option<Batch<E>> {
        let segment = &self.links[self.index(spot)?].segment;
        Some(Batch {
            segment: Arc::clone(segment),
            end: segment.last().min(self.tail),
        })
    }

    /// The segments that hold all that a reader has not read.
    pub(crate) fn segments_from(&self, spot: Spot) -> VecDeque<Arc<Segment<E>>> {
        let start = self.index(spot).unwrap_or(self.links.len());
        let links = self.links.range(start..);
        links.map(|link| Arc::clone(&link.segment)).collect()
    }

    // ---- Events -----------------------------------------------------------------------------

    /// An event that nobody hears takes its number, and no room.
    pub(crate) fn pass(&mut self) -> u64 {
        self.tail += 1;
        self.tail
    }

    pub(crate) fn append(&mut self, event: E, ticket: Option<Arc<Ticket>>) -> u64 {
        self.tail += 1;
        if let Some(ticket) = &ticket {
            self.awaited.push_back((self.tail, Arc::clone(ticket)));
        }
        let slots = match self.links.back() {
            Some(last) if last.segment.last() >= self.tail => None,
            Some(last) => Some((last.segment.slots() * 2).min(MAX_SLOTS)),
            None => Some(1),
        };
        if let Some(slots) = slots {
            self.links.push_back(Link {
                segment: Segment::new(self.tail, slots),
                readers: std::mem::take(&mut self.beyond),
            });
        }
        let last = self.links.back().expect("one was just made sure of");
        last.segment.fill(self.tail, Slot { event, ticket });
        self.tail
    }

    /// Who waits for answers to event `seq`, if it is kept.
    pub(crate) fn awaited(&self, seq: u64) -> Option<&Arc<Ticket>> {
        let found = self.awaited.binary_search_by_key(&seq, |&(seq, _)| seq);
        found.ok().map(|index| &self.awaited[index].1)
    }

    /// Who waits for answers to what comes after `position`.
    pub(crate) fn awaited_after(&self, position: u64) -> impl Iterator<Item = &Arc<Ticket>> {
        let start = self.awaited.partition_point(|&(seq, _)| seq <= position);
        self.awaited.range(start..).map(|(_, ticket)| ticket)
    }

    /// Lets go of everything: all `readers` have read it.
    pub(crate) fn release(&mut self, readers: usize, effects: &mut Effects<E>) {
        self.beyond = readers;
        self.gone += self.links.len() as u64;
        let links = self.links.drain(..);
        effects.extend(links.map(|link| Effect::Segment(link.segment)));
        self.awaited.clear();
        // What a large backlog took is given back.
        self.links.shrink_to(KEPT);
        self.awaited.shrink_to(KEPT);
    }

    /// Lets go of the segments at the front that nobody will read.
    fn trim(&mut self, effects: &mut Effects<E>) {
        while self.links.front().is_some_and(|link| link.readers == 0) {
            let link = self.links.pop_front().expect("there is a front");
            self.gone += 1;
            let last = link.segment.last();
            effects.push(Effect::Segment(link.segment));
            while self.awaited.front().is_some_and(|&(seq, _)| seq <= last) {
                self.awaited.pop_front();
            }
        }
    }

    /// Where the segment of `spot` is, unless that is beyond the last.
    fn index(&self, spot: Spot) -> Option<usize> {
        let index = usize::try_from(spot.0.saturating_sub(self.gone)).ok()?;
        (index < self.links.len()).then_some(index)
    }

    fn readers_mut(&mut self, spot: Spot) -> &mut usize {
        match self.index(spot) {
            Some(index) => &mut self.links[index].readers,
            None => &mut self.beyond,
        }
    }

    /// The invariants, with the number of `readers` there should be.
    pub(crate) fn check(&self, readers: usize) {
        // Each step looks at everything: not with a million of them.
        if self.links.len().max(self.awaited.len()) > 256 {
            return;
        }
        let counted: usize = self.links.iter().map(|link| link.readers).sum();
        assert_eq!(counted + self.beyond, readers, "log: invariant 2");
        let front = self.links.front();
        assert!(front.is_none_or(|f| f.readers > 0), "log: invariant 2");
        let mut next = front.map(|link| link.segment.first());
        for link in &self.links {
            assert_eq!(next, Some(link.segment.first()), "log: invariant 1");
            next = Some(link.segment.last() + 1);
        }
        assert!(next.is_none_or(|n| n > self.tail), "log: invariant 1");
        let first = front.map_or(self.tail + 1, |link| link.segment.first());
        let mut awaited = self.awaited.iter().map(|&(seq, _)| seq);
        assert!(awaited.clone().is_sorted(), "log: invariant 3");
        assert!(awaited.all(|seq| seq >= first), "log: invariant 3");
    }

    /// The number of the oldest event that is kept, or of the next one.
    pub(crate) fn first(&self) -> u64 {
        self.links
            .front()
            .map_or(self.tail + 1, |link| link.segment.first())
    }
}
