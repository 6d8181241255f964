//! A run of events in shared storage, which never changes.

use crate::channel::ticket::{AckLevel, Ticket};
use crate::util::panic_guard::drop_caught;
use crate::util::sync::Arc;

/// The most events that any segment holds.
pub(crate) const MAX_SLOTS: usize = 256;

/// The most events that a segment holds where there is room for `room` of them: a quarter of these,
/// but no fewer than 64.
///
/// It is how many events one lock gives a reader. But an event stays in memory while a neighbour in
/// its segment is unread, so this also bounds what lingers.
pub(crate) fn slots_for(room: u64) -> usize {
    usize::try_from(room / 4).map_or(MAX_SLOTS, |quarter| quarter.clamp(64, MAX_SLOTS))
}

/// So few events are moved into one segment however they are spread.
const SHORT: usize = 32;

/// One event, and who waits for its answers.
pub(crate) struct Slot<E> {
    /// `None` only in a slot whose content has moved on.
    event: Option<E>,
    pub(crate) ticket: Option<Arc<Ticket>>,
}

impl<E> Slot<E> {
    #[inline]
    pub(crate) fn new(event: E) -> Self {
        Self {
            event: Some(event),
            ticket: None,
        }
    }

    #[inline]
    pub(crate) fn event(&self) -> &E {
        self.event.as_ref().expect("a shared slot is not emptied")
    }

    /// What somebody waits for, if anybody does.
    #[inline]
    pub(crate) fn until(&self) -> Option<AckLevel> {
        self.ticket.as_ref().map(|ticket| ticket.until())
    }

    fn take(&mut self) -> Self {
        Self {
            event: self.event.take(),
            ticket: self.ticket.take(),
        }
    }
}

impl<E> Drop for Slot<E> {
    /// Drops every event by itself: one whose `Drop` panics harms none of its neighbours, nor
    /// the publisher or subscriber that happened to be the last to let go.
    #[inline]
    fn drop(&mut self) {
        if std::mem::needs_drop::<E>() {
            if let Some(event) = self.event.take() {
                drop_caught(event);
            }
        }
    }
}

/// Consecutive events; cheap to clone.
pub(crate) struct Segment<E> {
    /// The number of the event in the first slot.
    first: u64,
    /// The number of the last one to be read.
    last: u64,
    /// At least one.
    slots: Arc<[Slot<E>]>,
}

impl<E> Segment<E> {
    /// Takes events number `first` and following, at least one, out of `open`.
    pub(crate) fn of(first: u64, open: &mut Vec<Slot<E>>) -> Self {
        let slots: Arc<[_]> = if open.len() == 1 {
            // As most are where readers keep up: not worth a loop.
            Arc::new([open.pop().expect("there is one")])
        } else if open.len() < 32 {
            open.drain(..).collect()
        } else {
            // Moved as one piece.
            std::mem::take(open).into()
        };
        let last = first + slots.len() as u64 - 1;
        Self { first, last, slots }
    }

    /// The number of its first event.
    #[inline]
    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    /// The same events, but none after `last` to be read.
    pub(crate) fn up_to(&self, last: u64) -> Self {
        Self {
            last: self.last.min(last),
            ..self.clone()
        }
    }

    /// The number of its last event.
    #[inline]
    pub(crate) fn last(&self) -> u64 {
        self.last
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "below the number of slots")]
    pub(crate) fn get(&self, seq: u64) -> &Slot<E> {
        &self.slots[(seq - self.first) as usize]
    }

    /// Those who wait for answers to what comes after `position`.
    pub(crate) fn tickets_after(&self, position: u64) -> impl Iterator<Item = &Arc<Ticket>> {
        let before = (position + 1).saturating_sub(self.first);
        let before = usize::try_from(before).unwrap_or(usize::MAX);
        let after = self.slots.get(before..).unwrap_or_default();
        after.iter().filter_map(|slot| slot.ticket.as_ref())
    }

    /// Makes one of two neighbours, unless that would be longer than `max`, or a reader holds one of
    /// them, or one is so much shorter than the other that moving the events would not pay.
    ///
    /// So each of them is at least a fifth of what comes of it, but for short ones: a row of these
    /// moves some thousand events, of which each moves a few times, and not each of them once for
    /// every segment in the row.
    pub(crate) fn join(&mut self, next: &mut Self, max: usize) -> bool {
        let (len, more) = (self.slots.len(), next.slots.len());
        if len > more || len + more > max || (len + more > SHORT && len < more / 4) {
            return false;
        }
        let (Some(slots), Some(others)) =
            (Arc::get_mut(&mut self.slots), Arc::get_mut(&mut next.slots))
        else {
            return false;
        };
        self.slots = slots.iter_mut().chain(others).map(Slot::take).collect();
        self.last = next.last;
        true
    }
}

// Not derived, which would ask `E` for `Clone`.
impl<E> Clone for Segment<E> {
    fn clone(&self) -> Self {
        Self {
            first: self.first,
            last: self.last,
            slots: Arc::clone(&self.slots),
        }
    }
}
