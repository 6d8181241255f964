//! The queue of a filtered subscription: what the publishers found to concern it, in sequence.
//!
//! It has a lock of its own, which is taken for a few words at a time: by its reader without the
//! manager's, by publishers under the manager's. No value is dropped and no waker called under it.

use std::collections::VecDeque;
use std::task::Waker;

use crate::channel::subscriber::SubscriberState;
use crate::channel::subscriber::cursor::CursorState;
use crate::channel::ticket::{AckLevel, Ticket};
use crate::end_reason::{DisconnectCause, EndReason};
use crate::options::Overflow;
use crate::util::panic_guard::drop_caught;
use crate::util::shrink::Shrink;
use crate::util::sync::{Arc, AtomicU64, Mutex, Ordering};

/// # Invariants
/// 1. The numbers of the items rise, and are above the position of the place's cursor.
/// 2. The cursor moves on, and finishes, under the lock, but for an acknowledgement without a
///    poll. So whoever looks at both under the lock misses no event between queue and hand.
/// 3. A waker is here only while the queue is empty, and more may come.
/// 4. Once the lane is cut, whoever takes a ticket out of an item answers for it: the subscriber
///    that takes the item, or drops it, or the one that cut the lane.
/// 5. `unread` is the length of the queue, and whether it is cut. It is stored under the lock,
///    before the cursor moves on: so whoever watches the cursor first, and looks at this second,
///    misses no room that is not reported.
pub(crate) struct FilterQueue<T> {
    place: Arc<SubscriberState>,
    /// As in `place`: here it is beside what else publishers look at.
    window: u64,
    unread: AtomicU64,
    queue: Mutex<QueueInner<T>>,
}

struct QueueInner<T> {
    items: VecDeque<QueuedEvent<T>>,
    waker: Option<Waker>,
    /// Lost since the last one that was yielded.
    missed: u64,
    /// It was disconnected: nothing more comes, and what is left owes nothing.
    closed: Option<DisconnectCause>,
    /// The manager is closed, and no permit is out.
    complete: bool,
}

/// What the filter made of event `seq`.
pub(crate) struct QueuedEvent<T> {
    pub(crate) seq: u64,
    pub(crate) value: T,
    /// Who waits for an answer. `None` if nobody does, or it was answered for when the lane was cut.
    pub(crate) ticket: Option<Arc<Ticket>>,
    /// It was taken while the subscription counted.
    pub(crate) needs_ack: bool,
}

/// What a reader gets.
pub(crate) enum Popped<T> {
    Event(QueuedEvent<T>),
    /// So many were lost before the next one.
    Missed(u64),
    Ended(EndReason),
    /// It will be woken.
    Parked,
}

/// What a push leaves to be done when the manager's lock is free.
pub(crate) struct Pushed<'a> {
    pub(crate) place: &'a Arc<SubscriberState>,
    /// The number of the event that was overwritten.
    pub(crate) overwrote: Option<u64>,
    /// Who waits for an answer to that.
    pub(crate) lost: Option<Arc<Ticket>>,
    pub(crate) reader: Option<Waker>,
}

/// Beside the length: more than any window.
const CLOSED: u64 = 1 << 62;

/// So many items are answered for in one turn of the lock.
const ANSWERED_AT_ONCE: usize = 64;

/// Room for so many is kept when a long queue is empty.
const KEPT: usize = 64;

impl<T> FilterQueue<T> {
    pub(crate) fn new(place: Arc<SubscriberState>) -> Self {
        Self {
            window: place.window as u64,
            place,
            unread: AtomicU64::new(0),
            queue: Mutex::new(QueueInner {
                items: VecDeque::new(),
                waker: None,
                missed: 0,
                closed: None,
                complete: false,
            }),
        }
    }

    pub(crate) fn place(&self) -> &Arc<SubscriberState> {
        &self.place
    }

    /// Whether it has room for one more than `promised`, as of a moment ago. Not once it is cut.
    #[inline]
    pub(crate) fn has_room(&self, promised: u64) -> bool {
        self.unread.load(Ordering::Acquire) + promised < self.window
    }

    /// Under the lock: it is as long as this from now on.
    #[inline]
    fn publish_len(&self, queue: &QueueInner<T>) {
        let cut = if queue.closed.is_some() { CLOSED } else { 0 };
        let unread = queue.items.len() as u64 | cut;
        self.unread.store(unread, Ordering::Release);
    }

    /// Takes the next value, or leaves the waker; the event in hand is finished with. Gives the
    /// cursor as it is then.
    pub(crate) fn pop(&self, waker: &Waker, tell_missed: bool) -> (Popped<T>, CursorState) {
        let mut spare = None;
        loop {
            let mut queue = self.queue.lock();
            let taken = if tell_missed && queue.missed > 0 {
                Popped::Missed(std::mem::take(&mut queue.missed))
            } else if let Some(item) = queue.items.pop_front() {
                queue.missed = 0;
                queue.items.shrink_if_sparse(KEPT);
                self.publish_len(&queue);
                let old = queue.waker.take();
                let (mut item, word) = self.claim(item, queue.closed.is_none());
                drop(queue);
                drop_caught((old, spare));
                if !item.needs_ack {
                    self.answer(item.ticket.take());
                }
                return (Popped::Event(item), word);
            } else if let Some(cause) = queue.closed {
                Popped::Ended(EndReason::Disconnected { cause })
            } else if queue.complete {
                Popped::Ended(EndReason::Closed)
            } else if queue.waker.as_ref().is_some_and(|w| w.will_wake(waker)) {
                Popped::Parked
            } else if let Some(waker) = spare.take() {
                spare = queue.waker.replace(waker);
                Popped::Parked
            } else {
                drop(queue);
                spare = Some(waker.clone());
                continue;
            };
            let word = self.place.cursor.finish();
            drop(queue);
            drop_caught(spare);
            return (taken, word);
        }
    }

    /// Under the lock: the item is in hand, or noted among the deliveries that are out.
    fn claim(&self, mut item: QueuedEvent<T>, attached: bool) -> (QueuedEvent<T>, CursorState) {
        let place = &self.place;
        item.needs_ack = attached;
        let held = place.unacked_set();
        // Nobody is told of a disconnected subscription's end by what it goes on to read.
        if !attached {
            if let Some(held) = held {
                held.let_out();
            }
            return (item, place.cursor.finish());
        }
        if let Some(held) = held {
            held.insert(item.seq);
        } else if (item.ticket.as_ref()).is_some_and(|ticket| ticket.until() == AckLevel::Finished)
        {
            place.set_awaited(item.seq);
        }
        let word = place.cursor.move_to(item.seq, held.is_none());
        (item, word)
    }

    /// Under the manager's lock: one more value, which there is room for, or which its policy
    /// makes room for; unless the lane is cut. What it leaves in place of the value is to be
    /// dropped without the lock.
    pub(crate) fn push(
        &self,
        seq: u64,
        value: &mut Option<T>,
        ticket: Option<&Arc<Ticket>>,
    ) -> Option<Pushed<'_>> {
        let place = &self.place;
        let mut queue = self.queue.lock();
        if queue.closed.is_some() {
            return None;
        }
        let is_full = queue.items.len() as u64 >= self.window;
        let is_over = is_full && place.overflow == Overflow::DropOldest;
        let lost = is_over.then(|| queue.items.pop_front()).flatten();
        if lost.is_some() {
            queue.missed += 1;
            place.count_missed();
        }
        queue.items.push_back(QueuedEvent {
            seq,
            value: value.take().expect("it is stored once"),
            ticket: ticket.cloned(),
            needs_ack: true,
        });
        self.publish_len(&queue);
        let mut told = Pushed {
            place,
            overwrote: lost.as_ref().map(|item| item.seq),
            lost: None,
            reader: queue.waker.take(),
        };
        if let Some(item) = lost {
            *value = Some(item.value);
            told.lost = item.ticket;
        }
        Some(told)
    }

    /// How many are unread, and whether these are the last.
    pub(crate) fn backlog(&self) -> (usize, bool) {
        let queue = self.queue.lock();
        (queue.items.len(), queue.complete || queue.closed.is_some())
    }

    /// Drops what is unread, each by itself, and answers for it; the lane is cut.
    pub(crate) fn clear(&self) {
        let mut queue = self.queue.lock();
        let items = std::mem::take(&mut queue.items);
        self.publish_len(&queue);
        let waker = queue.waker.take();
        drop(queue);
        drop_caught(waker);
        for mut item in items {
            self.answer(item.ticket.take());
            drop_caught(item);
        }
    }

    /// Of an item that was cut off: nobody will finish with it. Who cut it off may have come first.
    fn answer(&self, ticket: Option<Arc<Ticket>>) {
        if let Some(ticket) = ticket {
            ticket.drop_by(self.place.id);
        }
    }
}

/// A lane as the manager sees it, whatever it holds.
pub(crate) trait AnyQueue: Send + Sync {
    fn place(&self) -> &Arc<SubscriberState>;

    fn len(&self) -> usize;

    /// The first event that is unread, and where the reader stands, as of one moment.
    fn front_and_cursor(&self) -> (Option<u64>, CursorState);

    /// Whether event `seq` is unread.
    fn contains(&self, seq: u64) -> bool;

    /// Nothing more comes. What is unread stays to be read, and is to be
    /// [answered for](Self::answer_unread); gives the waker.
    fn close(&self, cause: DisconnectCause) -> Option<Waker>;

    /// Of a lane that is cut: the reader will not answer for what is left. Not under the manager's
    /// lock.
    fn answer_unread(&self);

    /// Nothing more comes, but the reader goes on to count.
    fn complete(&self) -> Option<Waker>;
}

impl<T: Send> AnyQueue for FilterQueue<T> {
    fn place(&self) -> &Arc<SubscriberState> {
        &self.place
    }

    fn len(&self) -> usize {
        let unread = self.unread.load(Ordering::Acquire) & !CLOSED;
        usize::try_from(unread).expect("it was the length of a queue")
    }

    fn front_and_cursor(&self) -> (Option<u64>, CursorState) {
        let queue = self.queue.lock();
        let first = queue.items.front().map(|item| item.seq);
        (first, self.place.cursor.load())
    }

    fn contains(&self, seq: u64) -> bool {
        let queue = self.queue.lock();
        let found = queue.items.binary_search_by_key(&seq, |item| item.seq);
        found.is_ok()
    }

    fn close(&self, cause: DisconnectCause) -> Option<Waker> {
        let mut queue = self.queue.lock();
        queue.closed = Some(cause);
        self.publish_len(&queue);
        queue.waker.take()
    }

    fn answer_unread(&self) {
        let mut next = 0;
        loop {
            // A few at a time: the reader takes from the queue meanwhile, and answers for those.
            let mut tickets = Vec::new();
            let mut queue = self.queue.lock();
            let from = queue.items.partition_point(|item| item.seq < next);
            let items = queue.items.range_mut(from..).take(ANSWERED_AT_ONCE);
            for item in items {
                next = item.seq + 1;
                tickets.extend(item.ticket.take());
            }
            let is_last = queue.items.back().is_none_or(|last| last.seq < next);
            drop(queue);
            for ticket in tickets {
                ticket.drop_by(self.place.id);
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
