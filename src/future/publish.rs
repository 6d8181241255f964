//! The publishing part that `notify`, `ack_notify` and `sync_notify` share.
//!
//! A [`StoreEvent`] tries the fast path on its first poll. Only if that fails does it allocate a
//! [`SlowPath`], with its entry in the wait queue and the results of the filters.

use std::sync::PoisonError;
use std::task::{Context, Poll, Waker, ready};

use crate::channel::filter::Evaluation;
use crate::channel::handle::Hold;
use crate::channel::ticket::Ticket;
use crate::channel::wait_queue::QueueKey;
use crate::channel::{Admission, Channel, PendingEvent};
#[cfg(feature = "rt")]
use crate::error::NotStored;
use crate::error::NotifyError;
use crate::receipt::Stored;
use crate::util::clock::Instant;
#[cfg(feature = "rt")]
use crate::util::coop;
use crate::util::panic_guard::drop_caught;
use crate::util::sync::Arc;
#[cfg(feature = "rt")]
use crate::util::timer::Timer;

/// An entry in the wait queue, with the timer of a publisher at the front.
#[derive(Default)]
pub(crate) struct QueueEntry {
    key: Option<QueueKey>,
    #[cfg(feature = "rt")]
    timer: Option<Timer>,
}

impl QueueEntry {
    /// Polls `attempt` with the entry, and again when the deadline of the entry has passed. Ready
    /// with `None` if the channel is closed.
    pub(crate) fn poll<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut attempt: impl FnMut(&mut Option<QueueKey>, &Waker) -> Admission<T>,
    ) -> Poll<Option<T>> {
        loop {
            match attempt(&mut self.key, cx.waker()) {
                Admission::Done(value) => return Poll::Ready(Some(value)),
                Admission::Closed => return Poll::Ready(None),
                Admission::Queued { deadline } => ready!(self.poll_timer(deadline, cx)),
            }
        }
    }

    #[cfg(feature = "rt")]
    fn poll_timer(&mut self, deadline: Option<Instant>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = deadline else {
            self.timer = None;
            return Poll::Pending;
        };
        self.timer.get_or_insert_default().poll(deadline, cx)
    }

    #[cfg(not(feature = "rt"))]
    #[expect(clippy::unused_self, reason = "without tokio there are no timers")]
    fn poll_timer(&mut self, _: Option<Instant>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }

    /// Returns whether the publisher is queued.
    #[cfg(feature = "rt")]
    pub(crate) fn is_queued(&self) -> bool {
        self.key.is_some()
    }

    /// Returns whether the publisher was notified and has not polled since.
    #[cfg(feature = "rt")]
    pub(super) fn is_notified<E>(&self, channel: &Channel<E>) -> bool {
        (self.key).is_some_and(|key| channel.is_notified(key))
    }

    /// Leaves the wait queue, if queued, and notifies the next publisher.
    pub(crate) fn leave<E>(&mut self, channel: &Channel<E>) {
        if let Some(key) = self.key.take() {
            channel.leave_queue(key);
        }
    }
}

/// Stores one event, waiting for room if necessary.
pub(super) struct StoreEvent<H: Hold> {
    hold: H,
    /// `None` once the event is stored or returned in an error.
    pub(super) event: Option<H::Event>,
    /// Allocated only if the fast path fails: a small future is cheap to move, and most events take
    /// the fast path.
    slow_path: Option<Box<SlowPath>>,
}

/// The state of a publisher on the slow path.
#[derive(Default)]
struct SlowPath {
    entry: QueueEntry,
    /// The results of the filters. The mutex is never locked: it only makes the future `Sync`, although
    /// the results may not be.
    evaluation: std::sync::Mutex<Evaluation>,
}

impl<H: Hold> StoreEvent<H> {
    #[inline]
    pub(super) fn new(hold: H, event: H::Event) -> Self {
        Self {
            hold,
            event: Some(event),
            slow_path: None,
        }
    }

    #[inline]
    pub(super) fn channel(&self) -> &Channel<H::Event> {
        self.hold.channel()
    }

    #[expect(
        clippy::inline_always,
        reason = "inlined, a publisher without a ticket pays nothing for the code that arms one"
    )]
    #[inline(always)]
    pub(super) fn poll(
        &mut self,
        ticket: Option<&Arc<Ticket>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Stored, NotifyError<H::Event>>> {
        if self.slow_path.is_none() {
            // Code of a handler never waits to publish.
            #[cfg(feature = "rt")]
            ready!(coop::poll_publish(cx, || self.channel().is_in_handler()));
            let event = self.event.take().expect(POLLED_AGAIN);
            match self.channel().try_store_fast(event, ticket) {
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
    ) -> Poll<Result<Stored, NotifyError<H::Event>>> {
        let Self {
            hold,
            event,
            slow_path,
        } = self;
        let SlowPath { entry, evaluation } = &mut **slow_path.get_or_insert_default();
        let mut pending = PendingEvent {
            event,
            ticket,
            evaluation: evaluation.get_mut().unwrap_or_else(PoisonError::into_inner),
        };
        let stored = ready!(entry.poll(cx, |key, waker| {
            hold.channel().poll_store(&mut pending, key, waker)
        }));
        *slow_path = None;
        Poll::Ready(stored.ok_or_else(|| NotifyError::Closed(event.take().expect(POLLED_AGAIN))))
    }

    /// Returns whether the publisher was notified and has not polled since.
    #[cfg(feature = "rt")]
    fn is_notified(&self) -> bool {
        let slow_path = self.slow_path.as_ref();
        slow_path.is_some_and(|slow_path| slow_path.entry.is_notified(self.channel()))
    }

    /// Leaves the wait queue, and returns the event in the error; `None` if there is room now.
    #[cfg(feature = "rt")]
    pub(super) fn give_up(&mut self) -> Option<NotStored<H::Event>> {
        let waiting_for = self.channel().blocking();
        if waiting_for.is_empty() && self.is_notified() {
            // Room was freed after the last poll, and the waker is about to be called.
            return None;
        }
        let event = self.event.take().expect(POLLED_AGAIN);
        self.leave();
        Some(NotStored { event, waiting_for })
    }

    /// Leaves the wait queue, if queued, and notifies the next publisher.
    pub(super) fn leave(&mut self) {
        if let Some(mut slow_path) = self.slow_path.take() {
            slow_path.entry.leave(self.hold.channel());
        }
    }
}

impl<H: Hold> Drop for StoreEvent<H> {
    #[inline]
    fn drop(&mut self) {
        if self.slow_path.is_some() {
            self.leave();
        }
        if std::mem::needs_drop::<H::Event>() {
            if let Some(event) = self.event.take() {
                drop_caught(event);
            }
        }
    }
}

pub(super) const POLLED_AGAIN: &str = "a publishing future is not polled after it has completed";
