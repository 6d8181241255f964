//! Addresses of handlers: the entries behind the names.

use std::any::TypeId;

use tokio::sync::oneshot;

use super::StopReason;
use super::command::{Command, Reply};
use super::exit::ExitState;
use super::runner_handle::RunnerHandle;
use crate::channel::handlers::names::HandlerNames;
use crate::util::panic_guard::drop_caught;
use crate::util::sync::Arc;

/// The address of a handler or of a group.
pub(super) struct HandlerAddress<E> {
    pub(super) runner: RunnerHandle<E>,
    pub(super) exit: Arc<ExitState>,
    /// Type of the handler; of a group, the type of its handle.
    pub(super) handler_type: TypeId,
}

impl<E> Clone for HandlerAddress<E> {
    fn clone(&self) -> Self {
        Self {
            runner: self.runner.clone(),
            exit: Arc::clone(&self.exit),
            handler_type: self.handler_type,
        }
    }
}

impl<E> HandlerAddress<E> {
    /// Requests the removal behind all events stored so far, without waiting.
    pub(super) fn request_removal(&self) {
        drop_caught(self.runner.send_now(Command::Remove {
            target: Arc::clone(&self.exit),
            give: None,
        }));
    }

    /// Sends the command made by `command` of a reply sender, and waits for the reply, or for the
    /// stop reason if the handler ends without a reply. Returns `None` if the caller would wait for
    /// itself.
    pub(super) async fn ask<R>(
        &self,
        command: impl FnOnce(Reply<R>) -> Command<E>,
    ) -> Option<Result<R, StopReason>> {
        if self.runner.is_current() {
            return None;
        }
        let (reply, replied) = oneshot::channel();
        let command = command(self.runner.wrap_user_value(reply));
        drop_caught(self.runner.send_now(command));
        let reply = self.runner.wait(async {
            match replied.await {
                Ok(reply) => Ok(reply),
                Err(_) => Err(self.exit.stopped().await),
            }
        });
        reply.await
    }
}

impl<E: Send + Sync + 'static> HandlerAddress<E> {
    /// Finds the address listed under `name`.
    pub(super) fn find(names: &HandlerNames, name: &str) -> Option<Arc<Self>> {
        names.find(name)?.downcast().ok()
    }

    /// Removes the handler or group called `name`, and waits for its end. Returns whether this
    /// call, or another removal, ended the handler.
    pub(super) async fn remove(names: &HandlerNames, name: &str) -> bool {
        loop {
            let Some(address) = Self::find(names, name) else {
                return false;
            };
            if address.runner.is_current() {
                return false;
            }
            address.request_removal();
            match address.runner.wait(address.exit.stopped()).await {
                Some(StopReason::Removed) => return true,
                // The name belongs to the successor: remove the successor instead.
                Some(StopReason::Swapped) => {}
                _ => return false,
            }
        }
    }
}
