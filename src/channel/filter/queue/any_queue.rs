//! The filter queue as the channel sees it.

use std::task::Waker;

use super::{FilterQueue, QueueInner};
use crate::channel::filter::key_log::Left;
use crate::channel::filter::key_log::event::Freed;
use crate::channel::filter::user_code::Removed;
use crate::channel::subscriber::SubscriberState;
use crate::channel::subscriber::cursor::CursorState;
use crate::receipt::Cause;
use crate::util::sync::Arc;

/// The number of items that [`AnyQueue::settle_unread`] visits before releasing the lock.
const SETTLED_AT_ONCE: usize = 64;

/// A filter queue without the type of its values, for the channel.
pub(crate) trait AnyQueue: Send + Sync {
    fn subscriber(&self) -> &Arc<SubscriberState>;

    fn len(&self) -> usize;

    /// Returns the sequence number of the first unread event and the cursor, both under the same
    /// lock.
    fn front_and_cursor(&self) -> (Option<u64>, CursorState);

    /// Returns whether event `seq` is unread. Called for an open queue.
    fn contains(&self, seq: u64) -> bool;

    /// Refuses further events and returns the waker. Unread events stay readable; their tickets
    /// are left for [`settle_unread`](Self::settle_unread). Also returns what is free now.
    fn close(&self, cause: Cause) -> (Option<Waker>, Option<Removed>);

    /// Returns what is free now that the reader has read on.
    fn catch_up(&self) -> Option<Removed>;

    /// Gives up all unread events of a closed queue. Not called under the channel's lock,
    /// as settling wakes publishers.
    fn settle_unread(&self);

    /// Marks the queue as complete and returns the waker: no more events follow, and the
    /// subscriber stays attached.
    fn complete(&self) -> Option<Waker>;
}

impl<T: Send + 'static> AnyQueue for FilterQueue<T> {
    fn subscriber(&self) -> &Arc<SubscriberState> {
        self.subscriber()
    }

    fn len(&self) -> usize {
        self.len()
    }

    fn front_and_cursor(&self) -> (Option<u64>, CursorState) {
        let queue = self.queue.lock();
        let cursor = self.subscriber.cursor.load();
        (self.front_seq(&queue, cursor), cursor)
    }

    fn contains(&self, seq: u64) -> bool {
        let queue = self.queue.lock();
        let found = queue.items.binary_search_by_key(&seq, |item| item.seq);
        let read = self.subscriber.cursor.load().position();
        found.is_ok() || (self.open_log(&queue)).is_some_and(|log| log.contains(read, seq))
    }

    fn close(&self, cause: Cause) -> (Option<Waker>, Option<Removed>) {
        let mut queue = self.queue.lock();
        queue.closed = Some(Box::new(cause));
        let (waker, removed) = match &self.log {
            Some(log) => {
                let mut freed = Freed::new();
                let Left { waker, unread } = log.leave(&self.subscriber, &mut freed);
                queue.undrawn = unread;
                (waker, removed(freed))
            }
            None => (queue.waker.take(), None),
        };
        self.publish_len::<true>(&queue);
        (waker, removed)
    }

    fn catch_up(&self) -> Option<Removed> {
        let queue = self.queue.lock();
        let log = self.open_log(&queue)?;
        let mut freed = Freed::new();
        log.catch_up(&self.subscriber, &mut freed);
        removed(freed)
    }

    fn settle_unread(&self) {
        let mut next = 0;
        loop {
            // Release the lock between batches: the reader pops items at the same time, and settles
            // popped items.
            let mut tickets = Vec::new();
            let mut freed = Freed::new();
            let mut queue = self.queue.lock();
            if queue.items.back().is_none_or(|last| last.seq < next) {
                self.draw(&mut queue, &mut freed);
            }
            let from = queue.items.partition_point(|item| item.seq < next);
            let items = queue.items.range_mut(from..).take(SETTLED_AT_ONCE);
            for item in items {
                next = item.seq + 1;
                tickets.extend(item.ticket.take());
            }
            let is_last =
                queue.items.back().is_none_or(|last| last.seq < next) && queue.undrawn.len() == 0;
            let cause = queue.closed.as_deref().cloned().unwrap_or(Cause::Left);
            drop(queue);
            drop(freed);
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
        self.unpark(&mut queue)
    }
}

impl<T> FilterQueue<T> {
    /// Returns the sequence number of the first unread event of the locked queue.
    pub(super) fn front_seq(&self, queue: &QueueInner<T>, cursor: CursorState) -> Option<u64> {
        if let Some(log) = self.open_log(queue) {
            return log.next_seq(cursor.position());
        }
        let item = queue.items.front().map(|item| item.seq);
        item.or_else(|| queue.undrawn.next_seq())
    }
}

/// Returns what is to be dropped without a lock.
fn removed<E: Send + 'static>(freed: Freed<E>) -> Option<Removed> {
    (!freed.is_empty()).then(|| Arc::new(freed) as _)
}
