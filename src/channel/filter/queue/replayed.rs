//! The values of retained events, which a filtered subscription yields before its live events.

use std::collections::VecDeque;

use super::{FilterQueue, Popped, QueueInner, QueuedEvent, TakenEvent};
use crate::util::panic_guard::drop_all_caught;

/// The wanted events of a replay. They take no room in the window, and owe nothing. Not empty once the
/// reader has them.
pub(crate) struct ReplayedValues<T> {
    /// The sequence numbers rise, and none is above the cursor's position at the join.
    values: VecDeque<(u64, T)>,
    /// The number of events before the values that are not retained any more.
    missed: u64,
}

impl<T> ReplayedValues<T> {
    pub(crate) fn new(missed: u64) -> Self {
        Self {
            values: VecDeque::new(),
            missed,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    /// Takes the number of events before the values that are not retained any more.
    pub(crate) fn take_missed(&mut self) -> u64 {
        std::mem::take(&mut self.missed)
    }

    /// Takes the next value and its sequence number. Any loss before has been reported, or is not.
    pub(crate) fn pop(&mut self) -> (u64, T) {
        self.missed = 0;
        (self.values.pop_front()).expect("an unread replay has values")
    }

    /// Returns the sequence number of the next value.
    #[cfg(feature = "rt")]
    pub(crate) fn first_seq(&self) -> Option<u64> {
        self.values.front().map(|(seq, _)| *seq)
    }

    /// Adds the value of an event that is older than all others.
    pub(crate) fn push_older(&mut self, seq: u64, value: T) {
        self.values.push_front((seq, value));
    }
}

impl<T> Drop for ReplayedValues<T> {
    fn drop(&mut self) {
        drop_all_caught(std::mem::take(&mut self.values));
    }
}

impl<T> FilterQueue<T> {
    /// Lets the reader begin with `replayed`. Called before the subscription is read.
    pub(crate) fn set_replayed(&self, replayed: ReplayedValues<T>) {
        if replayed.len() > 0 {
            let old = self.queue.lock().replayed.replace(Box::new(replayed));
            debug_assert!(old.is_none(), "a subscription begins once");
        } else if replayed.missed > 0 {
            // Missed before the first live event, as events that are overwritten.
            self.queue.lock().missed += replayed.missed;
        }
    }

    /// Takes the next part of the replay out of the locked queue.
    #[cold]
    pub(super) fn take_replayed(
        &self,
        queue: &mut QueueInner<T>,
        report_missed: bool,
    ) -> Popped<T> {
        let popped = queue.pop_replayed(report_missed);
        if matches!(popped, Popped::Event(_)) {
            self.subscriber.receive_unowed();
        }
        popped
    }
}

impl<T> QueueInner<T> {
    /// Returns the number of items and of replayed values to be read.
    pub(super) fn stored(&self) -> usize {
        let replayed = self.replayed.as_ref();
        self.items.len() + replayed.map_or(0, |replayed| replayed.len())
    }

    /// Takes the next part of the replay: a value, or the number of missed events.
    fn pop_replayed(&mut self, report_missed: bool) -> Popped<T> {
        let replayed = (self.replayed.as_mut()).expect("called while a replay is unread");
        if report_missed && replayed.missed > 0 {
            return Popped::Missed(replayed.take_missed());
        }
        let (seq, value) = replayed.pop();
        if replayed.values.is_empty() {
            self.replayed = None;
        }
        let ticket = None;
        Popped::Event(TakenEvent {
            item: QueuedEvent { seq, value, ticket },
            needs_ack: false,
        })
    }

    /// Returns the sequence number of the next value or item to be read.
    #[cfg(feature = "rt")]
    pub(super) fn next_seq(&self) -> Option<u64> {
        let replayed = self.replayed.as_ref();
        let replayed = replayed.and_then(|replayed| replayed.first_seq());
        replayed.or_else(|| self.items.front().map(|item| item.seq))
    }
}
