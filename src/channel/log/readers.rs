//! Readers of the log: where each is counted, and what it reads next.

use std::collections::VecDeque;

use super::Log;
use crate::channel::effects::Effects;
use crate::channel::log::segment::Segment;
use crate::channel::subscriber::SubscriberState;

/// The segment in which a reader is counted: the number of one of its events, or, if that has
/// left, of one before the first segment there is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReaderPos(pub(super) u64);

impl ReaderPos {
    /// As it was noted last.
    #[inline]
    pub(crate) fn of(place: &SubscriberState) -> Self {
        Self(place.slots.reader_pos.get())
    }

    #[inline]
    pub(crate) fn store(self, place: &SubscriberState) {
        place.slots.reader_pos.set(self.0);
    }
}

impl<E> Log<E> {
    /// A new reader, of what comes after the newest event.
    pub(crate) fn join(&mut self) -> ReaderPos {
        if self.retain > 0 && !self.active.is_empty() {
            // Counted behind what is retained, so that this need not stay for it.
            self.seal();
        }
        self.active_readers += 1;
        self.active_pos()
    }

    pub(crate) fn leave(&mut self, spot: ReaderPos, effects: &mut Effects<E>) {
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
        spot: &mut ReaderPos,
        position: u64,
        effects: &mut Effects<E>,
    ) -> usize {
        let from = self.index(*spot);
        let mut to = from;
        while (self.segments.get(to)).is_some_and(|link| link.segment.last() <= position) {
            to += 1;
        }
        if from < to {
            let left = self.readers_mut(from);
            *left -= 1;
            let was_last = *left == 0;
            *self.readers_mut(to) += 1;
            *spot = match self.segments.get(to) {
                Some(link) => ReaderPos(link.segment.first()),
                None => self.active_pos(),
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
    pub(crate) fn advance_to_end(&mut self, spot: &mut ReaderPos, effects: &mut Effects<E>) {
        let Some(newest) = self.segments.back() else {
            return;
        };
        if spot.0 > newest.segment.last() {
            return;
        }
        let from = match self.segments.len() {
            1 => 0,
            _ => self.index(*spot),
        };
        let left = self.readers_mut(from);
        *left -= 1;
        let was_last = *left == 0;
        self.active_readers += 1;
        *spot = self.active_pos();
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
        if index == self.segments.len() {
            self.seal();
            // It may have been joined with the one before.
            index = self.segments.len() - 1;
        }
        &self.segments[index].segment
    }

    /// The segments that hold all that a reader has not read.
    pub(crate) fn segments_from(&mut self, spot: ReaderPos) -> VecDeque<Segment<E>> {
        if !self.active.is_empty() {
            self.seal();
        }
        let segments = self.segments.range(self.index(spot)..);
        segments.map(|link| link.segment.clone()).collect()
    }

    /// Where readers of the open run are counted: at its first event, there or not yet.
    pub(super) fn active_pos(&self) -> ReaderPos {
        ReaderPos(self.tail + 1 - self.active.len() as u64)
    }

    /// Which segment has `spot`; one more than the last: the open run.
    pub(super) fn index(&self, spot: ReaderPos) -> usize {
        if self
            .segments
            .front()
            .is_none_or(|link| link.segment.last() >= spot.0)
        {
            return 0;
        }
        (self.segments).partition_point(|link| link.segment.last() < spot.0)
    }

    pub(super) fn readers_mut(&mut self, index: usize) -> &mut usize {
        match self.segments.get_mut(index) {
            Some(link) => &mut link.readers,
            None => &mut self.active_readers,
        }
    }
}
