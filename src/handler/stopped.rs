//! The future of `HandlerRef::stopped`.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::StopReason;
use super::exit::ExitState;
use crate::channel::condition::ConditionKey;
use crate::util::sync::Arc;

/// Future of the stop reason, ready once the exit state has a reason.
pub(super) struct Stopped {
    exit: Arc<ExitState>,
    key: Option<ConditionKey>,
}

impl Stopped {
    pub(super) fn new(exit: &Arc<ExitState>) -> Self {
        Self {
            exit: Arc::clone(exit),
            key: None,
        }
    }
}

impl Future for Stopped {
    type Output = StopReason;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<StopReason> {
        let Self { exit, key } = &mut *self;
        exit.poll_reason(key, cx)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.exit.unregister(key);
        }
    }
}
