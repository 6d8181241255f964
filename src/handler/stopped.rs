//! The future of `HandlerRef::stopped`.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::StopReason;
use super::exit::ExitState;
use crate::channel::watchers::WatcherKey;
use crate::util::sync::Arc;

/// Future of the stop reason, ready once the exit state has a reason.
pub(super) struct Stopped {
    exit: Arc<ExitState>,
    watcher: Option<WatcherKey>,
}

impl Stopped {
    pub(super) fn new(exit: &Arc<ExitState>) -> Self {
        Self {
            exit: Arc::clone(exit),
            watcher: None,
        }
    }
}

impl Future for Stopped {
    type Output = StopReason;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<StopReason> {
        let Self { exit, watcher } = &mut *self;
        exit.poll_reason(watcher, cx)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        if let Some(watcher) = self.watcher {
            self.exit.unregister(watcher);
        }
    }
}
