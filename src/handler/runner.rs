//! The task that folds one subscription through a list of handlers.
//!
//! Everything that happens to handlers happens here, step by step: events, and
//! [commands](super::command) (calls, swaps, removals, owners that end). A command carries the
//! sequence number of the newest event when the command was sent. The runner executes the command
//! after handling the events up to that number, so a command has a position in the sequence of
//! events, even if its caller has been dropped. Only aborts do not wait.

mod answers;
mod event;
mod execute;
pub(super) mod subscription;

use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{Context, Poll};

use super::StopReason;
use super::command::Command;
use super::command_queue::CommandQueue;
use super::member::Member;
use super::registration::NameRegistration;
use super::runner_handle::RunnerHandle;
use super::user_code::{Removed, UserCodeScope};
use crate::channel::Channel;
use crate::channel::trace::Scope;
use crate::end_reason::{DisconnectCause, EndReason};
use crate::subscriber_id::SubscriberId;
use crate::util::shrink::Shrink;
use crate::util::sync::Arc;
use answers::Answers;
use subscription::RunnerSubscription;

/// Marks the task as running; dropping the mark tells `stop` of the end of the task, also if the
/// task was never spawned.
struct RunningMark<E> {
    channel: Arc<Channel<E>>,
    subscriber: SubscriberId,
}

impl<E> Drop for RunningMark<E> {
    fn drop(&mut self) {
        self.channel.task_ended(self.subscriber);
    }
}

/// # Invariants
/// 1. An event is handled only when no command is due before the event: commands keep their
///    position in the sequence.
/// 2. `_running` is the last field: `stop` returns only after everything else has been dropped.
pub(super) struct Runner<E> {
    queue: CommandQueue<E>,
    user_code: UserCodeScope<E>,
    /// Oldest first. A deque, because mostly the oldest or the newest member ends.
    members: VecDeque<Member<E>>,
    /// Some member may have been aborted.
    abort_requested: bool,
    /// The handle of the group has not been dropped.
    has_handle: bool,
    /// The answers to the event in flight.
    answers: Answers,
    /// Steps since the task last yielded to the runtime.
    steps_since_yield: u32,
    subscription: RunnerSubscription<E>,
    /// Registration of the group; `None` for a handler without a group.
    registration: Option<NameRegistration>,
    _running: RunningMark<E>,
}

/// Capacity that is kept while the runner has fewer members.
const MIN_CAPACITY: usize = 8;

/// Number of steps after which the task yields to the runtime.
const STEP_BUDGET: u32 = 64;

const MEMBER_INDEX: &str = "the index was found in `members`, and no member has left since";

/// Counts a step, and yields to the runtime when the budget is used up.
async fn yield_if_due(steps_since_yield: &mut u32) {
    *steps_since_yield += 1;
    if *steps_since_yield == STEP_BUDGET {
        *steps_since_yield = 0;
        tokio::task::yield_now().await;
    }
}

/// The next step of a runner.
enum Step {
    Abort(usize),
    AbortGroup,
    Execute,
    Handle,
    End(StopReason),
}

impl<E: Send + Sync + 'static> Runner<E> {
    /// Makes the runner of `subscription`, which belongs to a handler or a group and has counted as
    /// running since the subscription attached. Dropping the runner ends the task.
    pub(super) fn new(subscription: RunnerSubscription<E>, channel: &Arc<Channel<E>>) -> Self {
        let subscriber = subscription.subscriber();
        let running = RunningMark {
            channel: Arc::clone(channel),
            subscriber: subscriber.id,
        };
        channel.enlist_late(subscriber);
        Self {
            _running: running,
            queue: CommandQueue::new(),
            user_code: UserCodeScope {
                runner: RunnerHandle::new(channel, subscriber),
                span: Scope::new(subscriber),
            },
            members: VecDeque::new(),
            abort_requested: false,
            has_handle: false,
            answers: Answers::new(channel.group_progress(subscriber.id)),
            steps_since_yield: 0,
            subscription,
            registration: None,
        }
    }

    pub(super) fn handle(&self) -> &RunnerHandle<E> {
        &self.user_code.runner
    }

    /// Runs a single handler until the handler ends.
    pub(super) async fn run_one(mut self, member: Member<E>) {
        self.execute(Command::Add(member)).await;
        self.run().await;
    }

    /// Runs the handlers of a group until the handle of the group is dropped and no handler is
    /// left.
    pub(super) async fn run_group(mut self, registration: NameRegistration) {
        self.has_handle = true;
        self.registration = Some(registration);
        self.run().await;
    }

    async fn run(mut self) {
        let reason = loop {
            if self.members.is_empty() && !self.has_handle {
                break StopReason::Removed;
            }
            let step = poll_fn(|cx| self.poll_step(cx)).await;
            // Acknowledge before anything but the next event: `sync_notify` would otherwise wait
            // for the command as well.
            if !matches!(step, Step::Handle) {
                self.subscription.ack();
            }
            match step {
                Step::Abort(index) => drop(self.remove(index, StopReason::Aborted).await),
                Step::AbortGroup => {
                    self.has_handle = false;
                    self.remove_all(&StopReason::Aborted).await;
                    break StopReason::Aborted;
                }
                Step::Execute => self.execute_next().await,
                Step::Handle => self.handle_event().await,
                Step::End(reason) => break reason,
            }
            self.yield_if_due().await;
        };
        // Close before executing: a command is either refused or executed, never lost.
        for command in self.user_code.runner.mailbox.close() {
            self.queue.push(command);
        }
        while self.queue.not_before().is_some() {
            self.execute_next().await;
            self.yield_if_due().await;
        }
        // The newest member ends first, as in GenEvent.
        self.remove_all(&reason).await;
        // Acknowledge only after all reasons are set: a task waiting for the event finds the
        // handlers ended.
        self.subscription.ack();
        if let Some(registration) = self.registration.take() {
            // A group without members has not been disconnected by the end of the last member.
            let RunnerHandle {
                channel,
                subscriber,
                ..
            } = &self.user_code.runner;
            channel.disconnect_handler(*subscriber);
            registration.end(reason);
        }
    }

    async fn yield_if_due(&mut self) {
        yield_if_due(&mut self.steps_since_yield).await;
    }

    /// Decides on the next step: first aborts, then due commands, then the next event, then the end
    /// of the subscription.
    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        let ahead = self.subscription.poll_ahead(cx);
        // Read the mailbox after polling the subscription: a command older than the next event
        // would otherwise be executed after that event.
        if let Some((commands, abort_requested)) = self.user_code.runner.mailbox.take(cx) {
            for command in commands {
                self.queue.push(command);
            }
            self.abort_requested |= abort_requested;
        }
        if self.abort_requested {
            let group = self.registration.as_ref();
            if group.is_some_and(|group| group.exit.is_aborted()) {
                return Poll::Ready(Step::AbortGroup);
            }
            if let Some(index) = self.members.iter().position(Member::is_aborted) {
                return Poll::Ready(Step::Abort(index));
            }
            self.abort_requested = false;
        }
        let not_before = self.queue.not_before();
        if not_before.is_some_and(|seq| self.subscription.has_taken(seq)) {
            return Poll::Ready(Step::Execute);
        }
        ahead.map(|more| match self.subscription.end_reason() {
            _ if more => Step::Handle,
            // Disconnected before the handler was listed, so that the call could not abort it.
            Some(EndReason::Disconnected {
                cause: DisconnectCause::Requested,
            }) => Step::End(StopReason::Aborted),
            Some(EndReason::Disconnected { cause }) => Step::End(StopReason::Disconnected(cause)),
            _ => Step::End(StopReason::ManagerClosed),
        })
    }

    /// Takes a member out of the list and ends the member.
    async fn remove(&mut self, index: usize, reason: StopReason) -> Removed<E> {
        let member = self.members.remove(index).expect(MEMBER_INDEX);
        self.members.shrink_if_sparse(MIN_CAPACITY);
        let last = self.members.is_empty() && !self.has_handle;
        self.user_code.end(member, reason, last).await
    }

    /// Ends all members, the newest first.
    async fn remove_all(&mut self, reason: &StopReason) {
        while let Some(last) = self.members.len().checked_sub(1) {
            drop(self.remove(last, reason.clone()).await);
            self.yield_if_due().await;
        }
    }
}

impl<E> Drop for Runner<E> {
    fn drop(&mut self) {
        drop(self.user_code.runner.mailbox.close());
        if self.answers.is_in_flight() {
            self.abandon_event();
        }
        self.subscription.ack();
    }
}
