//! Looking at the next event before taking it, for a handler.

use std::task::Waker;

use super::{FilterQueue, QueuedEvent};
use crate::channel::subscriber::cursor::CursorState;
use crate::end_reason::EndReason;
use crate::receipt::Cause;
use crate::util::spare_waker::with_spare_waker;

/// The result of [`FilterQueue::poll_front`].
pub(crate) enum Front {
    /// The sequence number of the next event.
    Event(u64),
    Ended(EndReason),
    /// The queue is empty and has stored the waker.
    Parked,
}

impl<T> FilterQueue<T> {
    /// Finishes the event in flight and returns the number of the next item, or stores the waker.
    /// Also returns the new cursor.
    pub(crate) fn poll_front(&self, waker: &Waker) -> (Front, CursorState) {
        with_spare_waker(waker, None, |spare| {
            let mut queue = self.queue.lock();
            let front = if let Some(item) = queue.items.front() {
                Front::Event(item.seq)
            } else if let Some(Cause::Disconnected(cause)) = queue.closed {
                Front::Ended(EndReason::Disconnected { cause })
            } else if queue.complete {
                Front::Ended(EndReason::Closed)
            } else {
                if !queue.waker.as_ref().is_some_and(|w| w.will_wake(waker)) {
                    // The replaced waker is dropped as a spare, without the lock.
                    let waker = spare.take()?;
                    *spare = queue.waker.replace(waker);
                }
                Front::Parked
            };
            Some((front, self.subscriber.cursor.finish()))
        })
    }

    /// Takes the next item if its number is `seq`; `None` if the item was overwritten. Also returns
    /// the new cursor, and how many items were overwritten before the item.
    pub(crate) fn pop_front(&self, seq: u64) -> Option<(QueuedEvent<T>, CursorState, u64)> {
        let mut queue = self.queue.lock();
        queue.items.front().filter(|item| item.seq == seq)?;
        let item = queue.items.pop_front()?;
        let missed = queue.missed;
        let (item, cursor) = self.take(queue, item);
        Some((item, cursor, missed))
    }

    /// Returns the sequence number of the next item.
    pub(crate) fn front(&self) -> Option<u64> {
        self.queue.lock().items.front().map(|item| item.seq)
    }
}
