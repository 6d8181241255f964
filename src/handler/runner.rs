//! The task that folds one subscription through a list of handlers.
//!
//! All that happens to handlers happens here, one thing after the other: events, and *orders*
//! (calls, swaps, removals, owners that end). An order carries the number of the newest event
//! when it was given, and is carried out once the events up to that number are handled: so it
//! has its place in the sequence, whoever is dropped meanwhile. Only aborts do not wait.

use std::any::Any;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll};

use tokio::sync::{mpsc, oneshot, watch};

use super::StopReason;
use super::member::{AnyHandler, Boxed, Life, Listed, Member};
use crate::channel::Channel;
use crate::end::EndReason;
use crate::foreign::discard;
use crate::inside;
use crate::inspect::SubscriberId;
use crate::subscription::Subscription;
use crate::sync::Arc;

pub(super) struct Order<E> {
    /// The newest event when it was given.
    pub(super) after: u64,
    pub(super) command: Command<E>,
}

pub(super) type AnyBox = Box<dyn Any + Send>;
/// The new handler, or the old one back.
pub(super) type Swapped<E> = Result<Box<dyn AnyHandler<E>>, Box<dyn AnyHandler<E>>>;

pub(super) enum Command<E> {
    Add(Member<E>),
    Call {
        id: u64,
        /// Also answers.
        call: Box<dyn FnOnce(&mut dyn Any) + Send>,
        /// Hears of a panic, when it has had its consequences.
        failed: oneshot::Sender<String>,
    },
    Swap {
        id: u64,
        /// Call `terminate` first; `with` then cannot refuse.
        terminate: bool,
        with: Box<dyn FnOnce(AnyBox) -> Swapped<E> + Send>,
        new: Listed<E>,
        tell: watch::Sender<Option<StopReason>>,
        /// Whether it was swapped.
        answer: oneshot::Sender<bool>,
    },
    /// `None`: all of them, and the group.
    Remove {
        id: Option<u64>,
        reason: StopReason,
        /// Takes the handler, or hears that `terminate` panicked.
        give: Option<Box<dyn FnOnce(Result<AnyBox, StopReason>) + Send>>,
    },
    LookAtOwner(u64),
    /// Nobody holds the group any more: it ends with its last handler.
    LetGo,
}

/// Runs code of the user's; a panic is its message.
pub(super) fn catch<T>(code: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(code)).map_err(|payload| {
        let message = match payload.downcast_ref::<&str>() {
            Some(message) => Some((*message).to_owned()),
            None => payload.downcast_ref::<String>().cloned(),
        };
        discard(payload);
        message.unwrap_or_else(|| "a value that is no message".to_owned())
    })
}

/// How code of a handler's ended.
enum Ran<T> {
    Done(T),
    Panicked(String),
    Aborted,
}

/// Where all code of handlers runs: caught, marked as inside of its subscription, and aborted on
/// request.
struct Floor<E> {
    channel: Arc<Channel<E>>,
    subscriber: SubscriberId,
    aborts: mpsc::UnboundedReceiver<u64>,
    /// Asked for, and not carried out.
    aborted: Vec<u64>,
}

impl<E: Send + Sync + 'static> Floor<E> {
    fn call<T>(&self, code: impl FnOnce() -> T) -> Result<T, String> {
        inside::run(self.subscriber, || catch(code))
    }

    async fn run<T>(&mut self, id: u64, mut code: Boxed<'_, T>) -> Ran<T> {
        let ran = poll_fn(|cx| {
            self.hear_aborts(cx);
            if self.take_abort(id) {
                return Poll::Ready(Ran::Aborted);
            }
            match self.call(|| code.as_mut().poll(cx)) {
                Ok(Poll::Ready(done)) => Poll::Ready(Ran::Done(done)),
                Ok(Poll::Pending) => Poll::Pending,
                Err(message) => Poll::Ready(Ran::Panicked(message)),
            }
        });
        let ran = ran.await;
        let _ = self.call(|| drop(code));
        ran
    }

    fn hear_aborts(&mut self, cx: &mut Context<'_>) {
        while let Poll::Ready(Some(id)) = self.aborts.poll_recv(cx) {
            self.aborted.push(id);
        }
    }

    fn take_abort(&mut self, id: u64) -> bool {
        let asked = self.aborted.len();
        self.aborted.retain(|aborted| *aborted != id);
        self.aborted.len() < asked
    }

    /// Calls `terminate`. `Err`: it panicked.
    async fn terminate(
        &mut self,
        id: u64,
        handler: &mut dyn AnyHandler<E>,
        reason: &StopReason,
    ) -> Result<(), StopReason> {
        match self.run(id, handler.terminate(reason)).await {
            Ran::Done(()) => Ok(()),
            Ran::Panicked(message) => Err(StopReason::Panicked(message)),
            Ran::Aborted => Err(StopReason::Aborted),
        }
    }

    /// Terminates the handler, frees its name and tells why it ended. Gives it out, unless its
    /// `terminate` panicked. With the `last` one, the subscription counts no more.
    async fn end(
        &mut self,
        member: Member<E>,
        reason: StopReason,
        last: bool,
    ) -> Result<Box<dyn AnyHandler<E>>, StopReason> {
        let Member {
            life,
            id,
            handler,
            owner,
            revival,
        } = member;
        discard((owner, revival));
        let Some(mut handler) = handler else {
            self.leave_if(last);
            life.end(reason.clone());
            return Err(reason);
        };
        let terminated = self.terminate(id, &mut *handler, &reason).await;
        self.leave_if(last);
        life.end(reason);
        match terminated {
            Ok(()) => Ok(handler),
            Err(reason) => {
                discard(handler);
                Err(reason)
            }
        }
    }

    fn leave_if(&self, last: bool) {
        if last {
            // Owes still what is in hand: that is answered for after the end is told.
            self.channel.disconnect(self.subscriber);
        }
    }

    /// The handler has panicked: makes it anew if it may, or else gives the reason to end it.
    async fn revive(&mut self, member: &mut Member<E>, message: String) -> Option<StopReason> {
        let reason = StopReason::Panicked(message);
        let Some(revival) = &mut member.revival else {
            return Some(reason);
        };
        if !revival.is_allowed() {
            return Some(reason);
        }
        if let Some(mut broken) = member.handler.take() {
            let _ = self.terminate(member.id, &mut *broken, &reason).await;
            discard(broken);
        }
        match self.call(|| revival.factory.make()) {
            Ok(anew) => {
                member.handler = Some(anew);
                None
            }
            Err(message) => Some(StopReason::Panicked(message)),
        }
    }
}

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
        self.receive();
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
            Command::Add(member) => self.members.push(member),
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
                    return;
                };
                let member = &mut self.members[index];
                if member.owner.as_mut().is_some_and(|owner| owner.is_gone()) {
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
                    let _ = answer.send(swapped);
                }
            }
        }
    }

    async fn call(
        &mut self,
        index: usize,
        call: Box<dyn FnOnce(&mut dyn Any) + Send>,
        failed: oneshot::Sender<String>,
    ) {
        let member = &mut self.members[index];
        let handler = member.handler.as_mut().expect(HANDLER).as_any();
        if let Err(message) = self.floor.call(|| call(handler)) {
            if let Some(reason) = self.floor.revive(member, message.clone()).await {
                self.remove(index, reason, None).await;
            }
            let _ = failed.send(message);
        }
    }

    async fn remove(
        &mut self,
        index: usize,
        reason: StopReason,
        give: Option<Box<dyn FnOnce(Result<AnyBox, StopReason>) + Send>>,
    ) {
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
        with: Box<dyn FnOnce(AnyBox) -> Swapped<E> + Send>,
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
                member.revival = None;
                member.life.list(&new);
                let old = std::mem::replace(&mut member.life.tell, tell);
                old.send_replace(Some(StopReason::Swapped));
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

const HANDLER: &str = "a handler is there unless it is being swapped";
