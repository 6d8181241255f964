//! The end of a handler or a group: the request to abort, and the reason, told once.

use super::StopReason;
use crate::util::sync::{Arc, AtomicBool, Ordering};
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
    reason: Arc<ToldOnce<StopReason>>,
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
