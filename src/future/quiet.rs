//! Waiting until every event is settled and no publisher is queued: `quiet`.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

#[cfg(feature = "rt")]
use super::flush::unsettled;
use super::lifecycle::AwaitCondition;
use crate::channel::Channel;
use crate::channel::condition::Condition;
use crate::channel::ticket::{AckLevel, Ticket};
#[cfg(feature = "rt")]
use crate::error::WaitError;
use crate::error::WouldDeadlock;
use crate::util::sync::Arc;

/// Future of [`EventManager::quiet`](crate::EventManager::quiet).
#[must_use = "futures do nothing unless polled"]
pub struct Quiet<'a, E> {
    channel: &'a Channel<E>,
    /// Waits until no publisher is queued.
    none_queued: AwaitCondition<'a, E>,
    /// Waits until the events stored at some time are settled.
    flush: Option<Arc<Ticket>>,
}

impl<'a, E> Quiet<'a, E> {
    pub(crate) fn new(channel: &'a Channel<E>) -> Self {
        Self {
            channel,
            none_queued: AwaitCondition::new(channel, Condition::NoneQueued),
            flush: None,
        }
    }

    /// Drops the flush and its waker: no wake-up is needed any more.
    fn abandon_flush(&mut self) {
        if let Some(flush) = self.flush.take() {
            flush.abandon();
        }
    }
}

#[cfg(feature = "rt")]
impl<E> Quiet<'_, E> {
    /// Returns the error that names the subscribers still waited for, or `None` if it is quiet.
    pub(crate) fn give_up(&self) -> Option<WaitError> {
        self.channel.unsettled_unless_quiet().map(unsettled)
    }
}

impl<E> Future for Quiet<'_, E> {
    type Output = Result<(), WouldDeadlock>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let channel = self.channel;
        if channel.current_handler_is_running() {
            // Drop all wakers: an earlier poll may have registered them from another task.
            self.abandon_flush();
            self.none_queued = AwaitCondition::new(channel, Condition::NoneQueued);
            return Poll::Ready(Err(WouldDeadlock));
        }
        loop {
            // The event of a queued publisher is not stored, so a flush would not wait for it.
            if self.none_queued.poll(cx).is_pending() {
                self.abandon_flush();
                return Poll::Pending;
            }
            if self.flush.is_none() {
                let flush = Ticket::with_waker(AckLevel::Finished, cx.waker().clone());
                let is_quiet = channel.flush_unless_quiet(&flush);
                self.flush = Some(flush);
                if is_quiet {
                    self.abandon_flush();
                    return Poll::Ready(Ok(()));
                }
            }
            // Then look again: handlers and readers may have published before they settled.
            if let Some(flush) = &self.flush {
                ready!(flush.poll_settled(cx));
                if seeded_bug!("quiet-ignores-what-follows") {
                    return Poll::Ready(Ok(()));
                }
            }
            self.abandon_flush();
        }
    }
}

impl<E> Drop for Quiet<'_, E> {
    fn drop(&mut self) {
        self.abandon_flush();
    }
}
