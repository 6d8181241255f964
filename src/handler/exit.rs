//! How a handler, or a group, ends: asked for, and told.

use std::any::TypeId;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::oneshot::Receiver;

use super::StopReason;
use super::command::Command;
use super::mailbox::RunnerHandle;
use crate::channel::handlers::names::HandlerNames;
use crate::channel::trace::HandlerLabel;
use crate::channel::watchers::{Condition, WatcherKey, Watchers};
use crate::util::panic_guard::{drop_caught, wake};
use crate::util::spare_waker::with_spare_waker;
use crate::util::sync::{Arc, AtomicBool, Mutex, Ordering};

/// Of one handler that ever was: a stale reference reaches nobody else.
#[derive(Default)]
pub(super) struct ExitState {
    aborted: AtomicBool,
    told: Mutex<ExitStateInner>,
}

#[derive(Default)]
struct ExitStateInner {
    reason: Option<StopReason>,
    waiting: Watchers,
}

impl ExitState {
    /// To be noticed by the runner, which has to be woken.
    pub(super) fn abort(&self) {
        self.aborted.store(true, Ordering::Release);
    }

    pub(super) fn is_aborted(&self) -> bool {
        self.aborted.load(Ordering::Acquire)
    }

    /// What was asked for until now is being done.
    pub(super) fn forget_abort(&self) {
        self.aborted.store(false, Ordering::Release);
    }

    pub(super) fn reason(&self) -> Option<StopReason> {
        self.told.lock().reason.clone()
    }

    fn set_reason(&self, reason: StopReason) {
        let mut told = self.told.lock();
        told.reason = Some(reason);
        let waiting = told.waiting.notify(Condition::Closed..=Condition::Closed);
        drop(told);
        waiting.into_iter().for_each(wake);
    }

    pub(super) fn stopped(self: &Arc<Self>) -> Stopped {
        let fate = Arc::clone(self);
        Stopped {
            exit: fate,
            watch: None,
        }
    }
}

/// Waits until it is told.
pub(super) struct Stopped {
    exit: Arc<ExitState>,
    watch: Option<WatcherKey>,
}

impl Future for Stopped {
    type Output = StopReason;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<StopReason> {
        let Self { exit, watch } = &mut *self;
        let waker = cx.waker();
        with_spare_waker(waker, None, |spare| {
            let mut told = exit.told.lock();
            if let Some(reason) = told.reason.clone() {
                return Some(Poll::Ready(reason));
            }
            if watch.is_some_and(|watch| told.waiting.would_wake(watch, waker)) {
                return Some(Poll::Pending);
            }
            let (entry, old) = told.waiting.wait(*watch, Condition::Closed, spare.take()?);
            drop(told);
            *watch = Some(entry);
            drop_caught(old);
            Some(Poll::Pending)
        })
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        if let Some(watch) = self.watch {
            let waker = self.exit.told.lock().waiting.leave(watch);
            drop_caught(waker);
        }
    }
}

/// What a name stands for.
pub(super) struct HandlerAddress<E> {
    pub(super) runner: RunnerHandle<E>,
    pub(super) exit: Arc<ExitState>,
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

impl<E: Send + Sync + 'static> HandlerAddress<E> {
    /// Is found under its name from now on, unless it has ended.
    pub(super) fn list(self, roster: &HandlerNames, key: u64) {
        roster.fill(key, Arc::new(self));
    }
}

impl<E> HandlerAddress<E> {
    /// Ends it after all events stored until now; nobody waits for that.
    pub(super) fn request_removal(&self) {
        drop_caught(self.runner.send_now(Command::Remove {
            target: Arc::clone(&self.exit),
            give: None,
        }));
    }

    /// Awaits an answer; without one, it has ended, or what asks is itself.
    pub(super) async fn answer<R>(&self, answered: Receiver<R>) -> Result<R, StopReason> {
        let answer = self.runner.wait(async {
            match answered.await {
                Ok(answer) => Ok(answer),
                Err(_) => Err(self.exit.stopped().await),
            }
        });
        answer.await.unwrap_or(Err(StopReason::WouldDeadlock))
    }
}

/// A name in use, and the duty to free it and to tell why, once.
///
/// Dropped (the runtime is gone), it tells [`StopReason::Aborted`].
pub(super) struct NameRegistration {
    roster: Arc<HandlerNames>,
    pub(super) key: u64,
    pub(super) exit: Arc<ExitState>,
    #[cfg_attr(not(feature = "tracing"), expect(dead_code, reason = "nobody is told"))]
    pub(super) label: HandlerLabel,
}

impl NameRegistration {
    /// `manager`: its name, if it has one.
    pub(super) fn new(
        roster: &Arc<HandlerNames>,
        name: &Arc<str>,
        manager: Option<&str>,
    ) -> Option<Self> {
        Some(Self {
            roster: Arc::clone(roster),
            key: roster.reserve(name)?,
            exit: Arc::default(),
            label: HandlerLabel::new(manager, name),
        })
    }

    pub(super) fn address<E>(&self, link: &RunnerHandle<E>, of: TypeId) -> HandlerAddress<E> {
        HandlerAddress {
            runner: link.clone(),
            exit: Arc::clone(&self.exit),
            handler_type: of,
        }
    }

    /// Another handler is found under the name from now on, and this one is told so.
    pub(super) fn hand_over<E: Send + Sync + 'static>(&mut self, new: HandlerAddress<E>) {
        let old = std::mem::replace(&mut self.exit, Arc::clone(&new.exit));
        new.list(&self.roster, self.key);
        trace!(stopped(&self.label, &StopReason::Swapped));
        old.set_reason(StopReason::Swapped);
    }

    pub(super) fn end(self, reason: StopReason) {
        self.roster.free(self.key);
        trace!(stopped(&self.label, &reason));
        self.exit.set_reason(reason);
    }
}

impl Drop for NameRegistration {
    fn drop(&mut self) {
        if self.exit.reason().is_none() {
            self.roster.free(self.key);
            trace!(stopped(&self.label, &StopReason::Aborted));
            self.exit.set_reason(StopReason::Aborted);
        }
    }
}
