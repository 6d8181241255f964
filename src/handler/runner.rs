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
use super::command::{Answer, Call, Command, Order, Swap};
use super::exit::{Fate, Life};
use super::mailbox::Link;
use super::member::Member;
use super::owner::Owner;
use super::user_code::{Floor, HANDLER, Ran, Removed};
use crate::channel::Channel;
use crate::channel::trace::Scope;
use crate::end_reason::EndReason;
use crate::subscriber_id::SubscriberId;
use crate::subscription::Subscription;
use crate::util::shrink::Room;
use crate::util::sync::Arc;

/// Tells `stop` that the task has ended, however it did; also if it was never spawned.
struct Running<E>(Arc<Channel<E>>, SubscriberId);

impl<E> Drop for Running<E> {
    fn drop(&mut self) {
        self.0.retire(self.1);
    }
}

/// # Invariants
/// 1. Orders in `queue` are sorted by the event they come after, and then by age.
/// 2. An event is handled only when no order is due before it.
pub(super) struct Runner<E> {
    queue: VecDeque<Order<E>>,
    floor: Floor<E>,
    /// Oldest first. A deque, as it is mostly the oldest or the newest that ends.
    members: VecDeque<Member<E>>,
    /// Some handler may have been aborted.
    rung: bool,
    /// Somebody holds the group.
    held: bool,
    /// There is an event in hand that nobody, or not everybody, has dealt with.
    unfinished: bool,
    /// Steps since other tasks had their turn.
    stretch: u32,
    subscription: Subscription<E>,
    /// Of the group.
    life: Option<Life>,
    _running: Running<E>,
}

/// Room for so many members and orders is kept when there are fewer.
const KEPT: usize = 8;

/// So many steps are taken at a stretch; then other tasks have their turn.
const STRETCH: u32 = 64;

const THERE: &str = "the index is of a member";

/// So many members that handle an event count as one more step.
const CROWD: usize = 64;

async fn rest(stretch: &mut u32) {
    *stretch += 1;
    if *stretch == STRETCH {
        *stretch = 0;
        tokio::task::yield_now().await;
    }
}

enum Step {
    Abort(usize),
    Order,
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
            floor: Floor(Link::new(channel, place.id), Scope::new(place)),
            members: VecDeque::new(),
            rung: false,
            held: false,
            unfinished: false,
            stretch: 0,
            subscription,
            life: None,
        }
    }

    /// The way to it.
    pub(super) fn link(&self) -> &Link<E> {
        &self.floor.0
    }

    /// Runs one handler.
    pub(super) async fn run_one(mut self, member: Member<E>) {
        self.execute(Command::Add(member)).await;
        self.run().await;
    }

    /// Runs handlers that come and go, until there is none and nobody holds the group.
    pub(super) async fn run_group(mut self, life: Life) {
        self.held = true;
        self.life = Some(life);
        self.run().await;
    }

    async fn run(mut self) {
        let reason = loop {
            if self.members.is_empty() && !self.held {
                break StopReason::Removed;
            }
            let step = poll_fn(|cx| self.poll_step(cx)).await;
            if !matches!(step, Step::Event) {
                // The event in hand is done with; nobody waits for it behind this.
                self.subscription.ack();
            }
            match step {
                Step::Abort(index) => drop(self.remove(index, StopReason::Aborted).await),
                Step::Order => self.carry_out().await,
                Step::Event => self.handle().await,
                Step::End(reason) => break reason,
            }
            self.rest().await;
        };
        // Who comes now is refused; who came before still has an answer.
        for order in self.floor.0.mailbox.close() {
            self.queue_up(order);
        }
        while !self.queue.is_empty() {
            self.carry_out().await;
            self.rest().await;
        }
        // The newest first, as in GenEvent.
        self.remove_all(&reason).await;
        // Now that all is told.
        self.subscription.ack();
        if let Some(life) = self.life.take() {
            // If there was no last handler to do it.
            self.floor.0.channel.withdraw(self.floor.0.subscriber);
            life.end(reason);
        }
    }

    async fn rest(&mut self) {
        rest(&mut self.stretch).await;
    }

    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        let ahead = self.subscription.poll_ahead(cx);
        // Only now: an order that was given before that event was stored is seen.
        if let Some((orders, rung)) = self.floor.0.mailbox.take(cx) {
            for order in orders {
                self.queue_up(order);
            }
            self.rung |= rung;
        }
        if self.rung {
            let aborted = |member: &Member<E>| member.life.fate.is_aborted();
            if let Some(index) = self.members.iter().position(aborted) {
                return Poll::Ready(Step::Abort(index));
            }
            self.rung = false;
        }
        let first = self.queue.front();
        if first.is_some_and(|order| self.subscription.has_taken(order.after)) {
            return Poll::Ready(Step::Order);
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
            floor,
            members,
            stretch,
            ..
        } = self;
        let event = self.subscription.current();
        self.unfinished = !members.is_empty();
        let (mut finished, mut index) = (false, 0);
        while index < members.len() {
            let crowd = index..members.len().min(index + CROWD);
            let end = crowd.end;
            let (done, stopped) = floor.handle_now(members.range_mut(crowd), event);
            finished |= done > 0;
            index += done;
            if index == end {
                self.unfinished = index < members.len();
                if done == CROWD {
                    rest(stretch).await;
                }
                continue;
            }
            let is_last = index + 1 == members.len();
            let member = &mut members[index];
            let ran = match stopped {
                Some(ran) => ran,
                None => floor.handle(member, event).await,
            };
            finished |= matches!(ran, Ran::Done(_));
            // What is awaited from here on is how a handler ends; the event is done with.
            self.unfinished = !(finished && is_last);
            let end = match ran {
                Ran::Done(flow) => flow.is_break().then_some(StopReason::Finished),
                Ran::Panicked(message) => floor.revive(member, message).await,
                Ran::Aborted => Some(StopReason::Aborted),
            };
            let Some(reason) = end else {
                index += 1;
                if index % CROWD == 0 {
                    rest(stretch).await;
                }
                continue;
            };
            let member = members.remove(index).expect(THERE);
            members.give_back(KEPT);
            let last = members.is_empty() && !self.held;
            drop(floor.end(member, reason, last).await);
            rest(stretch).await;
        }
        if take(&mut self.unfinished) {
            self.subscription.give_up();
        }
    }

    fn queue_up(&mut self, order: Order<E>) {
        let at = self.queue.partition_point(|o| o.after <= order.after);
        self.queue.insert(at, order);
    }

    /// Carries out the first order.
    async fn carry_out(&mut self) {
        if let Some(order) = self.queue.pop_front() {
            self.queue.give_back(KEPT);
            self.execute(order.command).await;
        }
    }

    fn find(&self, whom: &Arc<Fate>) -> Option<usize> {
        let is_it = |member: &Member<E>| Arc::ptr_eq(&member.life.fate, whom);
        self.members.iter().position(is_it)
    }

    /// What is to be done with somebody who has ended is dropped, and says so by that.
    async fn execute(&mut self, command: Command<E>) {
        match command {
            Command::Add(member) => {
                // It may have been aborted on its way in.
                self.rung |= member.life.fate.is_aborted();
                self.members.push_back(member);
                self.look(self.members.len() - 1).await;
            }
            Command::Call { whom, call, failed } => {
                if let Some(index) = self.find(&whom) {
                    self.call(index, call, failed).await;
                }
            }
            Command::Swap(swap) => {
                if let Some(index) = self.find(&swap.whom) {
                    self.swap(index, swap).await;
                }
            }
            Command::Remove { whom, give } => {
                if let Some(index) = self.find(&whom) {
                    let removed = self.remove(index, StopReason::Removed).await;
                    if let Some(give) = give {
                        let removed = removed.map(|handler| handler.take().into_any());
                        drop(self.floor.call(|| give.take()(removed)));
                    }
                } else if self
                    .life
                    .as_ref()
                    .is_some_and(|life| Arc::ptr_eq(&life.fate, &whom))
                {
                    self.held = false;
                    self.remove_all(&StopReason::Removed).await;
                }
            }
            Command::Look(bell) => {
                let owns = |owner: &Owner<E>| Arc::ptr_eq(&owner.bell, &bell);
                let owned = |member: &Member<E>| member.owner.as_ref().is_some_and(owns);
                let index = self.members.iter().position(owned);
                if let Some(index) = index {
                    self.look(index).await;
                }
            }
            Command::LetGo => self.held = false,
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
                let command = Command::Look(Arc::clone(&owner.bell));
                self.queue_up(Order { after, command });
            }
            _ if owner.is_gone() => drop(self.remove(index, StopReason::OwnerGone).await),
            _ => {}
        }
    }

    async fn call(&mut self, index: usize, call: Call, failed: Answer<String>) {
        let member = &mut self.members[index];
        let handler = member.handler.as_mut().expect(HANDLER).as_any();
        if let Err(message) = self.floor.call(|| call.take()(handler)) {
            if let Some(reason) = self.floor.revive(member, message.clone()).await {
                drop(self.remove(index, reason).await);
            }
            failed.send(message);
        }
    }

    async fn remove(&mut self, index: usize, reason: StopReason) -> Removed<E> {
        let member = self.members.remove(index).expect(THERE);
        self.members.give_back(KEPT);
        let last = self.members.is_empty() && !self.held;
        self.floor.end(member, reason, last).await
    }

    async fn remove_all(&mut self, reason: &StopReason) {
        while let Some(last) = self.members.len().checked_sub(1) {
            drop(self.remove(last, reason.clone()).await);
            self.rest().await;
        }
    }

    async fn swap(&mut self, index: usize, swap: Swap<E>) {
        let Self { floor, members, .. } = self;
        let member = &mut members[index];
        let fate = Arc::clone(&member.life.fate);
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
        match floor.call(|| swap.with.take()(old.take().into_any())) {
            Ok(swapped) => {
                let is_new = swapped.is_ok();
                let (Ok(handler) | Err(handler)) = swapped;
                member.handler = Some(floor.0.theirs(handler));
                if is_new {
                    member.revival = None;
                    member.life.hand_over(swap.new);
                }
                swap.answer.send(is_new);
            }
            Err(message) => drop(self.remove(index, StopReason::Panicked(message)).await),
        }
    }
}

impl<E> Drop for Runner<E> {
    fn drop(&mut self) {
        drop(self.floor.0.mailbox.close());
        if self.unfinished {
            self.subscription.give_up();
        }
    }
}
