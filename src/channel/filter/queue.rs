//! The filter queue: the events that a filtered subscription wants, in the order of the sequence.
//!
//! The queue has its own lock, held for a few instructions at a time. The reader locks the queue
//! alone; publishers lock the queue under the channel's lock. No value is cloned or dropped and
//! no waker is called while the queue is locked.
//!
//! A publisher pushes values to the queue. For a subscriber of a single key, the publisher appends the event
//! to the [log of the key](super::key_log) instead, and the queue stays empty until it is closed: it then
//! gets what the reader has not read.

use std::collections::VecDeque;
use std::task::Waker;

use super::key_log::batch::KeyBatch;
use super::key_log::event::{Freed, SharedEvent};
use super::key_log::unread::Unread;
use super::key_log::{KeyLog, Loaded};
use super::user_code::Panicked;
use crate::channel::subscriber::SubscriberState;
use crate::channel::subscriber::cursor::CursorState;
use crate::channel::ticket::{AckLevel, Ticket};
use crate::end_reason::EndReason;
use crate::receipt::Cause;
use crate::util::panic_guard::drop_caught;
use crate::util::shrink::Shrink;
use crate::util::spare_waker::with_spare_waker;
use crate::util::sync::{Arc, AtomicU64, Mutex, MutexGuard, Ordering};

#[cfg(feature = "rt")]
pub(crate) mod ahead;
mod any_queue;
mod logged;
mod push;
pub(crate) mod replayed;

pub(crate) use any_queue::AnyQueue;
pub(crate) use push::Pushed;
use replayed::ReplayedValues;

/// The wanted events of a filtered subscriber, each with the predicate's value.
///
/// # Invariants
/// 1. The sequence numbers of the items rise, and all are above the cursor's position. Searching
///    by number is binary.
/// 2. The cursor moves and finishes under the queue's lock, except for an acknowledgement without
///    a poll, and for a claim of an event in the batch. A flush reads both under the lock, and therefore
///    misses no event between queue and reader: with a log, what is unread follows from the cursor
///    that the flush has read.
/// 3. A waker is stored only while the queue is empty and more events may follow. A push therefore
///    finds the waker of every parked reader.
/// 4. Once the queue is closed, the method that takes a ticket out of an item settles that item:
///    `pop`, `clear` or [`AnyQueue::settle_unread`]. Each item is settled exactly once.
/// 5. `unread` is the number of unread events and the closed flag, stored under the lock before the
///    cursor moves. A publisher first requests reports, then reads `unread`, and therefore misses
///    no room without a report.
/// 6. An open queue with a log has no items: the events after the cursor are unread. Once the queue is closed,
///    the items are followed by `undrawn`.
pub(crate) struct FilterQueue<T> {
    unread: AtomicU64,
    /// A copy of the subscriber's window, next to the other fields for publishers.
    window: u64,
    /// The log that the reader reads while the queue is open. Nothing is pushed to the queue then.
    log: Option<Arc<KeyLog<T>>>,
    queue: Mutex<QueueInner<T>>,
    subscriber: Arc<SubscriberState>,
}

struct QueueInner<T> {
    items: VecDeque<QueuedEvent<T>>,
    undrawn: Unread<T>,
    /// The waker of the parked reader; with a log, the waker is there.
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
    value: Value<T>,
    /// The ticket of a publisher that waits for this event. `None` without such a publisher, and
    /// after [`AnyQueue::settle_unread`].
    pub(crate) ticket: Option<Arc<Ticket>>,
}

/// The value of a queued event.
pub(super) enum Value<T> {
    Owned(T),
    Shared(Arc<SharedEvent<T>>),
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
    /// The batch was loaded, and has the next event.
    Loaded,
    Ended(EndReason),
    /// The queue is empty and has stored the waker.
    Parked,
}

/// The closed flag in `unread`: larger than every window.
const CLOSED: u64 = 1 << 62;

/// The number of items for which an empty queue keeps memory.
const MIN_CAPACITY: usize = 64;

impl<T> QueuedEvent<T> {
    /// Returns the value. Runs user code, and is never called under a lock.
    ///
    /// # Errors
    /// [`Panicked`], if the clone of a shared event panicked: the subscriber must be disconnected.
    pub(crate) fn into_value(self) -> Result<T, Panicked> {
        match self.value {
            Value::Owned(value) => Ok(value),
            Value::Shared(event) => event.clone_event(),
        }
    }
}

impl<T> FilterQueue<T> {
    /// Creates the queue of a new subscriber, which joins `log`. Called under the channel's lock.
    pub(crate) fn new(subscriber: Arc<SubscriberState>, log: Option<Arc<KeyLog<T>>>) -> Self {
        if let Some(log) = &log {
            log.join(&subscriber);
        }
        Self {
            window: subscriber.window as u64,
            subscriber,
            unread: AtomicU64::new(0),
            log,
            queue: Mutex::new(QueueInner {
                undrawn: Unread::none(),
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

    /// Returns the number of unread events, also once the queue is closed.
    pub(crate) fn len(&self) -> usize {
        let unread = self.unread() & !CLOSED;
        usize::try_from(unread).expect("unread events are in memory")
    }

    /// Returns the number of unread events and the closed flag.
    #[inline]
    fn unread(&self) -> u64 {
        let unread = self.unread.load(Ordering::Acquire);
        match &self.log {
            Some(log) if unread & CLOSED == 0 => self.unread_of(log),
            _ => unread,
        }
    }

    /// Returns whether the queue has room for an event beside `reserved` more. A closed queue never
    /// has room. The reader may take events at the same time, so `false` can be outdated.
    #[inline]
    pub(crate) fn has_room(&self, reserved: u64) -> bool {
        // `unread` is 0 in an open queue with a log.
        self.unread.load(Ordering::Acquire) + reserved < self.window
            && (self.log.is_none() || self.has_room_in_log(reserved))
    }

    /// Returns whether an event for this queue needs an acknowledgement: the queue is open, and its
    /// subscriber is no observer. Called under the channel's lock, which closing the queue needs.
    pub(crate) fn is_awaited(&self) -> bool {
        let is_closed = self.unread.load(Ordering::Acquire) & CLOSED != 0;
        !is_closed && !self.subscriber.is_observer
    }

    /// Stores the length and the closed flag of the locked queue in `unread`.
    #[inline]
    fn publish_len<const LOGGED: bool>(&self, queue: &QueueInner<T>) {
        let closed = if queue.closed.is_some() { CLOSED } else { 0 };
        let undrawn = if LOGGED { queue.undrawn.len() } else { 0 };
        let unread = (queue.items.len() + undrawn) as u64 | closed;
        self.unread.store(unread, Ordering::Release);
    }

    /// Takes out the waker of a parked reader.
    fn unpark(&self, queue: &mut QueueInner<T>) -> Option<Waker> {
        match &self.log {
            Some(log) => log.unpark(&self.subscriber),
            None => queue.waker.take(),
        }
    }

    /// Finishes the event in flight and takes the next item, or stores the waker.
    ///
    /// Also returns the new cursor. With `report_missed`, returns [`Popped::Missed`] before the
    /// event that follows overwritten events. `batch` is what the reader has taken from the log.
    pub(crate) fn pop(
        &self,
        batch: &mut KeyBatch<T>,
        waker: &Waker,
        report_missed: bool,
    ) -> (Popped<T>, CursorState) {
        match &self.log {
            None => with_spare_waker(waker, None, |spare| {
                self.try_pop::<false>(batch, waker, report_missed, spare)
            }),
            Some(log) => self.pop_logged(log, batch, waker, report_missed),
        }
    }

    /// Pops as [`pop`](Self::pop) does. Returns `None` if a clone of the waker is needed in `spare`. `LOGGED`:
    /// the queue has a log; a constant, so that the log costs other queues nothing.
    #[inline]
    fn try_pop<const LOGGED: bool>(
        &self,
        batch: &mut KeyBatch<T>,
        waker: &Waker,
        report_missed: bool,
        spare: &mut Option<Waker>,
    ) -> Option<(Popped<T>, CursorState)> {
        let mut queue = self.queue.lock();
        if LOGGED {
            self.refill(&mut queue, batch);
        }
        let popped = if queue.replayed.is_some() {
            self.take_replayed(&mut queue, report_missed)
        } else if report_missed && queue.missed > 0 {
            let missed = std::mem::take(&mut queue.missed);
            // The queue may be empty, and the reader parked: a replay has missed the events.
            let waker = self.unpark(&mut queue);
            let cursor = self.subscriber.cursor.finish();
            drop(queue);
            drop_caught(waker);
            return Some((Popped::Missed(missed), cursor));
        } else if let Some(item) = self.next_item::<LOGGED>(&mut queue, batch) {
            let (taken, cursor) = self.take::<LOGGED>(queue, item);
            return Some((Popped::Event(taken), cursor));
        } else if let Some(Cause::Disconnected(cause)) = queue.closed.as_deref().cloned() {
            Popped::Ended(EndReason::Disconnected { cause })
        } else {
            match self.load::<LOGGED>(&mut queue, batch, waker, spare) {
                Loaded::Batch => {
                    queue.missed = 0;
                    return Some((Popped::Loaded, self.subscriber.cursor.load()));
                }
                Loaded::Parked => Popped::Parked,
                Loaded::Complete => Popped::Ended(EndReason::Closed),
                Loaded::NeedWaker => return None,
            }
        };
        Some((popped, self.subscriber.cursor.finish()))
    }

    /// Takes an item that was popped from the locked queue, and unlocks the queue.
    #[inline]
    fn take<const LOGGED: bool>(
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
        self.publish_len::<LOGGED>(&queue);
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
        }
        // A shared event is received once it has been cloned.
        let is_recorded = |ticket: &Arc<Ticket>| match ticket.level() {
            AckLevel::Received => matches!(item.value, Value::Shared(_)),
            AckLevel::Finished => unacked.is_none(),
        };
        if item.ticket.as_ref().is_some_and(is_recorded) {
            subscriber.set_awaited(item.seq);
        }
        subscriber.cursor.move_to(item.seq, unacked.is_none())
    }

    /// Returns the number of items and of replayed values to be read, and true if no more will follow
    /// them.
    pub(crate) fn unread_and_is_last(&self) -> (usize, bool) {
        let queue = self.queue.lock();
        let is_last = queue.complete || queue.closed.is_some();
        (self.stored_in(&queue), is_last)
    }

    /// Returns whether the next [`pop`](Self::pop) finds anything but an empty queue.
    pub(crate) fn is_ready(&self, report_missed: bool) -> bool {
        let queue = self.queue.lock();
        // A replay may have missed events and found none: the loss is then all there is to read.
        let has_loss = report_missed && queue.missed > 0;
        has_loss || self.stored_in(&queue) > 0 || queue.complete || queue.closed.is_some()
    }

    /// Drops the unread items of a closed queue separately, and settles them. Drops the replayed values
    /// that were not read.
    pub(crate) fn clear(&self) {
        let mut queue = self.queue.lock();
        let waker = self.unpark(&mut queue);
        let replayed = queue.replayed.take();
        drop(queue);
        drop_caught(waker);
        drop(replayed);
        loop {
            let mut freed = Freed::new();
            let mut queue = self.queue.lock();
            if queue.items.is_empty() {
                self.draw(&mut queue, &mut freed);
            }
            let items = std::mem::take(&mut queue.items);
            self.publish_len::<true>(&queue);
            let cause = queue.closed.as_deref().cloned().unwrap_or(Cause::Left);
            drop(queue);
            drop(freed);
            if items.is_empty() {
                return;
            }
            for mut item in items {
                self.settle(item.ticket.take(), cause.clone());
                drop_caught(item);
            }
        }
    }

    /// Gives up an item that was unread when the queue was closed, unless
    /// [`AnyQueue::settle_unread`] has taken the ticket before.
    fn settle(&self, ticket: Option<Arc<Ticket>>, cause: Cause) {
        if let Some(ticket) = ticket {
            self.subscriber.give_up(&ticket, cause);
        }
    }
}
