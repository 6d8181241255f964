//! The filter queue: the events that a filtered subscription wants, in the order of the sequence.
//!
//! The queue has its own lock, held for a few instructions at a time. The reader locks the queue
//! alone; publishers lock the queue under the channel's lock. No value is dropped and
//! no waker is called while the queue is locked.

use std::collections::VecDeque;
use std::task::Waker;

use crate::channel::subscriber::SubscriberState;
use crate::channel::subscriber::cursor::CursorState;
use crate::channel::ticket::{AckLevel, Ticket};
use crate::end_reason::EndReason;
use crate::options::Overflow;
use crate::receipt::Cause;
use crate::util::panic_guard::drop_caught;
use crate::util::shrink::Shrink;
use crate::util::spare_waker::with_spare_waker;
use crate::util::sync::{Arc, AtomicU64, Mutex, MutexGuard, Ordering};

#[cfg(feature = "rt")]
pub(crate) mod ahead;
mod any_queue;
pub(crate) mod replayed;

use replayed::ReplayedValues;

/// The wanted events of a filtered subscriber, each with the predicate's value.
///
/// # Invariants
/// 1. The sequence numbers of the items rise, and all are above the cursor's position. Searching
///    by number is binary.
/// 2. The cursor moves and finishes under the queue's lock, except for an acknowledgement without
///    a poll. A flush reads both under the lock, and therefore misses no event between queue
///    and reader.
/// 3. A waker is stored only while the queue is empty and more events may follow. A push therefore
///    finds the waker of every parked reader.
/// 4. Once the queue is closed, the method that takes a ticket out of an item settles that item:
///    `pop`, `clear` or [`AnyQueue::settle_unread`](super::any_queue::AnyQueue::settle_unread). Each item is settled exactly once.
/// 5. `unread` is the length of the queue and its closed flag, stored under the lock before the
///    cursor moves. A publisher first requests reports, then reads `unread`, and therefore misses
///    no room without a report.
pub(crate) struct FilterQueue<T> {
    unread: AtomicU64,
    /// A copy of the subscriber's window, next to the other fields for publishers.
    window: u64,
    queue: Mutex<QueueInner<T>>,
    subscriber: Arc<SubscriberState>,
}

struct QueueInner<T> {
    items: VecDeque<QueuedEvent<T>>,
    waker: Option<Waker>,
    /// Why the subscriber was detached. No more events follow, and unread events owe nothing.
    closed: Option<Box<Cause>>,
    /// The values to be read before the items.
    replayed: Option<Box<ReplayedValues<T>>>,
    /// The number of overwritten events since the last yielded event.
    missed: u64,
    /// The manager is closed and no permit is outstanding.
    complete: bool,
}

/// The filter's value for event `seq`.
pub(crate) struct QueuedEvent<T> {
    pub(crate) seq: u64,
    pub(crate) value: T,
    /// The ticket of a publisher that waits for this event. `None` without such a publisher, and
    /// after [`AnyQueue::settle_unread`](super::any_queue::AnyQueue::settle_unread).
    pub(crate) ticket: Option<Arc<Ticket>>,
}

/// An event that its reader has taken.
pub(crate) struct TakenEvent<T> {
    pub(crate) item: QueuedEvent<T>,
    /// The event was taken while the subscriber was attached, and is not a replayed event.
    pub(crate) needs_ack: bool,
}

/// The result of [`FilterQueue::pop`].
pub(crate) enum Popped<T> {
    Event(TakenEvent<T>),
    /// The number of overwritten events before the next event.
    Missed(u64),
    Ended(EndReason),
    /// The queue is empty and has stored the waker.
    Parked,
}

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

/// The closed flag in `unread`: larger than every window.
const CLOSED: u64 = 1 << 62;

/// The number of items for which an empty queue keeps memory.
const MIN_CAPACITY: usize = 64;

impl<T> FilterQueue<T> {
    pub(crate) fn new(subscriber: Arc<SubscriberState>) -> Self {
        Self {
            window: subscriber.window as u64,
            subscriber,
            unread: AtomicU64::new(0),
            queue: Mutex::new(QueueInner {
                replayed: None,
                items: VecDeque::new(),
                waker: None,
                missed: 0,
                closed: None,
                complete: false,
            }),
        }
    }

    pub(crate) fn subscriber(&self) -> &Arc<SubscriberState> {
        &self.subscriber
    }

    /// Returns the number of unread items, also once the queue is closed.
    pub(crate) fn len(&self) -> usize {
        let unread = self.unread.load(Ordering::Acquire) & !CLOSED;
        usize::try_from(unread).expect("`unread` is the length of a deque")
    }

    /// Returns whether the queue has room for an event beside `reserved` more. A closed queue never
    /// has room. The reader may take events at the same time, so `false` can be outdated.
    #[inline]
    pub(crate) fn has_room(&self, reserved: u64) -> bool {
        self.unread.load(Ordering::Acquire) + reserved < self.window
    }

    /// Returns whether an event for this queue needs an acknowledgement: the queue is open, and its
    /// subscriber is no observer. Called under the channel's lock, which closing the queue needs.
    pub(crate) fn is_awaited(&self) -> bool {
        let is_closed = self.unread.load(Ordering::Acquire) & CLOSED != 0;
        !is_closed && !self.subscriber.is_observer
    }

    /// Stores the length and the closed flag of the locked queue in `unread`.
    #[inline]
    fn publish_len(&self, queue: &QueueInner<T>) {
        let closed = if queue.closed.is_some() { CLOSED } else { 0 };
        let unread = queue.items.len() as u64 | closed;
        self.unread.store(unread, Ordering::Release);
    }

    /// Finishes the event in flight and takes the next item, or stores the waker.
    ///
    /// Also returns the new cursor. With `report_missed`, returns [`Popped::Missed`] before the
    /// event that follows overwritten events.
    pub(crate) fn pop(&self, waker: &Waker, report_missed: bool) -> (Popped<T>, CursorState) {
        with_spare_waker(waker, None, |spare| {
            self.try_pop(waker, report_missed, spare)
        })
    }

    /// Pops as [`pop`](Self::pop) does. Returns `None` if a clone of the waker is needed in `spare`.
    fn try_pop(
        &self,
        waker: &Waker,
        report_missed: bool,
        spare: &mut Option<Waker>,
    ) -> Option<(Popped<T>, CursorState)> {
        let mut queue = self.queue.lock();
        let popped = if queue.replayed.is_some() {
            self.take_replayed(&mut queue, report_missed)
        } else if report_missed && queue.missed > 0 {
            let missed = std::mem::take(&mut queue.missed);
            // The queue may be empty, and the reader parked: a replay has missed the events.
            let waker = queue.waker.take();
            let cursor = self.subscriber.cursor.finish();
            drop(queue);
            drop_caught(waker);
            return Some((Popped::Missed(missed), cursor));
        } else if let Some(item) = queue.items.pop_front() {
            let (taken, cursor) = self.take(queue, item);
            return Some((Popped::Event(taken), cursor));
        } else if let Some(Cause::Disconnected(cause)) = queue.closed.as_deref().cloned() {
            Popped::Ended(EndReason::Disconnected { cause })
        } else if queue.complete {
            Popped::Ended(EndReason::Closed)
        } else if queue.waker.as_ref().is_some_and(|w| w.will_wake(waker)) {
            Popped::Parked
        } else {
            // The replaced waker is dropped as a spare, without the lock.
            let waker = spare.take()?;
            *spare = queue.waker.replace(waker);
            Popped::Parked
        };
        Some((popped, self.subscriber.cursor.finish()))
    }

    /// Takes an item that was popped from the locked queue, and unlocks the queue.
    #[inline]
    fn take(
        &self,
        mut queue: MutexGuard<'_, QueueInner<T>>,
        item: QueuedEvent<T>,
    ) -> (TakenEvent<T>, CursorState) {
        queue.missed = 0;
        if queue.items.is_empty() {
            // The next items go to the front of the buffer, whose memory is in the cache.
            queue.items.clear();
        }
        queue.items.shrink_if_sparse(MIN_CAPACITY);
        // Publish the length before the cursor moves (invariant 5).
        self.publish_len(&queue);
        let old = queue.waker.take();
        let closed = queue.closed.clone();
        let cursor = self.claim(&item, closed.is_none());
        let needs_ack = closed.is_none();
        let mut taken = TakenEvent { item, needs_ack };
        // Unlock first: dropping a waker and settling an item run user code.
        drop(queue);
        drop_caught(old);
        if let Some(cause) = closed {
            self.settle(taken.item.ticket.take(), *cause);
        }
        (taken, cursor)
    }

    /// Moves the cursor to a popped item, under the queue's lock. The item is then in flight, or an
    /// entry of the unacked set.
    fn claim(&self, item: &QueuedEvent<T>, attached: bool) -> CursorState {
        let subscriber = &self.subscriber;
        let unacked = subscriber.unacked_set();
        // A disconnected subscriber owes nothing: leave the cursor where the disconnect put it.
        if !attached {
            subscriber.receive_unowed();
            return subscriber.cursor.finish();
        }
        // Record the debt before the cursor moves: a flush finds the event unread or unacked.
        if let Some(unacked) = unacked {
            subscriber.insert_delivery(unacked, item.seq);
        } else if (item.ticket.as_ref()).is_some_and(|ticket| ticket.level() == AckLevel::Finished)
        {
            subscriber.set_awaited(item.seq);
        }
        subscriber.cursor.move_to(item.seq, unacked.is_none())
    }

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
            value: value.take().expect("a match is delivered once"),
            ticket: ticket.filter(|_| !subscriber.is_observer).cloned(),
        });
        self.publish_len(&queue);
        let is_half_full = 2 * queue.items.len() as u64 >= self.window;
        let mut pushed = Pushed {
            subscriber,
            is_crowded: is_half_full && subscriber.overflow.is_lossless(),
            overwritten_seq: overwritten.as_ref().map(|item| item.seq),
            overwritten_ticket: None,
            reader: queue.waker.take(),
        };
        if let Some(item) = overwritten {
            *value = Some(item.value);
            pushed.overwritten_ticket = item.ticket;
        }
        Some(pushed)
    }

    /// Returns the number of items and of replayed values to be read, and true if no more will follow
    /// them.
    pub(crate) fn unread_and_is_last(&self) -> (usize, bool) {
        let queue = self.queue.lock();
        (queue.stored(), queue.complete || queue.closed.is_some())
    }

    /// Returns whether the next [`pop`](Self::pop) finds anything but an empty queue.
    pub(crate) fn is_ready(&self, report_missed: bool) -> bool {
        let queue = self.queue.lock();
        // A replay may have missed events and found none: the loss is then all there is to read.
        let has_loss = report_missed && queue.missed > 0;
        has_loss || queue.stored() > 0 || queue.complete || queue.closed.is_some()
    }

    /// Drops the unread items of a closed queue separately, and settles them. Drops the replayed values
    /// that were not read.
    pub(crate) fn clear(&self) {
        let mut queue = self.queue.lock();
        let replayed = queue.replayed.take();
        let items = std::mem::take(&mut queue.items);
        self.publish_len(&queue);
        let waker = queue.waker.take();
        let cause = queue.closed.as_deref().cloned().unwrap_or(Cause::Left);
        drop(queue);
        drop_caught(waker);
        drop(replayed);
        for mut item in items {
            self.settle(item.ticket.take(), cause.clone());
            drop_caught(item);
        }
    }

    /// Gives up an item that was unread when the queue was closed, unless
    /// [`AnyQueue::settle_unread`](super::any_queue::AnyQueue::settle_unread) has taken the ticket before.
    fn settle(&self, ticket: Option<Arc<Ticket>>, cause: Cause) {
        if let Some(ticket) = ticket {
            self.subscriber.give_up(&ticket, cause);
        }
    }
}
