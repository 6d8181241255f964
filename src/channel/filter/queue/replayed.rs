//! The values of retained events, which a filtered subscription yields before its live events.

use std::collections::VecDeque;

use super::{FilterQueue, Popped, QueueInner, QueuedEvent, TakenEvent, Value};
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

    /// Returns the number of events and of replayed values to be read.
    pub(crate) fn stored(&self) -> usize {
        self.stored_in(&self.queue.lock())
    }

    /// Returns [`stored`](Self::stored) for the locked queue.
    pub(super) fn stored_in(&self, queue: &QueueInner<T>) -> usize {
        let replayed = queue.replayed.as_ref();
        let queued = match self.open_log(queue) {
            Some(log) => log.unread(self.subscriber.cursor.load().position()),
            None => (queue.items.len() + queue.undrawn.len()) as u64,
        };
        let queued = usize::try_from(queued).expect("unread events are in memory");
        queued + replayed.map_or(0, |replayed| replayed.len())
    }

    /// Returns the sequence number of the next value or event to be read.
    #[cfg(feature = "rt")]
    pub(super) fn next_seq(&self, queue: &QueueInner<T>) -> Option<u64> {
        let replayed = queue.replayed.as_ref();
        let replayed = replayed.and_then(|replayed| replayed.values.front());
        let replayed = replayed.map(|(seq, _)| *seq);
        replayed.or_else(|| self.front_seq(queue, self.subscriber.cursor.load()))
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
    /// Takes the next part of the replay: a value, or the number of missed events.
    fn pop_replayed(&mut self, report_missed: bool) -> Popped<T> {
        let replayed = (self.replayed.as_mut()).expect("called while a replay is unread");
        let missed = std::mem::take(&mut replayed.missed);
        if report_missed && missed > 0 {
            return Popped::Missed(missed);
        }
        let next = replayed.values.pop_front();
        let (seq, value) = next.expect("an unread replay has values");
        if replayed.values.is_empty() {
            self.replayed = None;
        }
        let (value, ticket) = (Value::Owned(value), None);
        Popped::Event(TakenEvent {
            item: QueuedEvent { seq, value, ticket },
            needs_ack: false,
        })
    }
}
