//! The filter queue as the channel sees it.

use std::task::Waker;

use super::FilterQueue;
use crate::channel::filter::any_queue::{AnyQueue, Closed};
use crate::channel::subscriber::SubscriberState;
use crate::channel::subscriber::cursor::CursorState;
use crate::receipt::Cause;
use crate::util::sync::Arc;

/// The number of items that [`AnyQueue::settle_unread`] visits before releasing the lock.
const SETTLED_AT_ONCE: usize = 64;

impl<T: Send> AnyQueue for FilterQueue<T> {
    fn subscriber(&self) -> &Arc<SubscriberState> {
        self.subscriber()
    }

    fn len(&self) -> usize {
        self.len()
    }

    fn front_and_cursor(&self) -> (Option<u64>, CursorState) {
        let queue = self.queue.lock();
        let front = queue.items.front().map(|item| item.seq);
        (front, self.subscriber.cursor.load())
    }

    fn contains(&self, seq: u64) -> bool {
        let queue = self.queue.lock();
        let found = queue.items.binary_search_by_key(&seq, |item| item.seq);
        found.is_ok()
    }

    /// The tickets of the unread events are left for [`settle_unread`](Self::settle_unread).
    fn close(&self, cause: Cause) -> Closed {
        let mut queue = self.queue.lock();
        queue.closed = Some(Box::new(cause));
        self.publish_len(&queue);
        Closed {
            waker: queue.waker.take(),
            is_unsettled: !queue.items.is_empty(),
            removed: None,
        }
    }

    fn settle_unread(&self) {
        let mut next = 0;
        loop {
            // Release the lock between batches: the reader pops items at the same time, and settles
            // popped items.
            let mut tickets = Vec::new();
            let mut queue = self.queue.lock();
            let from = queue.items.partition_point(|item| item.seq < next);
            let items = queue.items.range_mut(from..).take(SETTLED_AT_ONCE);
            for item in items {
                next = item.seq + 1;
                tickets.extend(item.ticket.take());
            }
            let is_last = queue.items.back().is_none_or(|last| last.seq < next);
            let cause = queue.closed.as_deref().cloned().unwrap_or(Cause::Left);
            drop(queue);
            for ticket in tickets {
                self.subscriber.give_up(&ticket, cause.clone());
            }
            if is_last {
                return;
            }
        }
    }

    fn complete(&self) -> Option<Waker> {
        let mut queue = self.queue.lock();
        queue.complete = true;
        queue.waker.take()
    }
}
