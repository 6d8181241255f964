//! Executing commands.

use super::Runner;
use crate::handler::StopReason;
use crate::handler::address::HandlerAddress;
use crate::handler::command::{CallFn, Command, GiveFn, QueuedCommand, Reply, Swap};
use crate::handler::exit::ExitState;
use crate::handler::member::Member;
use crate::handler::outcome::Outcome;
use crate::handler::owner::Recheck;
use crate::handler::user_value::UserValue;
use crate::util::sync::Arc;

impl<E: Send + Sync + 'static> Runner<E> {
    /// Executes the first command in the queue.
    pub(super) async fn execute_next(&mut self) {
        if let Some(command) = self.queue.pop() {
            self.execute(command).await;
        }
    }

    /// Executes a command. A command for a handler after its end is dropped. The dropped reply
    /// sender tells the caller.
    pub(super) async fn execute(&mut self, command: Command<E>) {
        match command {
            Command::Add(member) => {
                // An abort before this point found no member.
                self.abort_requested |= member.is_aborted();
                self.members.push_back(member);
                self.check_owner(self.members.len() - 1).await;
            }
            Command::Call {
                target,
                call,
                on_panic,
            } => {
                if let Some(index) = self.find(&target) {
                    self.call(index, call, on_panic).await;
                }
            }
            Command::Swap(swap) => {
                if let Some(index) = self.find(&swap.target) {
                    self.swap(index, swap).await;
                }
            }
            Command::Remove { target, give } => self.remove_target(&target, give).await,
            Command::CheckOwner(recheck) => {
                if let Some(index) = self.find_owned(&recheck) {
                    self.check_owner(index).await;
                }
            }
            Command::ReleaseGroup => self.has_handle = false,
        }
    }

    fn find(&self, target: &Arc<ExitState>) -> Option<usize> {
        let is_target = |member: &Member<E>| Arc::ptr_eq(&member.registration.exit, target);
        self.members.iter().position(is_target)
    }

    fn find_owned(&self, recheck: &Arc<Recheck>) -> Option<usize> {
        self.members.iter().position(|member| {
            let owner = member.owner.as_ref();
            owner.is_some_and(|owner| Arc::ptr_eq(&owner.recheck, recheck))
        })
    }

    /// Polls the owner of a member, and removes the member if the owner is gone.
    async fn check_owner(&mut self, index: usize) {
        let Some(owner) = &mut self.members[index].owner else {
            return;
        };
        match owner.recheck.requested() {
            // The owner has woken before the member was added, so the command found no member. A runner
            // that ends takes no more events, and would repeat the command for ever: the member ends
            // with the runner.
            Some(not_before) if !self.subscription.has_taken(not_before) => {
                if self.user_code.runner.mailbox.is_closed() {
                    return;
                }
                let command = Command::CheckOwner(Arc::clone(&owner.recheck));
                self.queue.push(QueuedCommand {
                    not_before,
                    command,
                });
            }
            _ if owner.poll_gone() => drop(self.remove(index, StopReason::OwnerGone).await),
            _ => {}
        }
    }

    async fn call(&mut self, index: usize, call: UserValue<CallFn>, on_panic: Reply<String>) {
        let Self {
            user_code, members, ..
        } = self;
        let member = &mut members[index];
        let (exit, handler) = member.exit_and_handler();
        let handler = handler.as_any_mut();
        let called = match call.take() {
            CallFn::Now(call) => match user_code.call(|| call(handler)) {
                Ok(()) => Outcome::Done(()),
                Err(message) => Outcome::Panicked(message),
            },
            CallFn::Async(call) => user_code.run_made(exit, || call(handler)).await,
        };
        match called {
            Outcome::Done(()) => {}
            Outcome::Panicked(message) => {
                if let Some(reason) = user_code.restart(member, message.clone()).await {
                    drop(self.remove(index, reason).await);
                }
                on_panic.send(message);
            }
            Outcome::Aborted => drop(self.remove(index, StopReason::Aborted).await),
        }
    }

    /// Removes a member, or all members if `target` is the group.
    async fn remove_target(&mut self, target: &Arc<ExitState>, give: Option<GiveFn>) {
        if let Some(index) = self.find(target) {
            let removed = self.remove(index, StopReason::Removed).await;
            if let Some(give) = give {
                let removed = removed.map(|handler| handler.take().into_any());
                drop(self.user_code.call(|| give.take()(removed)));
            }
            return;
        }
        // Sent by a handler of the group for a handler that was added behind events still to come.
        let Err(give) = self.queue.push_behind_add(target, give) else {
            return;
        };
        drop(give);
        let group = self.registration.as_ref().map(|group| &group.exit);
        if group.is_some_and(|exit| Arc::ptr_eq(exit, target)) {
            self.has_handle = false;
            self.remove_all(&StopReason::Removed).await;
        }
    }

    async fn swap(&mut self, index: usize, swap: Swap<E>) {
        let Self {
            user_code, members, ..
        } = self;
        let member = &mut members[index];
        // Terminate the old handler. An abort meanwhile cuts `terminate` short, so the handler is
        // dropped and `terminate` is not called again.
        if swap.terminate && !member.is_aborted() {
            let (exit, handler) = member.exit_and_handler();
            let terminate = handler.dyn_terminate(&StopReason::Swapped);
            let _ = user_code.run(exit, terminate).await;
            if member.is_aborted() {
                member.handler = None;
            }
        }
        if member.is_aborted() {
            drop(self.remove(index, StopReason::Aborted).await);
            return;
        }
        let old = member.take_handler().into_any();
        let exit = &member.registration.exit;
        let replaced = user_code.run_made(exit, || swap.replace.take()(old)).await;
        match replaced {
            Outcome::Done(swapped) => {
                let is_new = swapped.is_ok();
                let (Ok(handler) | Err(handler)) = swapped;
                member.handler = Some(user_code.runner.wrap_user_value(handler));
                if is_new {
                    // The factory makes handlers of the old type.
                    member.restart_state = None;
                    let id = (member.identity.as_ref())
                        .map_or(user_code.runner.subscriber, |identity| identity.id);
                    let exit = Arc::clone(&swap.exit);
                    let runner = user_code.runner.clone();
                    let address = HandlerAddress::of_type(runner, id, exit, swap.handler_type);
                    let entry = address.entry(&member.registration.current);
                    (member.registration).hand_over(swap.exit, entry);
                }
                swap.reply.send(is_new);
            }
            Outcome::Panicked(message) => {
                drop(self.remove(index, StopReason::Panicked(message)).await);
            }
            Outcome::Aborted => drop(self.remove(index, StopReason::Aborted).await),
        }
    }
}
