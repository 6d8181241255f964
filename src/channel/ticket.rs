//! Tickets: counters of the acknowledgements still needed by a waiting publisher.
//!
//! A publisher that waits (`ack_notify`, `sync_notify`, `flush`) creates a [`Ticket`] and stores it beside
//! the event. Each subscriber settles the event on the ticket directly, without the channel's lock:
//! an atomic decrement. The last subscriber wakes the publisher.

use std::task::{Context, Poll, Waker};

use crate::receipt::{Entries, Receipt, Unfinished};
use crate::util::panic_guard::{drop_caught, wake};
use crate::util::spare_waker::with_spare_waker;
use crate::util::sync::{Arc, AtomicBool, AtomicUsize, Mutex, Ordering};

#[cfg(feature = "rt")]
pub(crate) mod late;

/// The step of a subscriber that a [`Ticket`] counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum AckLevel {
    /// The subscriber's `poll_next` has returned the event (`ack_notify`).
    Received,
    /// The subscriber has finished the event (`sync_notify`), or all events up to it (`flush`).
    Finished,
}

/// Counts the acknowledgements still needed by a waiting future.
///
/// # Invariants
/// 1. Every subscriber counted by [`arm`](Self::arm) calls [`ack`](Self::ack) or
///    [`give_up`](Self::give_up) exactly once. Otherwise the publisher waits for ever, or completes
///    too early.
/// 2. The count stays at zero once it is zero. The call that reaches zero takes the waker out and
///    wakes it, so the future is woken exactly once.
/// 3. The ticket holds no waker after its future has completed or was dropped. The channel may then
///    drop its reference under the lock without running user code.
pub(crate) struct Ticket {
    level: AckLevel,
    outstanding: AtomicUsize,
    /// Whether `unfinished` has entries: without any, a receipt needs no lock.
    any_unfinished: AtomicBool,
    inner: Mutex<TicketInner>,
}

struct TicketInner {
    unfinished: Entries,
    waker: Option<Waker>,
}

impl Ticket {
    /// Creates a ticket without a waker; the first [`poll_settled`](Self::poll_settled) registers a waker.
    pub(crate) fn new(level: AckLevel) -> Arc<Self> {
        Self::of(level, None)
    }

    /// Creates a ticket with `waker` registered, so the first
    /// [`is_settled`](Self::is_settled) check needs no lock.
    pub(crate) fn with_waker(level: AckLevel, waker: Waker) -> Arc<Self> {
        Self::of(level, Some(waker))
    }

    fn of(level: AckLevel, waker: Option<Waker>) -> Arc<Self> {
        Arc::new(Self {
            level,
            outstanding: AtomicUsize::new(0),
            any_unfinished: AtomicBool::new(false),
            inner: Mutex::new(TicketInner {
                unfinished: Entries::default(),
                waker,
            }),
        })
    }

    /// Returns the step this ticket counts.
    #[inline]
    pub(crate) fn level(&self) -> AckLevel {
        self.level
    }

    /// Sets the number of acknowledgements to wait for. Called once, before any subscriber can see the
    /// ticket.
    #[inline]
    pub(crate) fn arm(&self, subscribers: usize) {
        self.outstanding.store(subscribers, Ordering::Release);
    }

    /// Returns whether all subscribers have acknowledged or were detached.
    #[inline]
    pub(crate) fn is_settled(&self) -> bool {
        self.outstanding.load(Ordering::Acquire) == 0
    }

    /// Counts an acknowledgement; the last acknowledgement wakes the future. Must not be called under
    /// the channel's lock: wakers are user code.
    #[inline]
    pub(crate) fn ack(&self) {
        if self.outstanding.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.wake_future();
        }
    }

    /// Counts `acks` acknowledgements, as [`ack`](Self::ack) does.
    #[cfg(feature = "rt")]
    pub(crate) fn ack_many(&self, acks: usize) {
        if acks > 0 && self.outstanding.fetch_sub(acks, Ordering::AcqRel) == acks {
            self.wake_future();
        }
    }

    /// Wakes the future. Not inlined: most acknowledgements of an event are not the last.
    #[inline(never)]
    fn wake_future(&self) {
        let waker = self.inner.lock().waker.take();
        waker.into_iter().for_each(wake);
    }

    /// Counts a subscriber that did not finish the event; the last subscriber wakes the future.
    /// Must not be called under the channel's lock: wakers are user code.
    pub(crate) fn give_up(&self, entry: Unfinished) {
        let mut inner = self.inner.lock();
        inner.unfinished.push(entry);
        // Relaxed is enough: a thread that sees zero synchronizes with the decrement below.
        self.any_unfinished.store(true, Ordering::Relaxed);
        let last = self.outstanding.fetch_sub(1, Ordering::AcqRel) == 1;
        let waker = last.then(|| inner.waker.take()).flatten();
        drop(inner);
        waker.into_iter().for_each(wake);
    }

    /// Returns the receipt so far of event `seq`, which was stored for `audience` subscribers.
    pub(crate) fn receipt_so_far(&self, seq: u64, audience: usize) -> Receipt {
        let inner = self.inner.lock();
        let outstanding = self.outstanding.load(Ordering::Acquire);
        Receipt::new(seq, audience - outstanding, inner.unfinished.clone())
    }

    /// Completes with the subscribers that did not finish, once all have settled.
    pub(crate) fn poll_settled(&self, cx: &Context<'_>) -> Poll<Entries> {
        let settled = self.poll_with(cx.waker());
        settled.map(|()| self.take_unfinished())
    }

    /// Completes once all have settled. Wakes `waker` then, in place of the waker registered before.
    pub(crate) fn poll_with(&self, waker: &Waker) -> Poll<()> {
        if self.is_settled() {
            return Poll::Ready(());
        }
        with_spare_waker(waker, None, |spare| {
            let mut inner = self.inner.lock();
            // Check under the lock: the last acknowledgement takes the lock to find the waker. Either
            // it has decremented before, which is seen here, or it will find the waker.
            if self.is_settled() {
                let old = inner.waker.take();
                drop(inner);
                drop_caught(old);
                return Some(Poll::Ready(()));
            }
            if inner.waker.as_ref().is_some_and(|w| w.will_wake(waker)) {
                return Some(Poll::Pending);
            }
            let old = inner.waker.replace(spare.take()?);
            drop(inner);
            drop_caught(old);
            Some(Poll::Pending)
        })
    }

    /// Takes the list of `unfinished` out of a settled ticket.
    fn take_unfinished(&self) -> Entries {
        if self.any_unfinished.load(Ordering::Relaxed) {
            std::mem::take(&mut self.inner.lock().unfinished)
        } else {
            Entries::default()
        }
    }

    /// Registers `waker`, or none. Returns the waker registered before.
    pub(crate) fn replace_waker(&self, waker: Option<Waker>) -> Option<Waker> {
        std::mem::replace(&mut self.inner.lock().waker, waker)
    }

    /// Returns whether a waker equal to `waker` is registered.
    pub(crate) fn would_wake(&self, waker: &Waker) -> bool {
        let inner = self.inner.lock();
        inner.waker.as_ref().is_some_and(|w| w.will_wake(waker))
    }

    /// Drops the registered waker: the future no longer waits.
    pub(crate) fn abandon(&self) {
        drop_caught(self.replace_waker(None));
    }
}
