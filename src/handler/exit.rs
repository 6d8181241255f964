//! The end of a handler or a group: the request to abort, and the reason, told once.

use std::task::{Context, Poll};

use super::StopReason;
use crate::channel::watchers::{Condition, WatcherKey, Watchers};
use crate::util::panic_guard::{drop_caught, wake};
use crate::util::sync::{AtomicBool, Mutex, Ordering};

/// Exit of a handler or of a group.
///
/// Commands name their target by the address of this state. A swap and a restart give the name to
/// another handler; only a swap makes a new exit state: a reference to the replaced handler reaches
/// nothing.
///
/// # Invariants
/// 1. `reason` is set once, after `terminate` has run and the name is free: a task with the reason
///    can add a handler of the same name.
#[derive(Default)]
pub(super) struct ExitState {
    aborted: AtomicBool,
    inner: Mutex<ExitStateInner>,
}

#[derive(Default)]
struct ExitStateInner {
    reason: Option<StopReason>,
    watchers: Watchers,
}

impl ExitState {
    /// Requests an abort. The caller also wakes the runner, by
    /// [`request_abort`](super::mailbox::Mailbox::request_abort).
    pub(super) fn abort(&self) {
        self.aborted.store(true, Ordering::Release);
    }

    pub(super) fn is_aborted(&self) -> bool {
        self.aborted.load(Ordering::Acquire)
    }

    /// Clears the request to abort, so the next request can cut `terminate` short.
    pub(super) fn clear_abort(&self) {
        self.aborted.store(false, Ordering::Release);
    }

    /// Returns why the handler has stopped; `None` while the handler runs.
    pub(super) fn reason(&self) -> Option<StopReason> {
        self.inner.lock().reason.clone()
    }

    /// Sets the reason and wakes every task waiting for the reason.
    pub(super) fn set_reason(&self, reason: StopReason) {
        let mut inner = self.inner.lock();
        debug_assert!(inner.reason.is_none(), "a handler stops once");
        inner.reason = Some(reason);
        let wakers = inner.watchers.notify(Condition::Closed..=Condition::Closed);
        drop(inner);
        wakers.into_iter().for_each(wake);
    }

    /// Returns the reason, or registers the waker of `cx` under `key`.
    pub(super) fn poll_reason(
        &self,
        key: &mut Option<WatcherKey>,
        cx: &Context<'_>,
    ) -> Poll<StopReason> {
        let mut spare = None;
        loop {
            let mut inner = self.inner.lock();
            if let Some(reason) = inner.reason.clone() {
                drop(inner);
                drop_caught(spare);
                return Poll::Ready(reason);
            }
            if key.is_some_and(|key| inner.watchers.would_wake(key, cx.waker())) {
                return Poll::Pending;
            }
            if let Some(waker) = spare.take() {
                let (registered, old) = inner.watchers.wait(*key, Condition::Closed, waker);
                drop(inner);
                *key = Some(registered);
                drop_caught(old);
                return Poll::Pending;
            }
            // Unlock before cloning: a clone of a waker is user code. Then check again, as the
            // reason may have been set in between.
            drop(inner);
            spare = Some(cx.waker().clone());
        }
    }

    /// Removes the waker registered by `poll_reason` under `key`.
    pub(super) fn unregister(&self, key: WatcherKey) {
        let waker = self.inner.lock().watchers.leave(key);
        drop_caught(waker);
    }
}
