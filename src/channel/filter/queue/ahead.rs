//! Looking at the next event before taking it, for a handler.

use std::task::Waker;

use super::{FilterQueue, Popped, TakenEvent};
use crate::channel::filter::key_log::Loaded;
use crate::channel::filter::key_log::batch::KeyBatch;
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
    pub(crate) fn poll_front(
        &self,
        batch: &mut KeyBatch<T>,
        waker: &Waker,
    ) -> (Front, CursorState) {
        let front = with_spare_waker(waker, None, |spare| {
            let mut queue = self.queue.lock();
            let front = if let Some(seq) = self.next_seq(&queue) {
                Front::Event(seq)
            } else if let Some(Cause::Disconnected(cause)) = queue.closed.as_deref().cloned() {
                Front::Ended(EndReason::Disconnected { cause })
            } else {
                // The batch was read: it would have the next event of the log.
                match self.load::<true>(&mut queue, batch, waker, spare) {
                    Loaded::Batch => {
                        let (event, _) = batch.peek().expect("the batch was loaded");
                        Front::Event(event.seq())
                    }
                    Loaded::Parked => Front::Parked,
                    Loaded::Complete => Front::Ended(EndReason::Closed),
                    Loaded::NeedWaker => return None,
                }
            };
            Some((front, self.subscriber.cursor.finish()))
        });
        batch.drop_freed();
        front
    }

    /// Takes the next item if its number is `seq`; `None` if the item was overwritten. Also returns
    /// the new cursor, and how many events were missed before the item.
    pub(crate) fn pop_front(
        &self,
        batch: &mut KeyBatch<T>,
        seq: u64,
    ) -> Option<(TakenEvent<T>, CursorState, u64)> {
        let popped = self.try_pop_front(batch, seq);
        batch.drop_freed();
        popped
    }

    fn try_pop_front(
        &self,
        batch: &mut KeyBatch<T>,
        seq: u64,
    ) -> Option<(TakenEvent<T>, CursorState, u64)> {
        let mut queue = self.queue.lock();
        self.refill(&mut queue, batch);
        self.next_seq(&queue).filter(|next| *next == seq)?;
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
        let item = match self.open_log(&queue) {
            Some(log) => {
                if batch.peek().is_none() {
                    log.load(&self.subscriber, batch);
                }
                self.item_of_batch(batch)?
            }
            None => queue.items.pop_front()?,
        };
        let missed = queue.missed;
        let (taken, cursor) = self.take::<true>(queue, item);
        Some((taken, cursor, missed))
    }

    /// Returns the sequence number of the next item.
    pub(crate) fn front(&self) -> Option<u64> {
        self.next_seq(&self.queue.lock())
    }
}
