//! Publishing from the end of a pipeline: `stream.forward(sink)`.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_sink::Sink;

use crate::channel::ticket::{AckLevel, Ticket};
use crate::error::ReserveError;
use crate::future::QueueEntry;
use crate::manager::EventManager;
use crate::permit::Permit;
use crate::util::shrink::Shrink;
use crate::util::sync::Arc;

/// A sink whose items are published: [`EventManager::sink`].
///
/// `poll_ready` waits for room and holds it; `start_send` cannot fail then. Flushed means stored.
/// Closing the sink does not close the manager. It keeps the manager open as a clone of it does.
///
/// # Errors
/// Only `poll_ready` fails: with [`ReserveError::Closed`], or inside of a handler that holds the
/// room itself, with [`ReserveError::WouldDeadlock`].
///
/// # Panics
/// `start_send` without a `poll_ready` before it.
///
/// # Cancel safety
/// A sink that is ready and not used holds up other publishers, as a [`Permit`] does, until
/// something is sent, or it is closed or dropped. So does one that waits for room and is not
/// polled: dropping the future of `send` keeps the sink's place in line.
///
/// # Examples
/// ```
/// use futures::{FutureExt, StreamExt, stream};
/// use genevent::EventManager;
///
/// let manager = EventManager::new(8);
/// let reader = manager.subscribe();
/// let source = stream::iter([1, 2, 3]).map(Ok);
/// source.forward(manager.sink()).now_or_never().unwrap().unwrap();
/// drop(manager);
/// let read = reader.collect::<Vec<_>>().now_or_never().unwrap();
/// assert_eq!(read, [1, 2, 3]);
/// ```
#[must_use = "sinks do nothing unless polled"]
pub struct EventSink<E> {
    manager: EventManager<E>,
    queueing: QueueEntry,
    permit: Option<Permit<E>>,
}

impl<E> EventSink<E> {
    pub(crate) fn new(manager: EventManager<E>) -> Self {
        Self {
            manager,
            queueing: QueueEntry::default(),
            permit: None,
        }
    }

    fn poll_permit(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ReserveError>> {
        if self.permit.is_none() {
            let channel = self.manager.channel();
            let permit = ready!(Permit::poll_reserve(channel, &mut self.queueing, cx))?;
            self.permit = Some(permit);
        }
        Poll::Ready(Ok(()))
    }

    fn take_permit(&mut self) -> Permit<E> {
        self.permit
            .take()
            .expect("`poll_ready` comes before `start_send`")
    }

    fn let_go(&mut self) {
        if !seeded_bug!("closed-sink-keeps-permit") {
            self.permit = None;
        }
        self.queueing.leave(self.manager.channel());
    }
}

impl<E> Unpin for EventSink<E> {}

impl<E> Sink<E> for EventSink<E> {
    type Error = ReserveError;

    fn poll_ready(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), ReserveError>> {
        self.poll_permit(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, event: E) -> Result<(), ReserveError> {
        self.take_permit().notify(event);
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), ReserveError>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), ReserveError>> {
        self.let_go();
        Poll::Ready(Ok(()))
    }
}

impl<E> Drop for EventSink<E> {
    fn drop(&mut self) {
        self.queueing.leave(self.manager.channel());
    }
}

/// A sink that also waits for the acknowledgements: [`EventManager::sync_sink`].
///
/// As [`EventSink`], but flushed means that every subscriber has finished with everything that
/// was sent, or dropped it: `stream.forward(manager.sync_sink())` is acknowledged end to end.
/// Flushing it inside of a handler of the same manager fails with
/// [`ReserveError::WouldDeadlock`].
///
/// # Examples
/// ```
/// use futures::{FutureExt, StreamExt, stream};
/// use genevent::EventManager;
///
/// let manager = EventManager::new(8);
/// let mut reader = manager.subscribe();
/// let mut done = stream::iter([1, 2]).map(Ok).forward(manager.sync_sink());
/// assert!((&mut done).now_or_never().is_none(), "sent, and not finished with");
///
/// for n in 1..=2 {
///     assert_eq!(reader.next().now_or_never(), Some(Some(n)));
/// }
/// reader.ack();
/// assert!(done.now_or_never().is_some());
/// ```
#[must_use = "sinks do nothing unless polled"]
pub struct SyncSink<E> {
    sink: EventSink<E>,
    /// Of what was sent and may not be settled, oldest first.
    sent: VecDeque<Arc<Ticket>>,
}

/// Room for so many tickets is kept when fewer are not settled.
const KEPT: usize = 16;

impl<E> SyncSink<E> {
    pub(crate) fn new(manager: EventManager<E>) -> Self {
        Self {
            sink: EventSink::new(manager),
            sent: VecDeque::new(),
        }
    }
}

impl<E> Unpin for SyncSink<E> {}

impl<E> Sink<E> for SyncSink<E> {
    type Error = ReserveError;

    fn poll_ready(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), ReserveError>> {
        self.sink.poll_permit(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, event: E) -> Result<(), ReserveError> {
        // What is settled leaves before it can pile up behind an event that is not.
        if self.sent.len() == self.sent.capacity() {
            self.sent.retain(|ticket| !ticket.is_settled());
            self.sent.shrink_if_sparse(KEPT);
        }
        let ticket = Ticket::new(AckLevel::Finished);
        self.sink.take_permit().notify_awaited(event, &ticket);
        self.sent.push_back(ticket);
        Ok(())
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), ReserveError>> {
        while let Some(ticket) = self.sent.front() {
            let channel = self.sink.manager.channel();
            if !ticket.is_settled() && channel.current_handler_has_unsettled() {
                // It may have been flushed elsewhere before.
                ticket.abandon();
                return Poll::Ready(Err(ReserveError::WouldDeadlock));
            }
            ready!(ticket.poll_settled(cx));
            self.sent.pop_front();
            self.sent.shrink_if_sparse(KEPT);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_close(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), ReserveError>> {
        self.sink.let_go();
        self.poll_flush(cx)
    }
}

impl<E> Drop for SyncSink<E> {
    fn drop(&mut self) {
        for ticket in &self.sent {
            ticket.abandon();
        }
    }
}

impl<E> fmt::Debug for EventSink<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventSink")
            .field("ready", &self.permit.is_some())
            .finish_non_exhaustive()
    }
}

impl<E> fmt::Debug for SyncSink<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SyncSink")
            .field("ready", &self.sink.permit.is_some())
            .field("sent", &self.sent.len())
            .finish_non_exhaustive()
    }
}
