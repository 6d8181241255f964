//! Waiting until what is stored is settled: `flush` and `stop`.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

#[cfg(feature = "rt")]
use super::is_late;
use super::lifecycle::AwaitCondition;
use crate::channel::Channel;
use crate::channel::ticket::{AckLevel, Ticket};
use crate::channel::watchers::Condition;
#[cfg(feature = "rt")]
use crate::error::Unanswered;
use crate::error::WouldDeadlock;
use crate::util::sync::Arc;

/// Waits until every event stored before its first poll is settled.
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
            // At every poll: it may have been taken inside of a handler since the last one.
            Poll::Pending if channel.flush_waits_for_current_handler(ticket) => {
                self.abandon();
                Poll::Ready(Err(WouldDeadlock))
            }
            Poll::Pending => Poll::Pending,
            Poll::Ready(_) => {
                // `stop` may wait for something else now, and in another task.
                self.abandon();
                Poll::Ready(Ok(()))
            }
        }
    }

    /// Nobody need call it any more.
    fn abandon(&self) {
        if let Some(ticket) = &self.ticket {
            ticket.abandon();
        }
    }
}

#[cfg(feature = "rt")]
impl<E> AwaitSettled<'_, E> {
    /// Who is waited for, unless nobody is any more.
    fn unanswered(&self) -> Option<Unanswered> {
        let pending = match &self.ticket {
            Some(ticket) => {
                let pending = self.channel.flushing(ticket);
                if !is_late(&pending, ticket) {
                    return None;
                }
                pending
            }
            // Permits are out, and who will have to answer for their events is not known yet.
            None => self.channel.unsettled(),
        };
        Some(Unanswered::of(pending))
    }
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
    pub(crate) fn unanswered(&self) -> Option<Unanswered> {
        self.0.unanswered()
    }

    pub(crate) fn channel(&self) -> &Channel<E> {
        self.0.channel
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
    /// Until no permit is out.
    complete: Option<AwaitCondition<'a, E>>,
    settling: AwaitSettled<'a, E>,
    /// Once everything is settled: until no handler runs.
    idle: Option<AwaitCondition<'a, E>>,
}

impl<'a, E> Stop<'a, E> {
    pub(crate) fn new(channel: &'a Channel<E>) -> Self {
        Self {
            complete: None,
            settling: AwaitSettled::new(channel),
            idle: None,
        }
    }
}

#[cfg(feature = "rt")]
impl<E> Stop<'_, E> {
    pub(crate) fn unanswered(&self) -> Option<Unanswered> {
        if self.idle.is_none() {
            return self.settling.unanswered();
        }
        let running = self.settling.channel.running();
        (!running.is_empty()).then(|| Unanswered::of(running))
    }

    pub(crate) fn channel(&self) -> &Channel<E> {
        self.settling.channel
    }
}

impl<E> Future for Stop<'_, E> {
    type Output = Result<(), WouldDeadlock>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let channel = self.settling.channel;
        if channel.current_handler_is_running() {
            // It may have waited elsewhere before.
            self.settling.abandon();
            (self.complete, self.idle) = (None, None);
            return Poll::Ready(Err(WouldDeadlock));
        }
        let complete = self.complete.get_or_insert_with(|| {
            channel.close();
            AwaitCondition::new(channel, Condition::Complete)
        });
        if !seeded_bug!("stop-ignores-permits") {
            ready!(complete.poll(cx));
        }
        if self.idle.is_none() {
            ready!(self.settling.poll(cx))?;
        }
        let idle = || AwaitCondition::new(channel, Condition::Idle);
        let idle = self.idle.get_or_insert_with(idle);
        idle.poll(cx).map(|_| Ok(()))
    }
}
