//! Readers of the log: the segment counting each reader, and the next segment to read.
//!
//! A reader is counted in the segment with its next event. Moving to a later segment moves the
//! reader's count. The last reader to leave a segment frees the segment, or makes the
//! segment mergeable with its neighbours.

use std::collections::VecDeque;

use super::Log;
use crate::channel::log::segment::{FreedSegments, Segment};
use crate::channel::subscriber::SubscriberState;

/// The segment that counts a reader, named by the sequence number of any of its events. If that
/// segment was merged with others or freed, the number lies in the merged segment, or before the
/// first stored event.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentKey(pub(super) u64);

impl SegmentKey {
    /// Returns the position stored last for `subscriber`.
    #[inline]
    pub(crate) fn of(subscriber: &SubscriberState) -> Self {
        Self(subscriber.slots().segment_key.get())
    }

    /// Stores this position for `subscriber`.
    #[inline]
    pub(crate) fn store(self, subscriber: &SubscriberState) {
        subscriber.slots().segment_key.set(self.0);
    }
}

impl<E> Log<E> {
    /// Adds a reader that starts after the newest event.
    pub(crate) fn add_reader(&mut self) -> SegmentKey {
        if self.retain > 0 {
            // Counting the reader in the active segment would keep the retained events in there until
            // the reader moves on.
            self.seal_active();
        }
        self.active_readers += 1;
        self.active_key()
    }

    /// Removes the reader counted at `key`.
    pub(crate) fn leave(&mut self, key: SegmentKey, freed: &mut impl FreedSegments<E>) {
        let index = self.index(key);
        *self.readers_mut(index) -= 1;
        self.trim(freed);
    }

    /// Moves a reader to the segment with the event after `position`, and returns the index of that
    /// segment.
    #[expect(
        clippy::inline_always,
        reason = "every batch calls it; the only other caller is cold"
    )]
    #[inline(always)]
    pub(crate) fn advance(
        &mut self,
        key: &mut SegmentKey,
        position: u64,
        freed: &mut impl FreedSegments<E>,
    ) -> usize {
        let from = self.index(*key);
        // Skip the segments the reader has read to the end.
        let mut to = from;
        while (self.segments.get(to)).is_some_and(|counted| counted.segment.last() <= position) {
            to += 1;
        }
        if from < to {
            // Move the reader's count.
            let readers_left = self.readers_mut(from);
            *readers_left -= 1;
            let was_last = *readers_left == 0;
            *self.readers_mut(to) += 1;
            *key = match self.segments.get(to) {
                Some(counted) => SegmentKey(counted.segment.first()),
                None => self.active_key(),
            };
            // The last reader frees the segment, or makes it mergeable: both change the indices.
            if was_last {
                self.merge_back(from);
                self.trim(freed);
                return self.index(*key);
            }
        }
        to
    }

    /// Moves a reader that has read everything to the active segment, as
    /// [`advance`](Self::advance) would.
    #[inline]
    pub(crate) fn advance_to_end(
        &mut self,
        key: &mut SegmentKey,
        freed: &mut impl FreedSegments<E>,
    ) {
        let Some(newest) = self.segments.back() else {
            return;
        };
        if key.0 > newest.segment.last() {
            return;
        }
        // A single segment is the common case, and needs no search.
        let from = match self.segments.len() {
            1 => 0,
            _ => self.index(*key),
        };
        let readers_left = self.readers_mut(from);
        *readers_left -= 1;
        let was_last = *readers_left == 0;
        self.active_readers += 1;
        *key = self.active_key();
        if was_last {
            self.merge_back(from);
            self.trim(freed);
        }
    }

    /// Counts `subscriber` as a reader of its next event. The caller must [`trim`](Self::trim).
    ///
    /// For a flush: a subscriber moves on only when it asks for events, and stays counted in the
    /// segment it has read to the end until then.
    #[inline(never)]
    pub(crate) fn catch_up(
        &mut self,
        subscriber: &SubscriberState,
        freed: &mut impl FreedSegments<E>,
    ) {
        if seeded_bug!("flush-keeps-events") {
            return;
        }
        let mut position = subscriber.cursor.load().position();
        if seeded_bug!("flush-frees-unread") {
            position = self.tail;
        }
        let mut key = SegmentKey::of(subscriber);
        self.advance(&mut key, position, freed);
        key.store(subscriber);
    }

    /// Returns the segment `index`, to which [`advance`](Self::advance) has moved a reader. Seals the
    /// active segment first if `index` names it; the active segment must not be empty then.
    #[expect(
        clippy::inline_always,
        reason = "every batch calls it; the only other caller is cold"
    )]
    #[inline(always)]
    pub(crate) fn segment_at(&mut self, mut index: usize) -> &Segment<E> {
        if index == self.segments.len() {
            self.seal();
            // Sealing may have merged the new segment with its predecessor.
            index = self.segments.len() - 1;
        }
        &self.segments[index].segment
    }

    /// Returns all segments from `key` to the newest event.
    pub(crate) fn segments_from(&mut self, key: SegmentKey) -> VecDeque<Segment<E>> {
        self.seal_active();
        let segments = self.segments.range(self.index(key)..);
        segments.map(|counted| counted.segment.clone()).collect()
    }

    /// Returns the position of readers of the active segment: its first event, stored or to come.
    pub(super) fn active_key(&self) -> SegmentKey {
        SegmentKey(self.tail + 1 - self.active.len() as u64)
    }

    /// Returns the index of the segment with `key`; the number of segments means the active segment.
    pub(super) fn index(&self, key: SegmentKey) -> usize {
        if self
            .segments
            .front()
            .is_none_or(|counted| counted.segment.last() >= key.0)
        {
            return 0;
        }
        (self.segments).partition_point(|counted| counted.segment.last() < key.0)
    }

    /// Returns the reader count of the segment `index`, or of the active segment.
    fn readers_mut(&mut self, index: usize) -> &mut usize {
        match self.segments.get_mut(index) {
            Some(counted) => &mut counted.readers,
            None => &mut self.active_readers,
        }
    }
}
