//! The wait queue: publishers that wait for room, first in, first out.
//!
//! Only the publisher at the front is notified when there is room. When that publisher is admitted or
//! gives up, the next one comes to the front and is notified in turn, so that one stored event never
//! wakes all waiting publishers.

use std::collections::{BTreeMap, VecDeque};
use std::task::Waker;

use crate::channel::machine::Request;
use crate::subscriber_id::SubscriberId;
use crate::util::clock::Instant;
use crate::util::shrink::Shrink;

/// The key of an entry in the [`WaitQueue`]. Later entries have greater numbers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct QueueKey {
    number: u64,
    pub(crate) request: Request,
}

/// The waiting publishers.
///
/// ```text
///   front                                       back
///  ┌────────────┬─────────────┬────────────┬────────────┐
///  │ 7 notified │ 8 tombstone │ 9 waiting  │ 12 waiting │   10 and 11 were removed earlier
///  └────────────┴─────────────┴────────────┴────────────┘
/// ```
///
/// # Invariants
/// 1. Only the front waiter is notified, except for a waiter inside a handler that would otherwise wait
///    for itself, and except when the channel is closed, which notifies all. Notifying another waiter
///    would wake a task that cannot be admitted.
/// 2. A waiter has a waker exactly while it is not notified. A notified waiter is therefore never woken
///    twice, and must leave a waker again if it finds no room.
/// 3. `handler_waiters` holds the waiters inside handlers. Each is checked when its handler may be the
///    one that blocks it: nothing else would wake the waiter.
/// 4. The numbers of the entries are strictly increasing, so that a binary search finds an entry. The
///    front entry is live, and so are at least half of all entries; the rest are tombstones.
#[derive(Default)]
pub(crate) struct WaitQueue {
    waiters: VecDeque<Waiter>,
    /// The number of entries that are not live.
    tombstones: usize,
    handler_waiters: BTreeMap<u64, SubscriberId>,
    next_number: u64,
    /// The time at which the front waiter polls again without being notified.
    timer_at: Option<Instant>,
}

/// An entry of the queue.
struct Waiter {
    key: QueueKey,
    /// False in a tombstone, whose publisher was admitted or gave up.
    live: bool,
    waker: Option<Waker>,
}

/// The capacity that is kept when a long queue has emptied.
const RETAINED_CAPACITY: usize = 16;

impl WaitQueue {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.waiters.is_empty()
    }

    #[inline]
    pub(crate) fn is_front(&self, key: QueueKey) -> bool {
        self.front() == Some(key)
    }

    /// Returns the key of the front waiter.
    #[inline]
    pub(crate) fn front(&self) -> Option<QueueKey> {
        self.waiters.front().map(|waiter| waiter.key)
    }

    /// Returns the number of waiting publishers.
    pub(crate) fn len(&self) -> usize {
        self.waiters.len() - self.tombstones
    }

    /// Returns whether the front waiter was notified and has not polled since (invariant 2).
    pub(crate) fn is_front_notified(&self) -> bool {
        let front = self.waiters.front();
        front.is_some_and(|front| front.waker.is_none())
    }

    /// Returns whether the timer of the front waiter is set to `time`.
    pub(crate) fn has_timer(&self, time: Instant) -> bool {
        self.timer_at == Some(time)
    }

    /// Records that the timer of the front waiter is set to `time`.
    pub(crate) fn set_timer(&mut self, time: Option<Instant>) {
        self.timer_at = time;
    }

    /// Adds a waiter at the back.
    pub(crate) fn enqueue(&mut self, request: Request, waker: Waker) -> QueueKey {
        let key = QueueKey {
            number: self.next_number,
            request,
        };
        self.next_number += 1;
        self.waiters.push_back(Waiter {
            key,
            live: true,
            waker: Some(waker),
        });
        key
    }

    /// Returns whether the waiter `key` is not notified and has a waker equal to `waker`.
    pub(crate) fn would_wake(&self, key: QueueKey, waker: &Waker) -> bool {
        let registered = self.index(key.number).map(|at| &self.waiters[at].waker);
        matches!(registered, Some(Some(registered)) if registered.will_wake(waker))
    }

    /// Replaces the waker of a waiter that found no room, and returns the old one.
    pub(crate) fn rearm(&mut self, key: QueueKey, waker: Waker) -> Option<Waker> {
        self.waiter_mut(key.number)?.waker.replace(waker)
    }

    /// Sets the handler that the waiter runs inside of, if inside one.
    pub(crate) fn set_handler(&mut self, key: QueueKey, handler: Option<SubscriberId>) {
        match handler {
            Some(handler) => drop(self.handler_waiters.insert(key.number, handler)),
            None => drop(self.handler_waiters.remove(&key.number)),
        }
    }

    /// Returns whether any waiter is inside a handler.
    #[inline]
    pub(crate) fn has_handler_waiters(&self) -> bool {
        !self.handler_waiters.is_empty()
    }

    /// Notifies the waiters inside handlers for which `waits_for_itself` returns true.
    pub(crate) fn notify_handler_waiters(
        &mut self,
        waits_for_itself: impl Fn(SubscriberId) -> bool,
    ) -> Vec<Waker> {
        let handler_waiters = self.handler_waiters.iter();
        let waiting = handler_waiters.filter(|(_, handler)| waits_for_itself(**handler));
        let waiting: Vec<_> = waiting.map(|(number, _)| *number).collect();
        let wakers = waiting
            .into_iter()
            .filter_map(|number| self.waiter_mut(number)?.waker.take());
        wakers.collect()
    }

    /// Removes a waiter that was admitted, rejected or dropped. Returns its waker.
    pub(crate) fn remove(&mut self, key: QueueKey) -> Option<Waker> {
        self.handler_waiters.remove(&key.number);
        let waiter = self.waiter_mut(key.number)?;
        waiter.live = false;
        let waker = waiter.waker.take();
        // Leave a tombstone: removing from the middle of a long queue would take O(n).
        self.tombstones += 1;
        if self.is_front(key) {
            // The timer belongs to the old front. Its successor must be live (invariant 4).
            self.timer_at = None;
            while self.waiters.front().is_some_and(|waiter| !waiter.live) {
                self.waiters.pop_front();
                self.tombstones -= 1;
            }
        }
        // Removing half of the entries at once takes O(1) per tombstone.
        if self.tombstones > self.waiters.len() / 2 {
            self.waiters.retain(|waiter| waiter.live);
            self.tombstones = 0;
        }
        self.waiters.shrink_if_sparse(RETAINED_CAPACITY);
        waker
    }

    /// Notifies the front waiter, unless it is notified already.
    pub(crate) fn notify_front(&mut self) -> Option<Waker> {
        self.waiters.front_mut()?.waker.take()
    }

    /// Notifies all waiters: the channel is closed.
    pub(crate) fn notify_all(&mut self) -> impl Iterator<Item = Waker> {
        self.waiters
            .iter_mut()
            .filter_map(|waiter| waiter.waker.take())
    }

    /// Returns the entry with this number, if it has not been removed.
    fn waiter_mut(&mut self, number: u64) -> Option<&mut Waiter> {
        let at = self.index(number)?;
        self.waiters.get_mut(at)
    }

    /// Returns the index of the entry with this number; the front is the common case.
    #[inline]
    fn index(&self, number: u64) -> Option<usize> {
        if self.waiters.front()?.key.number == number {
            return Some(0);
        }
        (self.waiters)
            .binary_search_by_key(&number, |waiter| waiter.key.number)
            .ok()
    }
}

#[cfg(all(test, not(any(genevent_shuttle, genevent_loom))))]
mod tests {
    use super::*;

    fn enqueue(queue: &mut WaitQueue) -> QueueKey {
        queue.enqueue(Request::Event, Waker::noop().clone())
    }

    #[test]
    fn tombstones_are_at_most_half_of_the_entries() {
        let mut queue = WaitQueue::default();
        let front = enqueue(&mut queue);
        for waiting in 1..100 {
            enqueue(&mut queue);
            for _ in 0..100 {
                let key = enqueue(&mut queue);
                drop(queue.remove(key));
            }
            assert_eq!(queue.len(), 1 + waiting);
            assert!(queue.waiters.len() <= 2 * queue.len() + 1);
        }
        assert!(queue.is_front(front));
    }

    #[test]
    fn emptied_queue_keeps_little_memory() {
        let mut queue = WaitQueue::default();
        let keys: Vec<_> = (0..1_000).map(|_| enqueue(&mut queue)).collect();
        for key in keys {
            drop(queue.remove(key));
        }
        assert!(queue.is_empty());
        assert!(queue.waiters.capacity() <= RETAINED_CAPACITY);
    }
}
