//! Late tickets: the answers to an event whose publisher no longer waits, for futures that do.

use std::panic::{RefUnwindSafe, UnwindSafe};
use std::task::{Context, Poll, Wake, Waker};

use super::Ticket;
use crate::receipt::{PendingReceipt, Receipt, Stored};
use crate::util::panic_guard::{drop_caught, wake};
use crate::util::spare_waker::with_spare_waker;
use crate::util::sync::{Arc, Mutex};
use crate::util::wakers::Wakers;

/// The ticket of a stored event, with any number of waiting futures. A [`Ticket`] itself has room
/// for the waker of one future.
pub(crate) struct SharedTicket {
    ticket: Arc<Ticket>,
    stored: Stored,
    waiters: Arc<Waiters>,
}

/// The wakers of the waiting futures. The waker in the ticket wakes them all.
///
/// # Invariants
/// 1. A future keeps its [`SharedTicket`] and leaves before it drops the ticket. So the last reference
///    to the waiters holds no waker, and the channel may drop that reference, in a ticket, under its
///    lock.
#[derive(Default)]
struct Waiters(Mutex<Wakers>);

impl SharedTicket {
    /// Takes over a ticket from a publisher that gives up.
    pub(crate) fn new(ticket: Arc<Ticket>, stored: Stored) -> Self {
        // Drop the waker of the publisher's task, which waits no longer.
        ticket.abandon();
        Self {
            ticket,
            stored,
            waiters: Arc::default(),
        }
    }
}

/// No user code runs under the locks of a ticket and of its waiters, so a panic cannot leave them
/// half-changed. Stated here because the locks of the model checkers do not imply it.
impl UnwindSafe for SharedTicket {}
impl RefUnwindSafe for SharedTicket {}

impl PendingReceipt for SharedTicket {
    fn poll(&self, key: &mut Option<u64>, cx: &Context<'_>) -> Poll<Receipt> {
        // Register before looking: the last answer could come in between and wake no task.
        if !self.ticket.is_settled() {
            self.waiters.register(key, cx.waker());
            let all = Waker::from(Arc::clone(&self.waiters));
            if self.ticket.poll_with(&all).is_pending() {
                return Poll::Pending;
            }
        }
        if let Some(key) = key.take() {
            self.leave(key);
        }
        let Stored { seq, audience } = self.stored;
        Poll::Ready(self.ticket.receipt_so_far(seq, audience))
    }

    fn leave(&self, key: u64) {
        let waker = self.waiters.0.lock().remove(key);
        drop_caught(waker);
    }
}

impl Waiters {
    /// Registers `waker` under `key`, or under a new key.
    fn register(&self, key: &mut Option<u64>, waker: &Waker) {
        let replaced = with_spare_waker(waker, None, |spare| {
            let mut wakers = self.0.lock();
            if wakers.would_wake(*key, waker) {
                return Some(None);
            }
            Some(wakers.insert(key, spare.take()?))
        });
        drop_caught(replaced);
    }
}

impl Wake for Waiters {
    fn wake(self: Arc<Self>) {
        let wakers = self.0.lock().take_all();
        wakers.for_each(wake);
    }
}
