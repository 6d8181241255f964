//! The readers of a key log that may have no room.

use crate::channel::subscriber::SubscriberState;
use crate::util::number_table::NumberTable;
use crate::util::sync::Arc;

/// Readers, by the numbers of their subscribers.
pub(super) type Readers = NumberTable<Arc<SubscriberState>>;

/// The crowded readers, whose unread events fill at least half of their window.
///
/// # Invariants
/// 1. `readers` has each reader that was crowded when the newest event was appended. Each other reader has
///    room for an event, while no more than half of the smallest window is reserved.
/// 2. No other reader is crowded before the log has the event with offset `next`.
pub(super) struct Crowd {
    /// A table, so that leaving takes no time for each reader that stays.
    readers: Readers,
    next: u64,
    /// A lower bound of the windows of all readers of the log.
    smallest_window: u64,
}

/// Returns the offset of the event that makes a reader crowded, which has read up to offset `read`.
fn crowded_at(read: u64, reader: &SubscriberState) -> u64 {
    read + (reader.window as u64).div_ceil(2)
}

impl Crowd {
    pub(super) fn new() -> Self {
        Self {
            readers: Readers::new(),
            next: u64::MAX,
            smallest_window: u64::MAX,
        }
    }

    pub(super) fn join(&mut self, reader: &SubscriberState, tail: u64) {
        self.next = self.next.min(crowded_at(tail, reader));
        self.smallest_window = self.smallest_window.min(reader.window as u64);
    }

    pub(super) fn leave(&mut self, number: u64) {
        self.readers.remove(number);
    }

    /// Returns the crowded readers: the only readers that may have no room beside `reserved` events, or
    /// `None` if any reader may have none.
    pub(super) fn readers_beside(&self, reserved: u64) -> Option<&Readers> {
        (reserved <= self.smallest_window / 2).then_some(&self.readers)
    }

    /// Restores the invariants after an event was appended, at offset `tail`. `all` has all readers of the log,
    /// and `read` returns up to which offset a reader has read.
    pub(super) fn update(
        &mut self,
        all: &Readers,
        tail: u64,
        read: impl Fn(&SubscriberState) -> u64,
    ) {
        let mut next = u64::MAX;
        let mut is_crowded = |reader: &SubscriberState| {
            let at = crowded_at(read(reader), reader);
            if at > tail {
                next = next.min(at);
            }
            at <= tail
        };
        if self.next <= tail && !seeded_bug!("crowded-key-readers-forgotten") {
            let mut crowded = Readers::new();
            for reader in all.iter().filter(|reader| is_crowded(reader)) {
                crowded.insert(reader.id.number, Arc::clone(reader));
            }
            (self.readers, self.next) = (crowded, next);
        } else if self.readers.len() > 0 {
            let readers = self.readers.iter().filter(|reader| !is_crowded(reader));
            let uncrowded: Vec<_> = readers.map(|reader| reader.id.number).collect();
            for number in uncrowded {
                self.readers.remove(number);
            }
            self.next = self.next.min(next);
        }
    }

    /// Returns the numbers of the lossless crowded readers.
    pub(super) fn lossless(&self) -> Vec<u64> {
        let readers = self.readers.iter();
        let lossless = readers.filter(|reader| reader.overflow.is_lossless());
        lossless.map(|reader| reader.id.number).collect()
    }
}
