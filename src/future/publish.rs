//! Standing in line for a place, and storing an event in it.

use std::sync::PoisonError;
use std::task::{Context, Poll, Waker, ready};

use crate::channel::filter::Evaluation;
use crate::channel::ticket::Ticket;
use crate::channel::wait_queue::QueueKey;
use crate::channel::{Channel, Rejected, Wait};
use crate::error::NotifyError;
use crate::receipt::Stored;
use crate::util::panic_guard::drop_caught;
use crate::util::sync::Arc;
#[cfg(feature = "rt")]
use crate::util::timer::Timer;

/// A place in the line of publishers, and the alarm by which its head looks at the clock.
#[derive(Default)]
pub(crate) struct QueueEntry {
    turn: Option<QueueKey>,
    #[cfg(feature = "rt")]
    alarm: Option<Timer>,
}

impl QueueEntry {
    /// Polls `attempt` with the place in line, and again when its alarm rings.
    pub(crate) fn poll<R>(
        &mut self,
        cx: &mut Context<'_>,
        mut attempt: impl FnMut(&mut Option<QueueKey>, &Waker) -> Result<R, Wait>,
    ) -> Poll<R> {
        loop {
            match attempt(&mut self.turn, cx.waker()) {
                Ok(done) => return Poll::Ready(done),
                Err(wait) => ready!(self.poll_timer(&wait, cx)),
            }
        }
    }

    #[cfg(feature = "rt")]
    fn poll_timer(&mut self, wait: &Wait, cx: &mut Context<'_>) -> Poll<()> {
        let Some(until) = wait.until else {
            self.alarm = None;
            return Poll::Pending;
        };
        self.alarm.get_or_insert_default().poll(until, cx)
    }

    #[cfg(not(feature = "rt"))]
    #[expect(clippy::unused_self, reason = "without tokio nobody waits for a time")]
    fn poll_timer(&mut self, _: &Wait, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }

    /// Passes the place in line on.
    pub(crate) fn leave<E>(&mut self, channel: &Channel<E>) {
        if let Some(turn) = self.turn.take() {
            channel.leave_queue(turn);
        }
    }
}

/// Stores one event when its turn has come: the part that all three publishing futures share.
pub(super) struct StoreEvent<'a, E> {
    pub(super) channel: &'a Channel<E>,
    /// Taken when it is stored, or given back because the manager is closed.
    pub(super) event: Option<E>,
    /// Only once it has to wait: most need not, and a small future is a quick one.
    waiting: Option<Box<SlowPath>>,
}

/// A place in line, and what filters have made of the event.
#[derive(Default)]
struct SlowPath {
    queueing: QueueEntry,
    /// Never locked: what filters give may not be shared between threads, and the future may.
    evaluation: std::sync::Mutex<Evaluation>,
}

impl<'a, E> StoreEvent<'a, E> {
    #[inline]
    pub(super) fn new(channel: &'a Channel<E>, event: E) -> Self {
        Self {
            channel,
            event: Some(event),
            waiting: None,
        }
    }

    #[inline]
    pub(super) fn poll(
        &mut self,
        ticket: Option<&Arc<Ticket>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Stored, NotifyError<E>>> {
        if self.waiting.is_none() {
            // Before it could stand in line, where others would wait for it.
            let event = self.event.take().expect(POLLED_AGAIN);
            match self.channel.try_store_fast(event, ticket) {
                Ok(stored) => return Poll::Ready(Ok(stored)),
                Err(event) => self.event = Some(event),
            }
        }
        self.poll_queued(ticket, cx)
    }

    #[inline(never)]
    fn poll_queued(
        &mut self,
        ticket: Option<&Arc<Ticket>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Stored, NotifyError<E>>> {
        let Self {
            channel,
            event,
            waiting,
        } = self;
        let SlowPath {
            queueing,
            evaluation: judged,
        } = &mut **waiting.get_or_insert_default();
        let judged = judged.get_mut().unwrap_or_else(PoisonError::into_inner);
        let stored = ready!(queueing.poll(cx, |turn, waker| {
            channel.poll_store(event, ticket, judged, turn, waker)
        }));
        *waiting = None;
        Poll::Ready(stored.map_err(|refusal| {
            let event = event.take().expect(POLLED_AGAIN);
            match refusal {
                Rejected::Closed => NotifyError::Closed(event),
                Rejected::WouldDeadlock => NotifyError::WouldDeadlock(event),
            }
        }))
    }

    /// Whether it has been told to look once more, and has yet to do so.
    #[cfg(feature = "rt")]
    pub(super) fn is_called(&self) -> bool {
        let waiting = self.waiting.as_ref();
        let turn = waiting.and_then(|waiting| waiting.queueing.turn);
        turn.is_some_and(|turn| self.channel.is_front_notified(turn))
    }

    /// Passes the place in line on.
    pub(super) fn leave(&mut self) {
        if let Some(mut waiting) = self.waiting.take() {
            waiting.queueing.leave(self.channel);
        }
    }
}

impl<E> Drop for StoreEvent<'_, E> {
    #[inline]
    fn drop(&mut self) {
        if self.waiting.is_some() {
            self.leave();
        }
        if std::mem::needs_drop::<E>() {
            if let Some(event) = self.event.take() {
                drop_caught(event);
            }
        }
    }
}

pub(super) const POLLED_AGAIN: &str = "a publishing future is not polled once it is ready";
