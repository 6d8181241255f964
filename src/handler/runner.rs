//! The task that folds one subscription through a list of handlers.
//!
//! All that happens to handlers happens here, one thing after the other: events, and *orders*
//! (calls, swaps, removals, owners that end). An order carries the number of the newest event
//! when it was given, and is carried out once the events up to that number are handled: so it
//! has its place in the sequence, whoever is dropped meanwhile. Only aborts do not wait.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::mem::take;
use std::task::{Context, Poll};

use super::StopReason;
use super::command::{CallFn, Command, QueuedCommand, Reply, Swap};
use super::exit::{ExitState, NameRegistration};
use super::mailbox::RunnerHandle;
use super::member::Member;
use super::owner::Owner;
use super::user_code::{HANDLER, Outcome, Removed, UserCodeScope};
use crate::channel::Channel;
use crate::channel::trace::Scope;
use crate::end_reason::EndReason;
use crate::subscriber_id::SubscriberId;
use crate::subscription::Subscription;
use crate::util::shrink::Shrink;
use crate::util::sync::Arc;

/// Tells `stop` that the task has ended, however it did; also if it was never spawned.
struct Running<E>(Arc<Channel<E>>, SubscriberId);

impl<E> Drop for Running<E> {
    fn drop(&mut self) {
        self.0.task_ended(self.1);
    }
}

/// # Invariants
/// 1. Orders in `queue` are sorted by the event they come after, and then by age.
/// 2. An event is handled only when no order is due before it.
pub(super) struct Runner<E> {
    queue: VecDeque<QueuedCommand<E>>,
    user_code: UserCodeScope<E>,
    /// Oldest first. A deque, as it is mostly the oldest or the newest that ends.
    members: VecDeque<Member<E>>,
    /// Some handler may have been aborted.
    abort_requested: bool,
    /// Somebody holds the group.
    has_owner: bool,
    /// There is an event in hand that nobody, or not everybody, has dealt with.
    unfinished: bool,
    /// Steps since other tasks had their turn.
    steps_since_yield: u32,
    subscription: Subscription<E>,
    /// Of the group.
    registration: Option<NameRegistration>,
    _running: Running<E>,
}

/// Room for so many members and orders is kept when there are fewer.
const KEPT: usize = 8;

/// So many steps are taken at a stretch; then other tasks have their turn.
const STEP_BUDGET: u32 = 64;

const MEMBER_INDEX: &str = "the index is of a member";

/// So many members that handle an event count as one more step.
const GROUP_CHUNK: usize = 64;

async fn yield_if_due(stretch: &mut u32) {
    *stretch += 1;
    if *stretch == STEP_BUDGET {
        *stretch = 0;
        tokio::task::yield_now().await;
    }
}

enum Step {
    Abort(usize),
    QueuedCommand,
    Event,
    End(StopReason),
}

impl<E: Send + Sync + 'static> Runner<E> {
    /// `subscription`: of a handler or a group, which counts as running since it joined. Dropping
    /// the runner ends that.
    pub(super) fn new(subscription: Subscription<E>, channel: &Arc<Channel<E>>) -> Self {
        let place = subscription.place();
        let running = Running(Arc::clone(channel), place.id);
        channel.enlist_late(place);
        Self {
            _running: running,
            queue: VecDeque::new(),
            user_code: UserCodeScope(RunnerHandle::new(channel, place.id), Scope::new(place)),
            members: VecDeque::new(),
            abort_requested: false,
            has_owner: false,
            unfinished: false,
            steps_since_yield: 0,
            subscription,
            registration: None,
        }
    }

    /// The way to it.
    pub(super) fn runner_handle(&self) -> &RunnerHandle<E> {
        &self.user_code.0
    }

    /// Runs one handler.
    pub(super) async fn run_one(mut self, member: Member<E>) {
        self.execute(Command::Add(member)).await;
        self.run().await;
    }

    /// Runs handlers that come and go, until there is none and nobody holds the group.
    pub(super) async fn run_group(mut self, life: NameRegistration) {
        self.has_owner = true;
        self.registration = Some(life);
        self.run().await;
    }

    async fn run(mut self) {
        let reason = loop {
            if self.members.is_empty() && !self.has_owner {
                break StopReason::Removed;
            }
            let step = poll_fn(|cx| self.poll_step(cx)).await;
            if !matches!(step, Step::Event) {
                // The event in hand is done with; nobody waits for it behind this.
                self.subscription.ack();
            }
            match step {
                Step::Abort(index) => drop(self.remove(index, StopReason::Aborted).await),
                Step::QueuedCommand => self.carry_out().await,
                Step::Event => self.handle().await,
                Step::End(reason) => break reason,
            }
            self.yield_if_due().await;
        };
        // Who comes now is refused; who came before still has an answer.
        for order in self.user_code.0.mailbox.close() {
            self.queue_up(order);
        }
        while !self.queue.is_empty() {
            self.carry_out().await;
            self.yield_if_due().await;
        }
        // The newest first, as in GenEvent.
        self.remove_all(&reason).await;
        // Now that all is told.
        self.subscription.ack();
        if let Some(life) = self.registration.take() {
            // If there was no last handler to do it.
            self.user_code
                .0
                .channel
                .disconnect_handler(self.user_code.0.subscriber);
            life.end(reason);
        }
    }

    async fn yield_if_due(&mut self) {
        yield_if_due(&mut self.steps_since_yield).await;
    }

    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        let ahead = self.subscription.poll_ahead(cx);
        // Only now: an order that was given before that event was stored is seen.
        if let Some((orders, rung)) = self.user_code.0.mailbox.take(cx) {
            for order in orders {
                self.queue_up(order);
            }
            self.abort_requested |= rung;
        }
        if self.abort_requested {
            let aborted = |member: &Member<E>| member.registration.exit.is_aborted();
            if let Some(index) = self.members.iter().position(aborted) {
                return Poll::Ready(Step::Abort(index));
            }
            self.abort_requested = false;
        }
        let first = self.queue.front();
        if first.is_some_and(|order| self.subscription.has_taken(order.not_before)) {
            return Poll::Ready(Step::QueuedCommand);
        }
        ahead.map(|more| match self.subscription.end_reason() {
            _ if more => Step::Event,
            Some(EndReason::Disconnected { cause }) => Step::End(StopReason::Disconnected(cause)),
            _ => Step::End(StopReason::ManagerClosed),
        })
    }

    async fn handle(&mut self) {
        if !self.subscription.take_ahead() {
            return;
        }
        let Self {
            user_code: floor,
            members,
            steps_since_yield: stretch,
            ..
        } = self;
        let event = self.subscription.current();
        self.unfinished = !members.is_empty();
        let (mut finished, mut index) = (false, 0);
        while index < members.len() {
            let crowd = index..members.len().min(index + GROUP_CHUNK);
            let end = crowd.end;
            let (done, stopped) = floor.handle_now(members.range_mut(crowd), event);
            finished |= done > 0;
            index += done;
            if index == end {
                self.unfinished = index < members.len();
                if done == GROUP_CHUNK {
                    yield_if_due(stretch).await;
                }
                continue;
            }
            let is_last = index + 1 == members.len();
            let member = &mut members[index];
            let ran = match stopped {
                Some(ran) => ran,
                None => floor.handle(member, event).await,
            };
            finished |= matches!(ran, Outcome::Done(_));
            // What is awaited from here on is how a handler ends; the event is done with.
            self.unfinished = !(finished && is_last);
            let end = match ran {
                Outcome::Done(flow) => flow.is_break().then_some(StopReason::Finished),
                Outcome::Panicked(message) => floor.restart(member, message).await,
                Outcome::Aborted => Some(StopReason::Aborted),
            };
            let Some(reason) = end else {
                index += 1;
                if index % GROUP_CHUNK == 0 {
                    yield_if_due(stretch).await;
                }
                continue;
            };
            let member = members.remove(index).expect(MEMBER_INDEX);
            members.shrink_if_sparse(KEPT);
            let last = members.is_empty() && !self.has_owner;
            drop(floor.end(member, reason, last).await);
            yield_if_due(stretch).await;
        }
        if take(&mut self.unfinished) {
            self.subscription.give_up();
        }
    }

    fn queue_up(&mut self, order: QueuedCommand<E>) {
        let at = self
            .queue
            .partition_point(|o| o.not_before <= order.not_before);
        self.queue.insert(at, order);
    }

    /// Carries out the first order.
    async fn carry_out(&mut self) {
        if let Some(order) = self.queue.pop_front() {
            self.queue.shrink_if_sparse(KEPT);
            self.execute(order.command).await;
        }
    }

    fn find(&self, whom: &Arc<ExitState>) -> Option<usize> {
        let is_it = |member: &Member<E>| Arc::ptr_eq(&member.registration.exit, whom);
        self.members.iter().position(is_it)
    }

    /// What is to be done with somebody who has ended is dropped, and says so by that.
    async fn execute(&mut self, command: Command<E>) {
        match command {
            Command::Add(member) => {
                // It may have been aborted on its way in.
                self.abort_requested |= member.registration.exit.is_aborted();
                self.members.push_back(member);
                self.look(self.members.len() - 1).await;
            }
            Command::CallFn {
                target: whom,
                call,
                on_panic: failed,
            } => {
                if let Some(index) = self.find(&whom) {
                    self.call(index, call, failed).await;
                }
            }
            Command::Swap(swap) => {
                if let Some(index) = self.find(&swap.target) {
                    self.swap(index, swap).await;
                }
            }
            Command::Remove { target: whom, give } => {
                if let Some(index) = self.find(&whom) {
                    let removed = self.remove(index, StopReason::Removed).await;
                    if let Some(give) = give {
                        let removed = removed.map(|handler| handler.take().into_any());
                        drop(self.user_code.call(|| give.take()(removed)));
                    }
                } else if self
                    .registration
                    .as_ref()
                    .is_some_and(|life| Arc::ptr_eq(&life.exit, &whom))
                {
                    self.has_owner = false;
                    self.remove_all(&StopReason::Removed).await;
                }
            }
            Command::CheckOwner(bell) => {
                let owns = |owner: &Owner<E>| Arc::ptr_eq(&owner.owner_waker, &bell);
                let owned = |member: &Member<E>| member.owner.as_ref().is_some_and(owns);
                let index = self.members.iter().position(owned);
                if let Some(index) = index {
                    self.look(index).await;
                }
            }
            Command::LetGo => self.has_owner = false,
        }
    }

    /// Looks whether a handler's owner is gone.
    async fn look(&mut self, index: usize) {
        let Some(owner) = &mut self.members[index].owner else {
            return;
        };
        match owner.has_called() {
            // Before its handler had come.
            Some(after) if !self.subscription.has_taken(after) => {
                let command = Command::CheckOwner(Arc::clone(&owner.owner_waker));
                self.queue_up(QueuedCommand {
                    not_before: after,
                    command,
                });
            }
            _ if owner.is_gone() => drop(self.remove(index, StopReason::OwnerGone).await),
            _ => {}
        }
    }

    async fn call(&mut self, index: usize, call: CallFn, failed: Reply<String>) {
        let member = &mut self.members[index];
        let handler = member.handler.as_mut().expect(HANDLER).as_any();
        if let Err(message) = self.user_code.call(|| call.take()(handler)) {
            if let Some(reason) = self.user_code.restart(member, message.clone()).await {
                drop(self.remove(index, reason).await);
            }
            failed.send(message);
        }
    }

    async fn remove(&mut self, index: usize, reason: StopReason) -> Removed<E> {
        let member = self.members.remove(index).expect(MEMBER_INDEX);
        self.members.shrink_if_sparse(KEPT);
        let last = self.members.is_empty() && !self.has_owner;
        self.user_code.end(member, reason, last).await
    }

    async fn remove_all(&mut self, reason: &StopReason) {
        while let Some(last) = self.members.len().checked_sub(1) {
            drop(self.remove(last, reason.clone()).await);
            self.yield_if_due().await;
        }
    }

    async fn swap(&mut self, index: usize, swap: Swap<E>) {
        let Self {
            user_code: floor,
            members,
            ..
        } = self;
        let member = &mut members[index];
        let fate = Arc::clone(&member.registration.exit);
        if swap.terminate && !fate.is_aborted() {
            let handler = member.handler.as_mut().expect(HANDLER);
            let _ = floor
                .run(&fate, handler.terminate(&StopReason::Swapped))
                .await;
            if fate.is_aborted() {
                member.handler = None;
            }
        }
        if fate.is_aborted() {
            drop(self.remove(index, StopReason::Aborted).await);
            return;
        }
        let old = member.handler.take().expect(HANDLER);
        match floor.call(|| swap.replace.take()(old.take().into_any())) {
            Ok(swapped) => {
                let is_new = swapped.is_ok();
                let (Ok(handler) | Err(handler)) = swapped;
                member.handler = Some(floor.0.wrap_user_value(handler));
                if is_new {
                    member.restart_state = None;
                    member.registration.hand_over(swap.successor);
                }
                swap.reply.send(is_new);
            }
            Err(message) => drop(self.remove(index, StopReason::Panicked(message)).await),
        }
    }
}

impl<E> Drop for Runner<E> {
    fn drop(&mut self) {
        drop(self.user_code.0.mailbox.close());
        if self.unfinished {
            self.subscription.give_up();
        }
    }
}
