//! Finding stored events, by their sequence numbers or by a property that rises with them.

use super::segment::{Segment, Slot};
use super::{Log, SegmentKey};

impl<E> Log<E> {
    /// Returns the slot of event `seq`, if the event is stored.
    pub(super) fn slot(&self, seq: u64) -> Option<&Slot<E>> {
        if seq < self.first() {
            return None;
        }
        if let Some(counted) = self.segments.get(self.index(SegmentKey(seq))) {
            return Some(counted.segment.get(seq));
        }
        let index = seq.checked_sub(self.active_key().0)?;
        self.active.get(usize::try_from(index).ok()?)
    }

    /// Returns the event with this sequence number, if the event is stored.
    pub(crate) fn get(&self, seq: u64) -> Option<&E> {
        Some(self.slot(seq)?.event())
    }

    /// Returns the sequence number of the last stored event for which `is_before` is true; or that of the
    /// event before all stored events, if there is none. `is_before` must be false from some event on.
    pub(crate) fn last_before(&self, is_before: impl Fn(&E) -> bool) -> u64 {
        let ends_before = |segment: &Segment<E>| is_before(segment.get(segment.last()).event());
        let at = (self.segments).partition_point(|counted| ends_before(&counted.segment));
        if let Some(counted) = self.segments.get(at) {
            return counted.segment.last_before(is_before);
        }
        let before = (self.active).partition_point(|slot| is_before(slot.event()));
        self.active_key().0 + before as u64 - 1
    }
}
