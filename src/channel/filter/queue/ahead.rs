//! Looking at the next event before taking it, for a handler.

use std::task::Waker;

use super::{FilterQueue, Popped, TakenEvent};
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
            let front = if let Some(seq) = queue.next_seq() {
                Front::Event(seq)
            } else if let Some(Cause::Disconnected(cause)) = queue.closed.as_deref().cloned() {
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
    /// the new cursor, and how many events were missed before the item.
    pub(crate) fn pop_front(&self, seq: u64) -> Option<(TakenEvent<T>, CursorState, u64)> {
        let mut queue = self.queue.lock();
        queue.next_seq().filter(|next| *next == seq)?;
        if queue.replayed.is_some() {
            let mut missed = 0;
            loop {
                match self.take_replayed(&mut queue, true) {
                    Popped::Missed(events) => missed = events,
                    Popped::Event(taken) => {
                        return Some((taken, self.subscriber.cursor.finish(), missed));
                    }
                    _ => unreachable!("a replay has values and losses"),
                }
            }
        }
        let item = queue.items.pop_front()?;
        let missed = queue.missed;
        let (taken, cursor) = self.take(queue, item);
        Some((taken, cursor, missed))
    }

    /// Returns the sequence number of the next item.
    pub(crate) fn front(&self) -> Option<u64> {
        self.queue.lock().next_seq()
    }
}
