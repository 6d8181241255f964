//! The wait queue: publishers waiting for room, first in, first out.
//!
//! Each place that becomes free is *granted* to the publisher that has waited longest without a place.
//! That publisher is woken, and stores its event in its next poll. A grant reserves a single place: other
//! publishers use all places that are free.
//!
//! A publisher may be kept without being polled. Such a publisher must not delay the others, so
//! another publisher that has yielded once takes over its grant ([`WaitQueue::take_over`]).

use std::collections::VecDeque;
use std::task::Waker;

use crate::channel::machine::Request;
use crate::util::check_pace::CheckPace;
use crate::util::clock::Instant;
use crate::util::shrink::Shrink;

mod grants;
mod invariants;

pub(crate) use grants::GrantNumber;
use grants::Grants;

/// The key of an entry in the [`WaitQueue`]. Later publishers have greater numbers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct QueueKey {
    number: u64,
    pub(crate) request: Request,
}

/// The waiting publishers.
///
/// ```text
///   granted                waiters
///  ┌─────┬─────┬─────┐    ┌──────────┬─────────────┬───────────┬───────────┐
///  │  3  │  4  │  6  │    │ 7 awake  │ 8 tombstone │ 9 asleep  │ 12 asleep │
///  └─────┴─────┴─────┘    └──────────┴─────────────┴───────────┴───────────┘
///    each has a place       front                                     back
///
///   displaced: 1 (number 5: its place was taken over; number 5 comes back in its next poll)
/// ```
///
/// # Invariants
/// 1. Each queued publisher is in `waiters`, in `granted`, or counted in `displaced`. The numbers
///    in `waiters` are strictly increasing, so a binary search finds an entry.
/// 2. The front of `waiters` is live, and so are at least half of all its entries; the rest are
///    tombstones.
/// 3. A waiter has a waker exactly while it is asleep; `asleep` counts the sleepers. An awake waiter was
///    woken, but its future may be kept without being polled: only sleepers keep the publishers behind
///    them waiting.
/// 4. A displaced publisher has been woken and has not polled since. In its next poll it enters
///    `waiters` with its old number.
#[derive(Default)]
pub(crate) struct WaitQueue {
    waiters: VecDeque<Waiter>,
    /// The number of tombstones.
    tombstones: usize,
    asleep: usize,
    granted: Grants,
    displaced: usize,
    next_number: u64,
    /// The time at which the front waiter polls again without being woken.
    timer_at: Option<Instant>,
    check_pace: CheckPace,
}

/// A publisher without a place.
struct Waiter {
    key: QueueKey,
    /// False in a tombstone: the publisher is not in `waiters` any more.
    live: bool,
    waker: Option<Waker>,
    /// The publisher has yielded to all grants with smaller numbers; `None` if it has yielded to none.
    yielded_to: Option<GrantNumber>,
}

/// What a publisher that leaves the queue had there.
#[must_use = "a place must be used or released, and a waker dropped without the lock"]
pub(crate) enum Removed {
    /// A granted place.
    Place,
    /// No place.
    Waiter(Option<Waker>),
}

/// The capacity kept when a long queue has emptied.
const MIN_CAPACITY: usize = 16;

impl WaitQueue {
    // ---- Queries ----------------------------------------------------------------------------

    /// Returns whether no publisher waits for a place.
    #[inline]
    pub(crate) fn has_no_waiters(&self) -> bool {
        self.waiters.is_empty()
    }

    /// Returns whether a waiter sleeps.
    #[inline]
    pub(crate) fn has_sleepers(&self) -> bool {
        self.asleep > 0
    }

    /// Returns whether any waiter in front of `key` sleeps; `None`: a publisher that is not queued.
    #[inline]
    pub(crate) fn has_sleeper_before(&self, key: Option<QueueKey>) -> bool {
        let number = key.map_or(u64::MAX, |key| key.number);
        self.asleep > 0
            && (self.waiters.iter())
                .take_while(|waiter| waiter.key.number < number)
                .any(|waiter| waiter.waker.is_some())
    }

    /// Returns the front waiter.
    #[inline]
    pub(crate) fn front(&self) -> Option<QueueKey> {
        self.waiters.front().map(|waiter| waiter.key)
    }

    /// Returns whether the front waiter was woken without a place, and has not polled since.
    pub(crate) fn is_front_awake(&self) -> bool {
        (self.waiters.front()).is_some_and(|front| front.waker.is_none())
    }

    /// Returns the number of publishers in the queue.
    pub(crate) fn len(&self) -> usize {
        self.waiters.len() - self.tombstones + self.granted.len() + self.displaced
    }

    /// Returns whether the publisher that has waited longest was woken and has not polled since.
    pub(crate) fn is_front_notified(&self) -> bool {
        !self.granted.is_empty() || self.is_front_awake()
    }

    /// Returns the number of publishers with a granted place.
    pub(crate) fn granted(&self) -> usize {
        self.granted.len()
    }

    /// Returns whether the publisher has been woken and has not polled since.
    #[cfg(feature = "rt")]
    pub(crate) fn is_notified(&self, key: QueueKey) -> bool {
        let waiter = self.index(key).map(|at| &self.waiters[at]);
        waiter.is_none_or(|waiter| waiter.waker.is_none())
    }

    /// Returns whether the waiter `key` sleeps and has a waker equal to `waker`.
    #[inline]
    pub(crate) fn would_wake(&self, key: QueueKey, waker: &Waker) -> bool {
        let registered = self.index(key).map(|at| &self.waiters[at].waker);
        matches!(registered, Some(Some(registered)) if registered.will_wake(waker))
    }

    // ---- Waiting ----------------------------------------------------------------------------

    /// Puts the publisher to sleep in the queue, at the back or at its old position. Returns its
    /// key, and the waker that it had left before.
    #[inline]
    pub(crate) fn sleep(
        &mut self,
        key: Option<QueueKey>,
        request: Request,
        waker: Waker,
    ) -> (QueueKey, Option<Waker>) {
        let (at, key) = self.enter(key, request);
        let old = self.waiters[at].waker.replace(waker);
        self.asleep += usize::from(old.is_none());
        (key, old)
    }

    /// Queues the publisher awake: the caller wakes its task, so that the publishers granted so
    /// far can poll before it polls again. Returns its key, and the waker that it had left.
    pub(crate) fn yield_to_granted(
        &mut self,
        key: Option<QueueKey>,
        request: Request,
    ) -> (QueueKey, Option<Waker>) {
        let (at, key) = self.enter(key, request);
        self.waiters[at].yielded_to = Some(self.granted.next());
        (key, self.wake(at))
    }

    /// Returns the index and the key of a publisher in `waiters`. Adds a publisher that is new or displaced.
    #[inline]
    fn enter(&mut self, key: Option<QueueKey>, request: Request) -> (usize, QueueKey) {
        let at = match key {
            Some(key) => match self.search(key) {
                Ok(at) if self.waiters[at].live => return (at, key),
                // A displaced publisher, whose earlier entry was in the middle of `waiters`.
                Ok(at) => {
                    self.waiters[at].live = true;
                    self.tombstones -= 1;
                    self.displaced -= 1;
                    return (at, key);
                }
                Err(at) => {
                    self.displaced -= 1;
                    at
                }
            },
            None => self.waiters.len(),
        };
        let key = key.unwrap_or_else(|| self.new_key(request));
        let waiter = Waiter {
            key,
            live: true,
            waker: None,
            yielded_to: None,
        };
        if at == 0 {
            self.timer_at = None;
        }
        if at == self.waiters.len() {
            self.waiters.push_back(waiter);
        } else {
            self.waiters.insert(at, waiter);
        }
        (at, key)
    }

    #[inline]
    fn new_key(&mut self, request: Request) -> QueueKey {
        let number = self.next_number;
        self.next_number += 1;
        QueueKey { number, request }
    }

    /// Returns whether the timer of the front waiter is set to `time`.
    #[inline]
    pub(crate) fn has_timer(&self, time: Instant) -> bool {
        self.timer_at == Some(time)
    }

    /// Records the time of the timer of waiter `key`, if the waiter is at the front. Returns whether it is.
    #[inline]
    pub(crate) fn set_timer(&mut self, key: QueueKey, time: Option<Instant>) -> bool {
        let front = self.waiters.front();
        let is_front = front.is_some_and(|front| front.key.number == key.number);
        if is_front {
            self.timer_at = time;
        }
        is_front
    }

    /// Wakes the front waiter, unless it is awake: the caller calls the waker.
    pub(crate) fn wake_front(&mut self) -> Option<Waker> {
        (!self.waiters.is_empty()).then(|| self.wake(0))?
    }

    /// Wakes the first waiter that sleeps: the caller calls the waker.
    pub(crate) fn wake_first_sleeper(&mut self) -> Option<Waker> {
        let at = (self.waiters.iter()).position(|waiter| waiter.waker.is_some())?;
        self.wake(at)
    }

    #[inline]
    fn wake(&mut self, at: usize) -> Option<Waker> {
        let waker = self.waiters[at].waker.take()?;
        self.asleep -= 1;
        if at == 0 {
            self.timer_at = None;
        }
        Some(waker)
    }

    // ---- Grants -----------------------------------------------------------------------------

    /// Grants a place to the front waiter, and wakes it unless it is awake.
    #[inline]
    pub(crate) fn grant_front(&mut self) -> Option<Waker> {
        let key = self.waiters.front()?.key;
        let waker = self.bury(0);
        self.granted.push(key);
        waker
    }

    /// Grants a place to a publisher that is being polled. Returns its key, and the waker that it
    /// had left in the queue.
    pub(crate) fn grant_polled(
        &mut self,
        key: Option<QueueKey>,
        request: Request,
    ) -> (QueueKey, Option<Waker>) {
        let (at, key) = self.enter(key, request);
        let waker = self.bury(at);
        self.granted.push(key);
        (key, waker)
    }

    /// Returns whether the publisher has a granted place.
    #[inline]
    pub(crate) fn has_place(&self, key: QueueKey) -> bool {
        self.granted.contains(key)
    }

    /// Takes the publisher's granted place. Returns `false` if the publisher has none.
    #[inline]
    pub(crate) fn take_place(&mut self, key: QueueKey) -> bool {
        self.granted.take(key)
    }

    /// Returns the number of the next grant.
    pub(crate) fn next_grant(&self) -> GrantNumber {
        self.granted.next()
    }

    /// Takes over a place that was granted before publisher `key` yielded and was not taken since. Returns
    /// `false` if no place is left of these.
    pub(crate) fn take_over(&mut self, key: QueueKey) -> bool {
        let waiter = self.index(key).map(|at| &self.waiters[at]);
        let yielded_to = waiter.and_then(|waiter| waiter.yielded_to);
        yielded_to.is_some_and(|yielded_to| self.displace(yielded_to))
    }

    /// Takes the first granted place from its publisher, if its grant is before `next`. Returns whether the
    /// place was taken.
    pub(crate) fn displace(&mut self, next: GrantNumber) -> bool {
        let is_stalled = self.granted.take_first_before(next);
        self.displaced += usize::from(is_stalled);
        is_stalled
    }

    /// Takes back the place of the publisher that came last, which then waits at its old position.
    pub(crate) fn revoke_last(&mut self) {
        if let Some(key) = self.granted.take_last() {
            self.displaced += 1;
            self.enter(Some(key), key.request);
        }
    }

    // ---- Leaving ----------------------------------------------------------------------------

    /// Removes a publisher that was admitted, rejected or dropped.
    pub(crate) fn remove(&mut self, key: QueueKey) -> Removed {
        if let Some(at) = self.index(key) {
            return Removed::Waiter(self.bury(at));
        }
        if self.take_place(key) {
            return Removed::Place;
        }
        self.displaced -= 1;
        Removed::Waiter(None)
    }

    /// Takes a waiter out of `waiters`, and returns its waker.
    fn bury(&mut self, at: usize) -> Option<Waker> {
        let waker = self.wake(at);
        if at == 0 {
            self.waiters.pop_front();
            // The timer belonged to the old front.
            self.timer_at = None;
            while self.waiters.front().is_some_and(|waiter| !waiter.live) {
                self.waiters.pop_front();
                self.tombstones -= 1;
            }
        } else {
            // Leave a tombstone: removing from the middle of a long queue would take O(n).
            let waiter = &mut self.waiters[at];
            waiter.live = false;
            waiter.yielded_to = None;
            self.tombstones += 1;
        }
        // Removing half of the entries at once takes O(1) per tombstone.
        if self.tombstones > self.waiters.len() / 2 {
            self.waiters.retain(|waiter| waiter.live);
            self.tombstones = 0;
        }
        self.waiters.shrink_if_sparse(MIN_CAPACITY);
        waker
    }

    /// Wakes all waiters and voids all grants: the channel is closed.
    pub(crate) fn close(&mut self) -> impl Iterator<Item = Waker> {
        self.displaced += self.granted.len();
        self.granted.clear();
        self.wake_all()
    }

    /// Wakes all waiters that sleep: the caller calls the wakers.
    pub(crate) fn wake_all(&mut self) -> impl Iterator<Item = Waker> {
        self.asleep = 0;
        self.timer_at = None;
        self.waiters
            .iter_mut()
            .filter_map(|waiter| waiter.waker.take())
    }

    // ---- Search -----------------------------------------------------------------------------

    /// Returns the index of a live waiter; the front is the common case.
    #[inline]
    fn index(&self, key: QueueKey) -> Option<usize> {
        if self.waiters.front()?.key.number == key.number {
            return Some(0);
        }
        self.search(key).ok().filter(|&at| self.waiters[at].live)
    }

    /// Returns the index of an entry of `waiters`, or the index where it belongs.
    fn search(&self, key: QueueKey) -> Result<usize, usize> {
        (self.waiters).binary_search_by_key(&key.number, |waiter| waiter.key.number)
    }
}

#[cfg(all(test, not(any(genevent_shuttle, genevent_loom))))]
mod tests;
