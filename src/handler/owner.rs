//! The owner of a handler: a future whose end removes the handler.

use std::future::Future;
use std::task::{Context, Poll, Waker};

use tokio::task::unconstrained;

use super::outcome::catch;
use super::user_value::{UserFuture, UserValue};
use crate::util::panic_guard::Guarded;
use crate::util::sync::{Arc, AtomicU64, Ordering};

/// The owner of a new handler. The owner is guarded, because the handler or the factory may be
/// dropped in the same unwinding and panic as well.
pub(super) struct NewOwner(pub(super) Guarded<UserFuture<'static, ()>>);

impl NewOwner {
    pub(super) fn new(owner: impl Future + Send + 'static) -> Self {
        // Unconstrained: once the task has used up its coop budget, a ready owner would be pending,
        // and its handler would be removed at a later event.
        Self(Guarded::new(Box::pin(unconstrained(async move {
            drop(owner.await);
        }))))
    }
}

/// The owner of a handler, polled by the runner.
///
/// # Invariants
/// 1. A wake-up is recorded in `recheck` until the next poll: the runner also learns of a wake-up
///    before the runner has the handler.
pub(super) struct Owner {
    future: UserValue<UserFuture<'static, ()>>,
    /// Records wake-ups into `recheck`.
    waker: Waker,
    pub(super) recheck: Arc<Recheck>,
    gone: bool,
}

/// The request to poll an owner again, behind all events stored when its waker was called: exactly
/// these events still reach the handler.
pub(super) struct Recheck {
    /// Sequence number of the newest event at the first wake-up since the last poll, or `NONE`.
    not_before: AtomicU64,
}

const NONE: u64 = u64::MAX;

impl Recheck {
    pub(super) fn new() -> Self {
        Self {
            not_before: AtomicU64::new(NONE),
        }
    }

    /// Records a wake-up behind event `tail`. Returns whether no earlier request is outstanding: a
    /// single command at a time is enough.
    pub(super) fn request(&self, tail: u64) -> bool {
        // Written even if a request is outstanding, so the next poll sees everything before this
        // wake-up.
        self.not_before.fetch_min(tail, Ordering::AcqRel) == NONE
    }

    /// Returns the sequence number of the event behind which the owner is to be polled.
    pub(super) fn requested(&self) -> Option<u64> {
        let not_before = self.not_before.load(Ordering::Acquire);
        (not_before != NONE).then_some(not_before)
    }

    fn clear(&self) {
        self.not_before.swap(NONE, Ordering::AcqRel);
    }
}

impl Owner {
    /// Polls the owner for the first time. `waker` records wake-ups into `recheck`.
    pub(super) fn new(
        future: UserValue<UserFuture<'static, ()>>,
        recheck: Arc<Recheck>,
        waker: Waker,
    ) -> Self {
        let mut owner = Self {
            future,
            waker,
            recheck,
            gone: false,
        };
        owner.poll();
        owner
    }

    /// Polls the owner and returns whether the owner is gone.
    pub(super) fn poll_gone(&mut self) -> bool {
        // Clear before polling: a wake-up during the poll would be lost.
        self.recheck.clear();
        if !self.gone {
            self.poll();
        }
        self.gone
    }

    fn poll(&mut self) {
        let Self { future, waker, .. } = self;
        let poll = || future.as_mut().poll(&mut Context::from_waker(waker));
        // A panicking owner is gone.
        self.gone = !matches!(catch(poll), Ok(Poll::Pending));
    }
}
