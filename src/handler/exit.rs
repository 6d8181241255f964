//! How a handler, or a group, ends: asked for, and told.

use std::any::TypeId;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::oneshot::Receiver;

use super::StopReason;
use super::command::Command;
use super::mailbox::Link;
use crate::channel::handlers::names::Roster;
use crate::channel::trace::Called;
use crate::channel::watchers::{Event, Watch, Watchers};
use crate::util::panic_guard::{discard, wake};
use crate::util::sync::{Arc, AtomicBool, Mutex, Ordering};

/// Of one handler that ever was: a stale reference reaches nobody else.
#[derive(Default)]
pub(super) struct Fate {
    aborted: AtomicBool,
    told: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    reason: Option<StopReason>,
    waiting: Watchers,
}

impl Fate {
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

    pub(super) fn told(&self) -> Option<StopReason> {
        self.told.lock().reason.clone()
    }

    fn tell(&self, reason: StopReason) {
        let mut told = self.told.lock();
        told.reason = Some(reason);
        let waiting = told.waiting.call(Event::Closed..=Event::Closed);
        drop(told);
        waiting.into_iter().for_each(wake);
    }

    pub(super) fn stopped(self: &Arc<Self>) -> Stopped {
        let fate = Arc::clone(self);
        Stopped { fate, watch: None }
    }
}

/// Waits until it is told.
pub(super) struct Stopped {
    fate: Arc<Fate>,
    watch: Option<Watch>,
}

impl Future for Stopped {
    type Output = StopReason;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<StopReason> {
        let Self { fate, watch } = &mut *self;
        let mut spare = None;
        loop {
            let mut told = fate.told.lock();
            if let Some(reason) = told.reason.clone() {
                drop(told);
                discard(spare);
                return Poll::Ready(reason);
            }
            if watch.is_some_and(|watch| told.waiting.would_wake(watch, cx.waker())) {
                return Poll::Pending;
            }
            if let Some(waker) = spare.take() {
                let (entry, old) = told.waiting.wait(*watch, Event::Closed, waker);
                drop(told);
                *watch = Some(entry);
                discard(old);
                return Poll::Pending;
            }
            drop(told);
            spare = Some(cx.waker().clone());
        }
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        if let Some(watch) = self.watch {
            let waker = self.fate.told.lock().waiting.leave(watch);
            discard(waker);
        }
    }
}

/// What a name stands for.
pub(super) struct Listed<E> {
    pub(super) link: Link<E>,
    pub(super) fate: Arc<Fate>,
    pub(super) of: TypeId,
}

impl<E> Clone for Listed<E> {
    fn clone(&self) -> Self {
        Self {
            link: self.link.clone(),
            fate: Arc::clone(&self.fate),
            of: self.of,
        }
    }
}

impl<E: Send + Sync + 'static> Listed<E> {
    /// Is found under its name from now on, unless it has ended.
    pub(super) fn list(self, roster: &Roster, key: u64) {
        roster.fill(key, Arc::new(self));
    }
}

impl<E> Listed<E> {
    /// Ends it after all events stored until now; nobody waits for that.
    pub(super) fn let_go(&self) {
        discard(self.link.order(Command::Remove {
            whom: Arc::clone(&self.fate),
            give: None,
        }));
    }

    /// Awaits an answer; without one, it has ended, or what asks is itself.
    pub(super) async fn answer<R>(&self, answered: Receiver<R>) -> Result<R, StopReason> {
        let answer = self.link.wait(async {
            match answered.await {
                Ok(answer) => Ok(answer),
                Err(_) => Err(self.fate.stopped().await),
            }
        });
        answer.await.unwrap_or(Err(StopReason::WouldDeadlock))
    }
}

/// A name in use, and the duty to free it and to tell why, once.
///
/// Dropped (the runtime is gone), it tells [`StopReason::Aborted`].
pub(super) struct Life {
    roster: Arc<Roster>,
    pub(super) key: u64,
    pub(super) fate: Arc<Fate>,
    #[cfg_attr(not(feature = "tracing"), expect(dead_code, reason = "nobody is told"))]
    pub(super) called: Called,
}

impl Life {
    /// `manager`: its name, if it has one.
    pub(super) fn new(
        roster: &Arc<Roster>,
        name: &Arc<str>,
        manager: Option<&str>,
    ) -> Option<Self> {
        Some(Self {
            roster: Arc::clone(roster),
            key: roster.reserve(name)?,
            fate: Arc::default(),
            called: Called::new(manager, name),
        })
    }

    pub(super) fn listed<E>(&self, link: &Link<E>, of: TypeId) -> Listed<E> {
        Listed {
            link: link.clone(),
            fate: Arc::clone(&self.fate),
            of,
        }
    }

    /// Another handler is found under the name from now on, and this one is told so.
    pub(super) fn hand_over<E: Send + Sync + 'static>(&mut self, new: Listed<E>) {
        let old = std::mem::replace(&mut self.fate, Arc::clone(&new.fate));
        new.list(&self.roster, self.key);
        trace!(stopped(&self.called, &StopReason::Swapped));
        old.tell(StopReason::Swapped);
    }

    pub(super) fn end(self, reason: StopReason) {
        self.roster.free(self.key);
        trace!(stopped(&self.called, &reason));
        self.fate.tell(reason);
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        if self.fate.told().is_none() {
            self.roster.free(self.key);
            trace!(stopped(&self.called, &StopReason::Aborted));
            self.fate.tell(StopReason::Aborted);
        }
    }
}
