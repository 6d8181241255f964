//! The end of a handler or a group: the request to abort, and the reason, told once.

use std::task::{Context, Poll};

use super::StopReason;
use crate::channel::condition::{Condition, ConditionKey, ConditionWakers};
use crate::util::panic_guard::{drop_caught, wake};
use crate::util::spare_waker::with_spare_waker;
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
    conditions: ConditionWakers,
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
        let wakers = inner
            .conditions
            .notify(Condition::Closed..=Condition::Closed);
        drop(inner);
        wakers.into_iter().for_each(wake);
    }

    /// Returns the reason, or registers the waker of `cx` under `key`.
    pub(super) fn poll_reason(
        &self,
        key: &mut Option<ConditionKey>,
        cx: &Context<'_>,
    ) -> Poll<StopReason> {
        let waker = cx.waker();
        with_spare_waker(waker, None, |spare| {
            let mut inner = self.inner.lock();
            if let Some(reason) = inner.reason.clone() {
                return Some(Poll::Ready(reason));
            }
            if key.is_some_and(|key| inner.conditions.would_wake(key, waker)) {
                return Some(Poll::Pending);
            }
            let spare = spare.take()?;
            let (registered, old) = inner.conditions.wait(*key, Condition::Closed, spare);
            // Unlock before dropping: a drop of a waker is user code.
            drop(inner);
            *key = Some(registered);
            drop_caught(old);
            Some(Poll::Pending)
        })
    }

    /// Removes the waker registered by `poll_reason` under `key`.
    pub(super) fn unregister(&self, key: ConditionKey) {
        let waker = self.inner.lock().conditions.leave(key);
        drop_caught(waker);
    }
}
