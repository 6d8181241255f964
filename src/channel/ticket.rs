//! Counts the acknowledgements that an event still waits for.

use std::task::{Context, Poll, Waker};

use crate::receipt::Receipt;
use crate::subscriber_id::SubscriberId;
use crate::util::panic_guard::{drop_caught, wake};
use crate::util::sync::{Arc, AtomicUsize, Mutex, Ordering};

/// What a [`Ticket`] waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum AckLevel {
    /// The subscriber's `poll_next` has returned the event (`ack_notify`).
    Received,
    /// The subscriber is done with the event (`sync_notify`), or with all up to it (`flush`).
    Finished,
}

/// Counts the answers still owed to one waiting future.
///
/// The subscribers answer on it directly, without the manager's lock: one decrement each.
///
/// # Invariants
/// 1. Every subscriber counted by [`arm`](Self::arm) answers exactly once.
/// 2. At zero it stays at zero; the last answer takes the waker out, if there is one, and calls
///    it.
/// 3. Outside its future's hands it holds no waker: so dropping the manager's reference runs
///    nobody's code.
pub(crate) struct Ticket {
    until: AckLevel,
    outstanding: AtomicUsize,
    /// Not 0 once somebody is in `dropped_by`.
    any_dropped: AtomicUsize,
    inner: Mutex<TicketInner>,
}

struct TicketInner {
    dropped_by: Vec<SubscriberId>,
    waker: Option<Waker>,
}

impl Ticket {
    /// Without a waker: of who looks at it by [`poll_settled`](Self::poll_settled) first.
    pub(crate) fn new(until: AckLevel) -> Arc<Self> {
        Self::of(until, None)
    }

    /// As if it had been polled with `waker` already. Who is the first to ask whether it
    /// [`is_settled`](Self::is_settled) then needs no lock for that.
    pub(crate) fn with_waker(until: AckLevel, waker: Waker) -> Arc<Self> {
        Self::of(until, Some(waker))
    }

    fn of(until: AckLevel, waker: Option<Waker>) -> Arc<Self> {
        Arc::new(Self {
            until,
            outstanding: AtomicUsize::new(0),
            any_dropped: AtomicUsize::new(0),
            inner: Mutex::new(TicketInner {
                dropped_by: Vec::new(),
                waker,
            }),
        })
    }

    #[inline]
    pub(crate) fn until(&self) -> AckLevel {
        self.until
    }

    /// Waits for `subscribers` answers; called once, before any of them can see the ticket.
    #[inline]
    pub(crate) fn arm(&self, subscribers: usize) {
        self.outstanding.store(subscribers, Ordering::Release);
    }

    #[inline]
    pub(crate) fn is_settled(&self) -> bool {
        self.outstanding.load(Ordering::Acquire) == 0
    }

    /// One subscriber has done its part; the last one wakes. Never under the manager's lock.
    #[inline]
    pub(crate) fn ack(&self) {
        if self.outstanding.fetch_sub(1, Ordering::AcqRel) == 1 {
            let waker = self.inner.lock().waker.take();
            waker.into_iter().for_each(wake);
        }
    }

    /// One subscriber will never do its part. Never under the manager's lock.
    pub(crate) fn drop_by(&self, subscriber: SubscriberId) {
        let mut inner = self.inner.lock();
        inner.dropped_by.push(subscriber);
        // Relaxed: the decrement carries it over to whoever sees zero.
        self.any_dropped.store(1, Ordering::Relaxed);
        let last = self.outstanding.fetch_sub(1, Ordering::AcqRel) == 1;
        let waker = last.then(|| inner.waker.take()).flatten();
        drop(inner);
        waker.into_iter().for_each(wake);
    }

    /// How many answers are still owed, and who has given up.
    pub(crate) fn progress(&self) -> (usize, Vec<SubscriberId>) {
        let inner = self.inner.lock();
        let outstanding = self.outstanding.load(Ordering::Acquire);
        (outstanding, inner.dropped_by.clone())
    }

    /// The receipt so far of event `seq`, which was stored for `audience` subscribers.
    pub(crate) fn receipt_so_far(&self, seq: u64, audience: usize) -> Receipt {
        let (outstanding, dropped_by) = self.progress();
        Receipt::new(seq, audience - outstanding, dropped_by)
    }

    /// Ready with the subscribers that ended without an answer.
    pub(crate) fn poll_settled(&self, cx: &Context<'_>) -> Poll<Vec<SubscriberId>> {
        let mut spare = None;
        loop {
            if self.is_settled() {
                drop_caught(spare);
                return Poll::Ready(self.take_dropped_by());
            }
            let mut inner = self.inner.lock();
            // Under the lock, with the waker in place: the last answer takes the same lock, so
            // it either is seen here or finds the waker.
            if self.is_settled() {
                let old = inner.waker.take();
                drop(inner);
                drop_caught(old);
                continue;
            }
            if inner
                .waker
                .as_ref()
                .is_some_and(|w| w.will_wake(cx.waker()))
            {
                drop(inner);
                drop_caught(spare);
                return Poll::Pending;
            }
            if let Some(waker) = spare.take() {
                let old = inner.waker.replace(waker);
                drop(inner);
                drop_caught(old);
                return Poll::Pending;
            }
            drop(inner);
            spare = Some(cx.waker().clone());
        }
    }

    fn take_dropped_by(&self) -> Vec<SubscriberId> {
        match self.any_dropped.load(Ordering::Relaxed) {
            0 => Vec::new(),
            _ => std::mem::take(&mut self.inner.lock().dropped_by),
        }
    }

    /// As if it had been polled with `waker`, or not at all; gives back what it was polled with
    /// before.
    pub(crate) fn replace_waker(&self, waker: Option<Waker>) -> Option<Waker> {
        std::mem::replace(&mut self.inner.lock().waker, waker)
    }

    pub(crate) fn would_wake(&self, waker: &Waker) -> bool {
        let inner = self.inner.lock();
        inner.waker.as_ref().is_some_and(|w| w.will_wake(waker))
    }

    /// Nobody waits for it any more.
    pub(crate) fn abandon(&self) {
        drop_caught(self.replace_waker(None));
    }
}
