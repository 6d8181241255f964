//! One handler as its task sees it: any type, with its name, its owner, its ways to end.

use std::any::{Any, TypeId};
use std::collections::VecDeque;
use std::future::Future;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::floor::catch;
use super::order::{Command, Order};
use super::{Handler, StopReason};
use crate::channel::Channel;
use crate::foreign::{discard, shield};
use crate::inspect::SubscriberId;
use crate::roster::Roster;
use crate::sync::Arc;

pub(super) type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A [`Handler`] of whatever type.
pub(super) trait AnyHandler<E>: Any + Send {
    fn handle_now(&mut self, event: &E) -> Option<ControlFlow<()>>;
    fn handle<'a>(&'a mut self, event: &'a E) -> Boxed<'a, ControlFlow<()>>;
    fn terminate<'a>(&'a mut self, reason: &'a StopReason) -> Boxed<'a, ()>;
    fn as_any(&mut self) -> &mut dyn Any;
    fn into_any(self: Box<Self>) -> Box<dyn Any + Send>;
}

// Each call of the user's code is made in the first poll of its future, where a panic is caught.
impl<E: Sync, H: Handler<E>> AnyHandler<E> for H {
    fn handle_now(&mut self, event: &E) -> Option<ControlFlow<()>> {
        Handler::handle_now(self, event)
    }

    fn handle<'a>(&'a mut self, event: &'a E) -> Boxed<'a, ControlFlow<()>> {
        Box::pin(async move { self.handle_event(event).await })
    }

    fn terminate<'a>(&'a mut self, reason: &'a StopReason) -> Boxed<'a, ()> {
        Box::pin(async move { Handler::terminate(self, reason).await })
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}

/// The way to a runner.
pub(super) struct Link<E> {
    pub(super) channel: Arc<Channel<E>>,
    pub(super) subscriber: SubscriberId,
    pub(super) orders: mpsc::UnboundedSender<Order<E>>,
    pub(super) aborts: mpsc::UnboundedSender<u64>,
}

impl<E> Clone for Link<E> {
    fn clone(&self) -> Self {
        Self {
            channel: Arc::clone(&self.channel),
            subscriber: self.subscriber,
            orders: self.orders.clone(),
            aborts: self.aborts.clone(),
        }
    }
}

impl<E> Link<E> {
    /// To be done after all events stored until now. Gives the command back if nobody will.
    #[expect(clippy::result_large_err, reason = "it is taken apart at once")]
    pub(super) fn order(&self, command: Command<E>) -> Result<(), Command<E>> {
        let after = self.channel.tail();
        let sent = self.orders.send(Order { after, command });
        sent.map_err(|refused| refused.0.command)
    }

    /// Whether the running code belongs to the handlers of this runner.
    pub(super) fn is_inside(&self) -> bool {
        crate::inside::handler() == Some(self.subscriber)
    }
}

/// How a handler, or a group, will be known to have ended.
pub(super) type Told = watch::Receiver<Option<StopReason>>;

/// Waits until it is told.
pub(super) async fn reason(mut told: Told) -> StopReason {
    let reason = told.wait_for(Option::is_some).await;
    // Whoever does not tell is not there any more.
    let reason = reason.ok().and_then(|reason| reason.clone());
    reason.unwrap_or(StopReason::Aborted)
}

/// What a name stands for.
pub(super) struct Listed<E> {
    pub(super) link: Link<E>,
    /// `None`: all handlers of a group.
    pub(super) id: Option<u64>,
    pub(super) told: Told,
    pub(super) of: TypeId,
}

impl<E> Clone for Listed<E> {
    fn clone(&self) -> Self {
        Self {
            link: self.link.clone(),
            id: self.id,
            told: self.told.clone(),
            of: self.of,
        }
    }
}

/// A number for each handler that ever was: a stale reference reaches nobody else.
pub(super) fn new_id() -> u64 {
    static IDS: AtomicU64 = AtomicU64::new(0);
    IDS.fetch_add(1, Ordering::Relaxed)
}

/// A name in use, and the duty to free it and to tell why, once.
///
/// Dropped (the runtime is gone), it tells [`StopReason::Aborted`].
pub(super) struct Life {
    roster: Arc<Roster>,
    key: u64,
    pub(super) tell: watch::Sender<Option<StopReason>>,
}

impl Life {
    pub(super) fn new(roster: &Arc<Roster>, name: &Arc<str>) -> Option<Self> {
        Some(Self {
            roster: Arc::clone(roster),
            key: roster.reserve(name)?,
            tell: watch::Sender::new(None),
        })
    }

    /// Another handler is found under the name from now on.
    pub(super) fn list<E: Send + Sync + 'static>(&self, listed: &Listed<E>) {
        self.roster.fill(self.key, Arc::new(listed.clone()));
    }

    /// Wakes those who wait for it, whose wakers may panic.
    fn tell_all(&self, reason: StopReason) {
        shield(|| drop(self.tell.send_replace(Some(reason))));
    }

    pub(super) fn end(self, reason: StopReason) {
        self.roster.free(self.key);
        self.tell_all(reason);
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        if self.tell.borrow().is_none() {
            self.roster.free(self.key);
            self.tell_all(StopReason::Aborted);
        }
    }
}

/// One handler in its runner.
pub(super) struct Member<E> {
    pub(super) life: Life,
    pub(super) id: u64,
    /// Taken only while it is swapped, and when that went wrong.
    pub(super) handler: Option<Box<dyn AnyHandler<E>>>,
    pub(super) owner: Option<Owner>,
    pub(super) revival: Option<Revival<E>>,
}

/// The future that a handler is bound to, polled when it has woken.
pub(super) struct Owner {
    pub(super) id: u64,
    future: Boxed<'static, ()>,
    waker: Waker,
}

impl Owner {
    /// `None` if it is ready at once.
    pub(super) fn watch<E: Send + Sync + 'static>(
        future: Boxed<'static, ()>,
        link: &Link<E>,
    ) -> Option<Self> {
        let id = new_id();
        let link = link.clone();
        let mut owner = Self {
            id,
            future,
            waker: Arc::new(OwnerWaker { id, link }).into(),
        };
        (!owner.is_gone()).then_some(owner)
    }

    /// Polls it. An owner that panics is gone.
    pub(super) fn is_gone(&mut self) -> bool {
        let Self { future, waker, .. } = self;
        let poll = || future.as_mut().poll(&mut Context::from_waker(waker));
        !matches!(catch(poll), Ok(Poll::Pending))
    }
}

/// The runner looks at the owner after the events that were stored when it woke: exactly those
/// reach the handler.
struct OwnerWaker<E> {
    id: u64,
    link: Link<E>,
}

impl<E: Send + Sync + 'static> Wake for OwnerWaker<E> {
    fn wake(self: Arc<Self>) {
        // Nobody there: the handler has ended.
        discard(self.link.order(Command::LookAtOwner(self.id)));
    }
}

/// How often a handler that panics is made anew: for
/// [`add_handler_with`](crate::EventManager::add_handler_with).
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use genevent::Restart;
///
/// let patient = Restart::on_failure(3, Duration::from_secs(60));
/// assert_ne!(patient, Restart::never());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Restart {
    max: usize,
    within: Duration,
}

impl Restart {
    /// The first panic ends it.
    #[must_use]
    pub fn never() -> Self {
        Self::on_failure(0, Duration::ZERO)
    }

    /// Up to `max` times within any stretch of time as long as `within`; one panic more ends it.
    #[must_use]
    pub fn on_failure(max: usize, within: Duration) -> Self {
        Self { max, within }
    }
}

/// A factory of whatever type.
pub(super) trait AnyFactory<E>: Send {
    fn make(&mut self) -> Box<dyn AnyHandler<E>>;
    fn into_any(self: Box<Self>) -> Box<dyn Any + Send>;
}

impl<E: Sync, H: Handler<E>, F: FnMut() -> H + Send + 'static> AnyFactory<E> for F {
    fn make(&mut self) -> Box<dyn AnyHandler<E>> {
        Box::new(self())
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}

/// The means to make a handler anew.
pub(super) struct Revival<E> {
    pub(super) factory: Box<dyn AnyFactory<E>>,
    pub(super) restart: Restart,
    /// When it was, at most `max` times.
    pub(super) revived: VecDeque<Instant>,
}

impl<E> Revival<E> {
    /// Whether it may be done once more, which is then counted.
    pub(super) fn is_allowed(&mut self) -> bool {
        let Restart { max, within } = self.restart;
        if max == 0 {
            return false;
        }
        let now = Instant::now();
        if self.revived.len() == max {
            if now.duration_since(self.revived[0]) <= within {
                return false;
            }
            self.revived.pop_front();
        }
        self.revived.push_back(now);
        true
    }
}
