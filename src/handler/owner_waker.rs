//! The waker of an owner.

use std::task::Wake;

use super::command::Command;
use super::owner::Recheck;
use super::runner_handle::RunnerHandle;
use crate::util::panic_guard::drop_caught;
use crate::util::sync::Arc;

/// The waker of an owner. When the owner wakes, a command to poll the owner is queued behind all
/// events stored so far.
pub(super) struct OwnerWaker<E> {
    pub(super) runner: RunnerHandle<E>,
    pub(super) recheck: Arc<Recheck>,
}

impl<E: Send + Sync + 'static> Wake for OwnerWaker<E> {
    fn wake(self: Arc<Self>) {
        let tail = self.runner.channel.tail();
        if self.recheck.request(tail) {
            let command = Command::CheckOwner(Arc::clone(&self.recheck));
            // Refused if the handler has ended.
            drop_caught(self.runner.send_after(tail, command));
        }
    }
}
