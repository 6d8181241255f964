//! Waiting until the stored events are settled: `flush` and `stop`.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

#[cfg(feature = "rt")]
use super::are_late;
use super::lifecycle::AwaitCondition;
use crate::channel::Channel;
use crate::channel::condition::Condition;
use crate::channel::ticket::{AckLevel, Ticket};
use crate::error::WouldDeadlock;
#[cfg(feature = "rt")]
use crate::error::{Unsettled, WaitError};
#[cfg(feature = "rt")]
use crate::inspect::SubscriberInfo;
use crate::util::sync::Arc;

/// Waits until every event stored before the first poll is settled.
struct AwaitSettled<'a, E> {
    channel: &'a Channel<E>,
    ticket: Option<Arc<Ticket>>,
}

impl<'a, E> AwaitSettled<'a, E> {
    fn new(channel: &'a Channel<E>) -> Self {
        Self {
            channel,
            ticket: None,
        }
    }

    fn poll(&mut self, cx: &Context<'_>) -> Poll<Result<(), WouldDeadlock>> {
        let channel = self.channel;
        let ticket = self.ticket.get_or_insert_with(|| {
            let ticket = Ticket::with_waker(AckLevel::Finished, cx.waker().clone());
            channel.flush(&ticket);
            ticket
        });
        match ticket.poll_settled(cx) {
            // Check at every poll: the future may have been moved into a handler since the last
            // poll.
            Poll::Pending if channel.flush_waits_for_current_handler(ticket) => {
                self.abandon();
                Poll::Ready(Err(WouldDeadlock))
            }
            Poll::Pending => Poll::Pending,
            Poll::Ready(_) => {
                // Drop the waker: `stop` waits on for another condition, perhaps in another task.
                self.abandon();
                Poll::Ready(Ok(()))
            }
        }
    }

    /// Drops the waker: no wake-up is needed any more.
    fn abandon(&self) {
        if let Some(ticket) = &self.ticket {
            ticket.abandon();
        }
    }
}

#[cfg(feature = "rt")]
impl<E> AwaitSettled<'_, E> {
    /// Returns the error that names the subscribers still waited for, or `None` if there are none.
    fn give_up(&self) -> Option<WaitError> {
        let waiting_for = match &self.ticket {
            Some(ticket) => {
                let flushing = self.channel.flushing(ticket);
                if !are_late(&flushing, ticket) {
                    return None;
                }
                flushing
            }
            // `stop` still waits for permits, so the subscribers of their events are not known yet.
            None => self.channel.unsettled(),
        };
        Some(unsettled(waiting_for))
    }
}

#[cfg(feature = "rt")]
pub(super) fn unsettled(waiting_for: Vec<SubscriberInfo>) -> WaitError {
    WaitError::Unsettled(Unsettled { waiting_for })
}

impl<E> Drop for AwaitSettled<'_, E> {
    fn drop(&mut self) {
        self.abandon();
    }
}

/// Future of [`EventManager::flush`](crate::EventManager::flush).
#[must_use = "futures do nothing unless polled"]
pub struct Flush<'a, E>(AwaitSettled<'a, E>);

impl<'a, E> Flush<'a, E> {
    pub(crate) fn new(channel: &'a Channel<E>) -> Self {
        Self(AwaitSettled::new(channel))
    }
}

#[cfg(feature = "rt")]
impl<E> Flush<'_, E> {
    pub(crate) fn give_up(&self) -> Option<WaitError> {
        self.0.give_up()
    }
}

impl<E> Future for Flush<'_, E> {
    type Output = Result<(), WouldDeadlock>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(cx)
    }
}

/// Future of [`EventManager::stop`](crate::EventManager::stop).
#[must_use = "the manager is not closed until the future is polled"]
pub struct Stop<'a, E> {
    /// Waits until no permit is out.
    complete: Option<AwaitCondition<'a, E>>,
    settled: AwaitSettled<'a, E>,
    /// Waits until no handler runs; set once every event is settled.
    idle: Option<AwaitCondition<'a, E>>,
}

impl<'a, E> Stop<'a, E> {
    pub(crate) fn new(channel: &'a Channel<E>) -> Self {
        Self {
            complete: None,
            settled: AwaitSettled::new(channel),
            idle: None,
        }
    }
}

#[cfg(feature = "rt")]
impl<E> Stop<'_, E> {
    pub(crate) fn give_up(&self) -> Option<WaitError> {
        if self.idle.is_none() {
            return self.settled.give_up();
        }
        let running = self.settled.channel.running();
        (!running.is_empty()).then(|| unsettled(running))
    }
}

impl<E> Future for Stop<'_, E> {
    type Output = Result<(), WouldDeadlock>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let channel = self.settled.channel;
        if channel.current_handler_is_running() {
            // Drop all wakers: an earlier poll may have registered them from another task.
            self.settled.abandon();
            (self.complete, self.idle) = (None, None);
            return Poll::Ready(Err(WouldDeadlock));
        }
        // Close the manager, and wait until no permit is out.
        let complete = self.complete.get_or_insert_with(|| {
            channel.close();
            AwaitCondition::new(channel, Condition::Complete)
        });
        if !seeded_bug!("stop-ignores-permits") {
            ready!(complete.poll(cx));
        }
        // Wait until every stored event is settled; the events of permits are stored by now.
        if self.idle.is_none() {
            ready!(self.settled.poll(cx))?;
        }
        // Wait until every handler has ended.
        let idle = || AwaitCondition::new(channel, Condition::NoHandlerRuns);
        let idle = self.idle.get_or_insert_with(idle);
        idle.poll(cx).map(|_| Ok(()))
    }
}
