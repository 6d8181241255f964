//! Addresses of handlers: the entries behind the names.

use std::any::{Any, TypeId};

use tokio::sync::oneshot;

use super::StopReason;
use super::command::{Command, Reply};
use super::exit::{CurrentExit, ExitState};
use super::runner_handle::RunnerHandle;
use crate::channel::handlers::names::{Address, Entry, HandlerNames};
use crate::subscriber_id::SubscriberId;
use crate::util::panic_guard::drop_caught;
use crate::util::sync::Arc;

/// The address of a handler or of a group.
pub(super) struct HandlerAddress<E> {
    pub(super) runner: RunnerHandle<E>,
    /// The id in receipts: that of the subscription, or of the handler of a group.
    pub(super) id: SubscriberId,
    pub(super) exit: Arc<ExitState>,
    /// The exit of the handler that has the name now. Only the entry of a name has this.
    current: Option<Arc<CurrentExit>>,
    /// The type of the handler; for a group, the type of its handle.
    pub(super) handler_type: TypeId,
    /// The names of the handlers of a group.
    pub(super) members: Option<Arc<HandlerNames>>,
}

impl<E> Clone for HandlerAddress<E> {
    fn clone(&self) -> Self {
        Self {
            runner: self.runner.clone(),
            id: self.id,
            exit: Arc::clone(&self.exit),
            current: self.current.clone(),
            handler_type: self.handler_type,
            members: self.members.clone(),
        }
    }
}

impl<E> HandlerAddress<E> {
    /// Returns the address of a handler of type `H` in `runner`.
    pub(super) fn new<H: 'static>(
        runner: RunnerHandle<E>,
        id: SubscriberId,
        exit: Arc<ExitState>,
    ) -> Self {
        Self::of_type(runner, id, exit, TypeId::of::<H>())
    }

    /// Returns the address of a handler of this type in `runner`.
    pub(super) fn of_type(
        runner: RunnerHandle<E>,
        id: SubscriberId,
        exit: Arc<ExitState>,
        handler_type: TypeId,
    ) -> Self {
        Self {
            runner,
            id,
            exit,
            current: None,
            handler_type,
            members: None,
        }
    }

    /// Ends this handler, or the group with all of its handlers, at once. A successor of a swap goes on.
    pub(super) fn abort(&self) {
        self.mark_members_aborted();
        self.exit.abort();
        self.runner.mailbox.request_abort();
    }

    /// Returns the address as the entry of a name.
    pub(super) fn entry(&self, current: &Arc<CurrentExit>) -> Arc<Self> {
        Arc::new(Self {
            current: Some(Arc::clone(current)),
            ..self.clone()
        })
    }

    /// Marks by `mark` the exit of the handler that has the name, and its handlers before, if it is a group.
    /// Returns the result of `mark`, or `None` if the handler is gone.
    fn mark<T>(&self, mark: impl FnOnce(&ExitState) -> T) -> Option<T> {
        self.mark_members_aborted();
        match &self.current {
            Some(current) if !seeded_bug!("abort-misses-successor") => current.with(mark),
            _ => Some(mark(&self.exit)),
        }
    }

    /// Marks the handlers of a group before the group: the runner looks for marked handlers then.
    fn mark_members_aborted(&self) {
        let members = self.members.iter().flat_map(|names| names.entries());
        members.for_each(|member| member.abort_by_name());
    }

    /// Requests the removal behind all events stored so far, without waiting.
    pub(super) fn request_removal(&self) {
        drop_caught(self.runner.send_now(Command::Remove {
            target: Arc::clone(&self.exit),
            give: None,
        }));
    }

    /// Requests the removal ahead of the events that the runner has yet to read. Returns whether the runner
    /// has not ended.
    fn request_removal_ahead(&self) -> bool {
        let target = Arc::clone(&self.exit);
        let command = Command::Remove { target, give: None };
        let refused = self.runner.send_after(0, command);
        let is_sent = refused.is_none();
        drop_caught(refused);
        is_sent
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

impl<E: Send + Sync + 'static> Address for HandlerAddress<E> {
    fn id(&self) -> SubscriberId {
        self.id
    }

    fn find_member(&self, id: SubscriberId) -> Option<Entry> {
        self.members.as_ref()?.find_subscriber(id)
    }

    fn mark_aborted(&self) {
        self.mark(ExitState::abort);
    }

    fn mark_disconnected(&self) -> bool {
        self.mark(ExitState::disconnect).unwrap_or(false)
    }

    fn wake_aborted(&self) {
        self.runner.mailbox.request_abort();
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}

impl<E: Send + Sync + 'static> HandlerAddress<E> {
    /// Finds the address listed under `name`.
    pub(super) fn find(names: &HandlerNames, name: &str) -> Option<Arc<Self>> {
        names.find(name)?.into_any().downcast().ok()
    }

    /// Finds the handler or group listed under `name`, if it has not ended.
    pub(super) fn find_running(names: &HandlerNames, name: &str) -> Option<Arc<Self>> {
        loop {
            let address = Self::find(names, name)?;
            match address.exit.reason() {
                None => return Some(address),
                // A swap came in between. The successor was listed before this reason was set.
                Some(StopReason::Swapped) => {}
                Some(_) => return None,
            }
        }
    }

    /// Removes the handler or the group, and returns why the handler has ended; `None` if the
    /// caller would wait for itself.
    pub(super) async fn remove(&self) -> Option<StopReason> {
        if self.runner.is_current() {
            return None;
        }
        self.request_removal();
        self.runner.wait(self.exit.stopped()).await
    }

    /// Removes the handler or group called `name`, and waits for its end. Returns whether this
    /// call, or another removal, ended the handler. A caller inside of the same runner does not wait: the
    /// handler is removed after the event that the caller handles.
    pub(super) async fn remove_by_name(names: &HandlerNames, name: &str) -> bool {
        loop {
            let Some(address) = Self::find(names, name) else {
                return false;
            };
            if address.runner.is_current() {
                return address.request_removal_ahead() && address.exit.reason().is_none();
            }
            match address.remove().await {
                // `None`: the future was moved into the runner, and the removal is on its way.
                Some(StopReason::Removed) | None => return true,
                // The name belongs to the successor: remove the successor instead.
                Some(StopReason::Swapped) => {}
                _ => return false,
            }
        }
    }
}
