//! The task that folds one subscription through a list of handlers.
//!
//! All that happens to handlers happens here, one thing after the other: events, and *orders*
//! (calls, swaps, removals, owners that end). An order carries the number of the newest event
//! when it was given, and is carried out once the events up to that number are handled: so it
//! has its place in the sequence, whoever is dropped meanwhile. Only aborts do not wait.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::ops::ControlFlow;
use std::task::{Context, Poll};

use tokio::sync::{mpsc, oneshot, watch};

use super::StopReason;
use super::floor::{Floor, Ran};
use super::member::{AnyHandler, Life, Listed, Member, Owner};
use super::order::{Call, Command, Give, Order, With};
use crate::channel::Channel;
use crate::end::EndReason;
use crate::foreign::{discard, shield};
use crate::inspect::SubscriberId;
use crate::subscription::Subscription;
use crate::sync::Arc;

/// Tells `stop` that the task has ended, however it did.
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
    orders: mpsc::UnboundedReceiver<Order<E>>,
    queue: VecDeque<Order<E>>,
    floor: Floor<E>,
    /// Oldest first.
    members: Vec<Member<E>>,
    /// Handlers and owners that were to be looked at when they were not there; the last few.
    orphans: VecDeque<u64>,
    /// Somebody holds the group.
    held: bool,
    /// An event is being handled.
    busy: bool,
    subscription: Subscription<E>,
    /// Of the group.
    life: Option<Life>,
    _running: Running<E>,
}

/// So many events are handled at a stretch; then other tasks have their turn.
const STRETCH: u32 = 64;

enum Step {
    Event,
    Orders,
    End(StopReason),
}

impl<E: Send + Sync + 'static> Runner<E> {
    pub(super) fn new(
        subscription: Subscription<E>,
        channel: &Arc<Channel<E>>,
        orders: mpsc::UnboundedReceiver<Order<E>>,
        aborts: mpsc::UnboundedReceiver<u64>,
    ) -> Self {
        let place = subscription.place();
        channel.enlist(place);
        Self {
            _running: Running(Arc::clone(channel), place.id),
            orders,
            queue: VecDeque::new(),
            floor: Floor {
                channel: Arc::clone(channel),
                subscriber: place.id,
                aborts,
                aborted: Vec::new(),
            },
            members: Vec::new(),
            orphans: VecDeque::new(),
            held: false,
            busy: false,
            subscription,
            life: None,
        }
    }

    /// Runs one handler.
    pub(super) async fn run_one(mut self, member: Member<E>) {
        self.members.push(member);
        self.run().await;
    }

    /// Runs handlers that come and go, until there is none and nobody holds the group.
    pub(super) async fn run_group(mut self, life: Life) {
        self.held = true;
        self.life = Some(life);
        self.run().await;
    }

    async fn run(mut self) {
        let mut stretch = 0;
        let reason = loop {
            self.carry_out().await;
            if self.members.is_empty() && !self.held {
                break StopReason::Removed;
            }
            match poll_fn(|cx| self.poll_step(cx)).await {
                Step::Event => {
                    self.handle().await;
                    stretch += 1;
                    if stretch == STRETCH {
                        stretch = 0;
                        tokio::task::yield_now().await;
                    }
                }
                Step::Orders => {}
                Step::End(reason) => break reason,
            }
        };
        // Who comes now is refused; who came before still has an answer.
        self.orders.close();
        // Not `try_recv`: an order that is being sent right now would be left behind.
        while let Some(order) = self.orders.recv().await {
            self.queue_up(order);
        }
        while let Some(order) = self.queue.pop_front() {
            self.execute(order.command).await;
        }
        // The newest first, as in GenEvent.
        while let Some(last) = self.members.len().checked_sub(1) {
            self.remove(last, reason.clone(), None).await;
        }
        // Now that all is told.
        self.subscription.ack();
        if let Some(life) = self.life.take() {
            life.end(reason);
        }
    }

    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        self.floor.hear_aborts(cx);
        let Self { floor, members, .. } = self;
        let aborted = |member: &Member<E>| floor.aborted.contains(&member.id);
        if members.iter().any(aborted) {
            return Poll::Ready(Step::Orders);
        }
        let ahead = self.subscription.poll_ahead(cx);
        // Only now: an order that was given before that event was stored is seen.
        self.receive();
        while let Poll::Ready(Some(order)) = self.orders.poll_recv(cx) {
            self.queue_up(order);
        }
        if self.is_due() {
            return Poll::Ready(Step::Orders);
        }
        if self.queue.is_empty() {
            // Those are no more; nobody is on the way in.
            self.floor.aborted.clear();
        }
        ahead.map(|more| match self.subscription.end_reason() {
            _ if more => Step::Event,
            Some(EndReason::Disconnected { cause }) => Step::End(StopReason::Disconnected(cause)),
            _ => Step::End(StopReason::ManagerClosed),
        })
    }

    // ---- Events -----------------------------------------------------------------------------

    async fn handle(&mut self) {
        if !self.subscription.take_ahead() {
            return;
        }
        self.busy = true;
        let event = self.subscription.current();
        let (members, floor) = (&mut self.members, &mut self.floor);
        let held = self.held;
        let (mut finished, mut failed) = (0, 0);
        let mut index = 0;
        while let Some(member) = members.get_mut(index) {
            let handler = member.handler.as_mut().expect(HANDLER);
            let ran = match floor.call(|| handler.handle_now(event)) {
                Ok(Some(flow)) => Ran::Done(flow),
                Ok(None) => floor.run(member.id, handler.handle(event)).await,
                Err(message) => Ran::Panicked(message),
            };
            let end = match ran {
                Ran::Done(flow) => {
                    finished += 1;
                    matches!(flow, ControlFlow::Break(())).then_some(StopReason::Finished)
                }
                Ran::Panicked(message) => {
                    failed += 1;
                    floor.revive(member, message).await
                }
                Ran::Aborted => {
                    failed += 1;
                    Some(StopReason::Aborted)
                }
            };
            match end {
                None => index += 1,
                Some(reason) => {
                    let member = members.remove(index);
                    let last = members.is_empty() && !held;
                    discard(floor.end(member, reason, last).await);
                }
            }
        }
        self.busy = false;
        if finished == 0 && failed > 0 {
            self.subscription.give_up();
        }
    }

    // ---- Orders -----------------------------------------------------------------------------

    fn receive(&mut self) {
        while let Ok(order) = self.orders.try_recv() {
            self.queue_up(order);
        }
    }

    fn queue_up(&mut self, order: Order<E>) {
        let at = self.queue.partition_point(|o| o.after <= order.after);
        self.queue.insert(at, order);
    }

    /// An owner has ended whose handler is not there: it has gone, or it has yet to come, which is
    /// a matter of the moment between two calls.
    fn remember(&mut self, id: u64) {
        if self.orphans.len() == ORPHANS {
            self.orphans.pop_front();
        }
        self.orphans.push_back(id);
    }

    fn is_due(&self) -> bool {
        let first = self.queue.front();
        first.is_some_and(|order| self.subscription.has_taken(order.after))
    }

    /// Carries out the aborts, and what is due.
    async fn carry_out(&mut self) {
        let mut index = 0;
        while !self.floor.aborted.is_empty() && index < self.members.len() {
            if self.floor.take_abort(self.members[index].id) {
                self.remove(index, StopReason::Aborted, None).await;
            } else {
                index += 1;
            }
        }
        if self.is_due() {
            self.subscription.ack();
        }
        while self.is_due() {
            let order = self.queue.pop_front().expect("there is a front");
            self.execute(order.command).await;
        }
    }

    fn find(&self, id: u64) -> Option<usize> {
        self.members.iter().position(|member| member.id == id)
    }

    async fn execute(&mut self, command: Command<E>) {
        match command {
            Command::Add(mut member) => {
                // Its owner may have ended, and said so, before it came.
                let is_orphan = self.orphans.contains(&member.id);
                let owner = member.owner.as_mut();
                let owner = owner.filter(|owner| self.orphans.contains(&owner.id));
                let is_gone = is_orphan || owner.is_some_and(Owner::is_gone);
                self.members.push(member);
                if is_gone {
                    self.remove(self.members.len() - 1, StopReason::OwnerGone, None)
                        .await;
                }
            }
            Command::Call { id, call, failed } => {
                if let Some(index) = self.find(id) {
                    self.call(index, call, failed).await;
                } else {
                    discard(call);
                }
            }
            Command::Remove {
                id: Some(id),
                reason,
                give,
            } => {
                if let Some(index) = self.find(id) {
                    self.remove(index, reason, give).await;
                } else {
                    if reason == StopReason::OwnerGone {
                        self.remember(id);
                    }
                    discard(give);
                }
            }
            Command::Remove { reason, .. } => {
                self.held = false;
                while let Some(last) = self.members.len().checked_sub(1) {
                    self.remove(last, reason.clone(), None).await;
                }
            }
            Command::LookAtOwner(owner) => {
                let owned_by = |m: &Member<E>| m.owner.as_ref().is_some_and(|o| o.id == owner);
                let Some(index) = self.members.iter().position(owned_by) else {
                    return self.remember(owner);
                };
                let member = &mut self.members[index];
                if member.owner.as_mut().is_some_and(Owner::is_gone) {
                    self.remove(index, StopReason::OwnerGone, None).await;
                }
            }
            Command::LetGo => self.held = false,
            Command::Swap {
                id,
                terminate,
                with,
                new,
                tell,
                answer,
            } => {
                let Some(index) = self.find(id) else {
                    return discard(with);
                };
                if let Some(swapped) = self.swap(index, terminate, with, new, tell).await {
                    shield(|| {
                        let _ = answer.send(swapped);
                    });
                }
            }
        }
    }

    async fn call(&mut self, index: usize, call: Call, failed: oneshot::Sender<String>) {
        let member = &mut self.members[index];
        let handler = member.handler.as_mut().expect(HANDLER).as_any();
        if let Err(message) = self.floor.call(|| call(handler)) {
            if let Some(reason) = self.floor.revive(member, message.clone()).await {
                self.remove(index, reason, None).await;
            }
            shield(|| drop(failed.send(message)));
        }
    }

    async fn remove(&mut self, index: usize, reason: StopReason, give: Option<Give>) {
        let member = self.members.remove(index);
        let last = self.members.is_empty() && !self.held;
        let handler = self.floor.end(member, reason, last).await;
        match give {
            Some(give) => discard(self.floor.call(|| give(handler.map(AnyHandler::into_any)))),
            None => discard(handler),
        }
    }

    /// `None` if that ended the handler.
    async fn swap(
        &mut self,
        index: usize,
        terminate: bool,
        with: With<E>,
        new: Listed<E>,
        tell: watch::Sender<Option<StopReason>>,
    ) -> Option<bool> {
        let member = &mut self.members[index];
        let mut old = member.handler.take().expect(HANDLER);
        if terminate {
            let _ = (self.floor)
                .terminate(member.id, &mut *old, &StopReason::Swapped)
                .await;
        }
        match self.floor.call(|| with(old.into_any())) {
            Ok(Ok(handler)) => {
                member.handler = Some(handler);
                member.id = new.id.expect("a handler has a number");
                discard(member.revival.take());
                member.life.list(&new);
                let old = std::mem::replace(&mut member.life.tell, tell);
                shield(|| drop(old.send_replace(Some(StopReason::Swapped))));
                Some(true)
            }
            Ok(Err(old)) => {
                member.handler = Some(old);
                Some(false)
            }
            Err(message) => {
                self.remove(index, StopReason::Panicked(message), None)
                    .await;
                None
            }
        }
    }
}

impl<E> Drop for Runner<E> {
    fn drop(&mut self) {
        if self.busy {
            self.subscription.give_up();
        }
    }
}

/// More than are ever on their way into a group at once.
const ORPHANS: usize = 64;

const HANDLER: &str = "a handler is there unless it is being swapped";
