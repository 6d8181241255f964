//! Reading the log of a key, and what is left of it once the queue is closed.

use std::task::Waker;

use super::{CLOSED, FilterQueue, Popped, QueueInner, QueuedEvent, Value};
use crate::channel::filter::key_log::batch::KeyBatch;
use crate::channel::filter::key_log::event::{Freed, KeyedEvent};
use crate::channel::filter::key_log::{KeyLog, Loaded};
use crate::channel::subscriber::cursor::CursorState;
use crate::channel::ticket::Ticket;
use crate::util::spare_waker::with_spare_waker;
use crate::util::sync::Arc;

/// The number of undrawn events that become items at once.
const DRAWN_AT_ONCE: usize = 32;

impl<T> FilterQueue<T> {
    /// Returns the offset in the log of the event that fills half of the window, unless the reader reads on.
    /// `None` without a log, and once the queue is closed.
    pub(in crate::channel::filter) fn crowded_at(&self) -> Option<u64> {
        let log = self.log.as_ref()?;
        let unread = self.unread();
        (unread & CLOSED == 0).then(|| log.tail() - unread + self.window.div_ceil(2))
    }

    /// Returns the number of events in the log that the reader has yet to read.
    #[inline(never)]
    pub(super) fn unread_of(&self, log: &KeyLog<T>) -> u64 {
        log.unread(self.subscriber.cursor.load().position())
    }

    #[inline(never)]
    pub(super) fn has_room_in_log(&self, reserved: u64) -> bool {
        self.unread() + reserved < self.window
    }

    /// Pops as [`pop`](Self::pop) does, from a queue with a log.
    #[inline(never)]
    pub(super) fn pop_logged(
        &self,
        log: &KeyLog<T>,
        batch: &mut KeyBatch<T>,
        waker: &Waker,
        report_missed: bool,
    ) -> (Popped<T>, CursorState) {
        // About to park: clone the waker now, which saves taking the locks twice.
        let spare = (batch.is_caught_up(log.tail())).then(|| waker.clone());
        let popped = with_spare_waker(waker, spare, |spare| {
            self.try_pop::<true>(batch, waker, report_missed, spare)
        });
        batch.drop_freed();
        popped
    }

    /// Takes the next item, of the queue or of the batch.
    #[inline]
    pub(super) fn next_item<const LOGGED: bool>(
        &self,
        queue: &mut QueueInner<T>,
        batch: &mut KeyBatch<T>,
    ) -> Option<QueuedEvent<T>> {
        let item = queue.items.pop_front();
        if LOGGED {
            return item.or_else(|| self.item_of_batch(batch));
        }
        item
    }

    /// Returns the log, while the reader reads it.
    pub(super) fn open_log(&self, queue: &QueueInner<T>) -> Option<&KeyLog<T>> {
        self.log.as_deref().filter(|_| queue.closed.is_none())
    }

    /// Makes items of undrawn events.
    #[inline]
    pub(super) fn draw(&self, queue: &mut QueueInner<T>, freed: &mut Freed<T>) {
        for _ in 0..queue.undrawn.len().min(DRAWN_AT_ONCE) {
            let QueueInner { items, undrawn, .. } = queue;
            undrawn.pop(freed, |event, ticket| {
                items.push_back(self.item(event, ticket));
            });
        }
    }

    /// Prepares a closed queue for its reader, which reads the log no more.
    #[inline]
    pub(super) fn refill(&self, queue: &mut QueueInner<T>, batch: &mut KeyBatch<T>) {
        if queue.closed.is_some() {
            batch.end();
            if queue.items.is_empty() {
                self.draw(queue, batch.freed());
            }
        }
    }

    /// Takes the next event out of the batch, if there is one.
    pub(super) fn item_of_batch(&self, batch: &mut KeyBatch<T>) -> Option<QueuedEvent<T>> {
        let (event, ticket) = batch.peek()?;
        let item = self.item(event, ticket);
        let read = batch.advance();
        batch.freed().extend(read);
        Some(item)
    }

    /// Returns the item of an event of the log.
    fn item(&self, event: &KeyedEvent<T>, ticket: Option<&Arc<Ticket>>) -> QueuedEvent<T> {
        QueuedEvent {
            seq: event.seq(),
            value: Value::Shared(event.shared()),
            ticket: ticket.filter(|_| !self.subscriber.is_observer).cloned(),
        }
    }

    /// Loads the next events of the log into `batch`, if the batch was read. Without any, parks the reader of
    /// the open, empty queue, unless the queue is complete. A replaced waker is in `spare`, to be dropped
    /// without the lock.
    #[inline]
    pub(super) fn load<const LOGGED: bool>(
        &self,
        queue: &mut QueueInner<T>,
        batch: &mut KeyBatch<T>,
        waker: &Waker,
        spare: &mut Option<Waker>,
    ) -> Loaded {
        if let Some(log) = self.log.as_ref().filter(|_| LOGGED) {
            let read = self.subscriber.cursor.load().position();
            if !queue.complete || log.unread(read) > 0 {
                return log.load_or_park(&self.subscriber, batch, waker, spare);
            }
        }
        if queue.complete {
            return Loaded::Complete;
        }
        if !(queue.waker.as_ref()).is_some_and(|parked| parked.will_wake(waker)) {
            let Some(waker) = spare.take() else {
                return Loaded::NeedWaker;
            };
            *spare = queue.waker.replace(waker);
        }
        Loaded::Parked
    }
}
