//! Sinks: publishing at the end of a pipeline, `stream.forward(sink)`.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_sink::Sink;

use crate::channel::ticket::{AckLevel, Ticket};
use crate::error::ReserveError;
use crate::future::QueueEntry;
use crate::future::poll_reserve;
use crate::manager::EventManager;
use crate::permit::Permit;
use crate::util::shrink::Shrink;
use crate::util::sync::Arc;

impl<E: Send + Sync + 'static> EventManager<E> {
    /// Returns a sink that publishes its items, for the end of a pipeline.
    ///
    /// # Examples
    /// ```
    /// use futures::{SinkExt, executor::block_on};
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(8);
    /// let reader = manager.subscribe();
    /// block_on(manager.sink().send("sent")).unwrap();
    /// assert_eq!(reader.len(), 1);
    /// ```
    pub fn sink(&self) -> EventSink<E> {
        EventSink::new(self.clone())
    }

    /// Returns a sink whose flush waits until every subscriber has finished the items sent.
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, SinkExt};
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(8);
    /// let reader = manager.subscribe();
    /// let mut sink = manager.sync_sink();
    /// let mut sent = sink.send("sent");
    /// assert!((&mut sent).now_or_never().is_none());
    /// drop(reader);
    /// assert!(sent.now_or_never().is_some());
    /// ```
    pub fn sync_sink(&self) -> SyncSink<E> {
        SyncSink::new(self.clone())
    }
}

/// A sink that publishes its items: [`EventManager::sink`].
///
/// `poll_ready` waits for room and reserves the room, so `start_send` cannot fail afterwards.
/// Flushing does nothing more: an item is stored when it is sent. Closing the sink does not close
/// the manager. The sink keeps the manager open, as a clone of the manager does.
///
/// # Errors
/// Only `poll_ready` fails, with [`ReserveError::Closed`].
///
/// # Panics
/// If `start_send` is called without a `poll_ready` before.
///
/// # Cancel safety
/// A ready and unused sink blocks other publishers, as a [`Permit`] does, until an item is sent or
/// the sink is closed or dropped. Dropping the future of `send` keeps the sink queued, which holds
/// up no other publisher.
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
    entry: QueueEntry,
    permit: Option<Permit<E>>,
}

impl<E> EventSink<E> {
    pub(crate) fn new(manager: EventManager<E>) -> Self {
        Self {
            manager,
            entry: QueueEntry::default(),
            permit: None,
        }
    }

    fn poll_permit(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ReserveError>> {
        if self.permit.is_none() {
            let channel = self.manager.channel();
            let permit = ready!(poll_reserve(channel, &mut self.entry, cx))?;
            self.permit = Some(permit);
        }
        Poll::Ready(Ok(()))
    }

    fn take_permit(&mut self) -> Permit<E> {
        self.permit
            .take()
            .expect("`poll_ready` comes before `start_send`")
    }

    fn release(&mut self) {
        if !seeded_bug!("closed-sink-keeps-permit") {
            self.permit = None;
        }
        self.entry.leave(self.manager.channel());
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
        self.release();
        Poll::Ready(Ok(()))
    }
}

impl<E> Drop for EventSink<E> {
    fn drop(&mut self) {
        self.entry.leave(self.manager.channel());
    }
}

/// A sink that also waits for the acknowledgements: [`EventManager::sync_sink`].
///
/// As [`EventSink`], except that a flush waits until every subscriber has finished or dropped every
/// item sent: `stream.forward(manager.sync_sink())` is acknowledged end to end. A flush inside a
/// handler of the same manager fails with [`ReserveError::WouldDeadlock`].
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
    /// The tickets of sent items, oldest first; settled tickets are removed lazily.
    sent: VecDeque<Arc<Ticket>>,
}

/// Capacity that `sent` keeps when it shrinks.
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
        // Drop settled tickets first: they would pile up behind an unsettled ticket.
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
                // Drop the waker: an earlier flush may have registered it from another task.
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
        self.sink.release();
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
