//! The end of a handler or a group: the request to abort, and the reason, told once.

use std::sync::Weak;

use super::StopReason;
use crate::util::sync::{Arc, AtomicBool, Mutex, Ordering};
use crate::util::told_once::{Told, ToldOnce};

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
    /// An abort came from a disconnect, which the receipts of unread events name.
    disconnected: AtomicBool,
    reason: Arc<ToldOnce<StopReason>>,
}

/// The exit of the handler that has a name now; a swap replaces the exit. An abort by name is for this
/// handler, also if a swap comes between finding the name and the abort.
pub(super) struct CurrentExit(Mutex<Weak<ExitState>>);

impl CurrentExit {
    pub(super) fn new(exit: &Arc<ExitState>) -> Self {
        Self(Mutex::new(Arc::downgrade(exit)))
    }

    /// Replaces `old` by `new`. An abort requested of `old` before is for `new`.
    pub(super) fn hand_over(&self, old: &ExitState, new: &Arc<ExitState>) {
        let mut current = self.0.lock();
        *current = Arc::downgrade(new);
        if old.is_disconnected() {
            new.disconnect();
        }
        if old.is_aborted() {
            new.abort();
        }
    }

    /// Calls `f`, such as [`ExitState::abort`], with the exit of the handler that has the name now. `None` if
    /// the handler is gone.
    pub(super) fn with<T>(&self, f: impl FnOnce(&ExitState) -> T) -> Option<T> {
        let current = self.0.lock();
        let exit = current.upgrade();
        let result = exit.as_deref().map(f);
        // Unlock first: the exit may be dropped here, with wakers of users.
        drop(current);
        result
    }
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

    /// Requests an abort because of a disconnect. Returns whether this disconnect is the first.
    pub(super) fn disconnect(&self) -> bool {
        // Before the abort: a runner that sees the abort sees the disconnect.
        let is_first = !self.disconnected.swap(true, Ordering::AcqRel);
        self.abort();
        is_first
    }

    pub(super) fn is_disconnected(&self) -> bool {
        self.disconnected.load(Ordering::Acquire)
    }

    /// Clears the request to abort, so the next request can cut `terminate` short.
    pub(super) fn clear_abort(&self) {
        self.aborted.store(false, Ordering::Release);
    }

    /// Returns why the handler has stopped; `None` while the handler runs.
    pub(super) fn reason(&self) -> Option<StopReason> {
        self.reason.get()
    }

    /// Sets the reason and wakes every task waiting for the reason.
    pub(super) fn set_reason(&self, reason: StopReason) {
        self.reason.tell(reason);
    }

    /// Returns a future of the reason.
    pub(super) fn stopped(&self) -> Told<StopReason> {
        self.reason.told()
    }
}
