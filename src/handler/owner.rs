//! The future that a handler is bound to.

use std::task::{Context, Poll, Wake, Waker};

use super::command::Command;
use super::mailbox::RunnerHandle;
use super::member::Boxed;
use super::user_code::catch;
use super::user_value::UserValue;
use crate::util::panic_guard::drop_caught;
use crate::util::sync::{Arc, AtomicU64, Ordering};

/// Polled by the runner, when it has woken.
pub(super) struct Owner<E> {
    future: UserValue<Boxed<'static, ()>>,
    pub(super) owner_waker: Arc<OwnerWaker<E>>,
    waker: Waker,
    gone: bool,
}

/// Its waker. The runner looks at the owner after the events that were stored when it was called:
/// exactly those reach the handler.
pub(super) struct OwnerWaker<E> {
    runner: RunnerHandle<E>,
    /// The newest event when it was first called since the runner has last looked.
    not_before: AtomicU64,
}

const QUIET: u64 = u64::MAX;

impl<E: Send + Sync + 'static> Owner<E> {
    /// Polls it for the first time. The runner is to look at it when the handler comes to it.
    pub(super) fn new(future: Boxed<'static, ()>, link: &RunnerHandle<E>) -> Self {
        let bell = Arc::new(OwnerWaker {
            runner: link.clone(),
            not_before: AtomicU64::new(QUIET),
        });
        let mut owner = Self {
            future: link.wrap_user_value(future),
            waker: Arc::clone(&bell).into(),
            owner_waker: bell,
            gone: false,
        };
        owner.poll();
        owner
    }

    /// After which event it is to be looked at, if it has called.
    pub(super) fn has_called(&self) -> Option<u64> {
        let after = self.owner_waker.not_before.load(Ordering::Acquire);
        (after != QUIET).then_some(after)
    }

    pub(super) fn is_gone(&mut self) -> bool {
        // Before it is polled: it may call meanwhile.
        self.owner_waker.not_before.swap(QUIET, Ordering::AcqRel);
        if !self.gone {
            self.poll();
        }
        self.gone
    }

    /// An owner that panics is gone.
    fn poll(&mut self) {
        let Self { future, waker, .. } = self;
        let poll = || future.as_mut().poll(&mut Context::from_waker(waker));
        self.gone = !matches!(catch(poll), Ok(Poll::Pending));
    }
}

impl<E: Send + Sync + 'static> Wake for OwnerWaker<E> {
    fn wake(self: Arc<Self>) {
        let after = self.runner.channel.tail();
        // Always written, so that the runner sees what it is called for. One order at a time.
        if self.not_before.fetch_min(after, Ordering::AcqRel) == QUIET {
            let link = self.runner.clone();
            // Nobody there: the handler has ended.
            drop_caught(link.send_after(after, Command::CheckOwner(self)));
        }
    }
}
