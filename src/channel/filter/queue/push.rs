//! Pushing values to a queue, and overwriting unread values.

use std::task::Waker;

use super::{FilterQueue, QueuedEvent, Value};
use crate::channel::subscriber::SubscriberState;
use crate::channel::ticket::Ticket;
use crate::options::Overflow;
use crate::util::sync::Arc;

/// The work that a push leaves for the time after the channel is unlocked.
pub(crate) struct Pushed<'a> {
    pub(crate) subscriber: &'a Arc<SubscriberState>,
    /// Whether the queue of a lossless subscriber is at least half full.
    pub(crate) is_crowded: bool,
    /// The sequence number of the overwritten event.
    pub(crate) overwritten_seq: Option<u64>,
    /// The ticket of the overwritten event.
    pub(crate) overwritten_ticket: Option<Arc<Ticket>>,
    pub(crate) reader: Option<Waker>,
}

impl<T> FilterQueue<T> {
    /// Appends a value, unless the queue is closed. Called under the channel's lock, after a check
    /// for room.
    ///
    /// A full queue with [`Overflow::DropOldest`] overwrites its oldest item. `value` then holds
    /// the overwritten value, for the caller to drop after unlocking the channel.
    pub(crate) fn push(
        &self,
        seq: u64,
        value: &mut Option<T>,
        ticket: Option<&Arc<Ticket>>,
    ) -> Option<Pushed<'_>> {
        let subscriber = &self.subscriber;
        let mut queue = self.queue.lock();
        if queue.closed.is_some() {
            return None;
        }
        let is_full = queue.items.len() as u64 >= self.window;
        let overwrites = is_full && subscriber.overflow == Overflow::DropOldest;
        let overwritten = overwrites.then(|| queue.items.pop_front()).flatten();
        if overwritten.is_some() {
            queue.missed += 1;
            subscriber.count_missed(1);
        }
        queue.items.push_back(QueuedEvent {
            seq,
            value: Value::Owned(value.take().expect("a match is delivered once")),
            ticket: ticket.filter(|_| !subscriber.is_observer).cloned(),
        });
        self.publish_len::<false>(&queue);
        let is_half_full = 2 * queue.items.len() as u64 >= self.window;
        let mut pushed = Pushed {
            subscriber,
            is_crowded: is_half_full && subscriber.overflow.is_lossless(),
            overwritten_seq: overwritten.as_ref().map(|item| item.seq),
            overwritten_ticket: None,
            reader: queue.waker.take(),
        };
        if let Some(item) = overwritten {
            pushed.overwritten_ticket = item.ticket;
            if let Value::Owned(overwritten) = item.value {
                *value = Some(overwritten);
            }
        }
        Some(pushed)
    }
}
