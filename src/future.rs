//! The futures that the manager's methods return, as named types, so that they can be stored in
//! structs.
//!
//! All futures are lazy, `Send` and `Unpin`, and may be dropped at any time. The method that
//! returns a future documents the effect of dropping it.

#[cfg(feature = "rt")]
pub use settled::Settled;
#[cfg(feature = "rt")]
pub use within::Within;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::channel::Channel;
#[cfg(feature = "rt")]
use crate::channel::ticket::late::SharedTicket;
use crate::channel::ticket::{AckLevel, Ticket};
#[cfg(feature = "rt")]
use crate::error::{DeadlineError, NotReserved, NotStored, Unanswered};
use crate::error::{NotifyError, ReserveError};
#[cfg(feature = "rt")]
use crate::inspect::SubscriberInfo;
use crate::permit::Permit;
use crate::receipt::Receipt;
use crate::receipt::Stored;
#[cfg(feature = "rt")]
use crate::util::coop;
use crate::util::sync::Arc;

mod flush;
mod lifecycle;
mod publish;
mod quiet;
#[cfg(feature = "rt")]
mod settled;
#[cfg(feature = "rt")]
mod within;

pub use flush::{Flush, Stop};
pub use lifecycle::{Closed, Disconnected, WaitForSubscribers};
pub(crate) use publish::QueueEntry;
use publish::{POLLED_AGAIN, StoreEvent};
pub use quiet::Quiet;

/// Future of [`EventManager::notify`](crate::EventManager::notify).
#[must_use = "an event is not published until its future is polled"]
pub struct Notify<'a, E>(StoreEvent<'a, E>);

impl<'a, E> Notify<'a, E> {
    #[inline]
    pub(crate) fn new(channel: &'a Channel<E>, event: E) -> Self {
        Self(StoreEvent::new(channel, event))
    }
}

impl<E> Unpin for Notify<'_, E> {}

impl<E> Future for Notify<'_, E> {
    type Output = Result<usize, NotifyError<E>>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(None, cx).map_ok(|stored| {
            trace!(published(self.0.channel.name(), stored));
            stored.audience
        })
    }
}

#[cfg(feature = "rt")]
impl<E> Notify<'_, E> {
    pub(crate) fn give_up(&mut self) -> Option<NotStored<E>> {
        give_up_storing(&mut self.0)
    }
}

/// Leaves the wait queue, and returns the event in the error; `None` if there is room now.
#[cfg(feature = "rt")]
fn give_up_storing<E>(store: &mut StoreEvent<'_, E>) -> Option<NotStored<E>> {
    let waiting_for = store.channel.blocking();
    if waiting_for.is_empty() && store.is_notified() {
        // Room was freed after the last poll, and the waker is about to be called.
        return None;
    }
    let event = store.event.take().expect(POLLED_AGAIN);
    store.leave();
    Some(NotStored { event, waiting_for })
}

/// Stores an event, then waits for the acknowledgements of its subscribers.
struct StoreAndAwaitAcks<'a, E> {
    store: StoreEvent<'a, E>,
    level: AckLevel,
    /// Set from the first poll until the event is settled.
    ticket: Option<Arc<Ticket>>,
    stored: Option<Stored>,
}

impl<'a, E> StoreAndAwaitAcks<'a, E> {
    fn new(channel: &'a Channel<E>, event: E, level: AckLevel) -> Self {
        Self {
            store: StoreEvent::new(channel, event),
            level,
            ticket: None,
            stored: None,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Receipt, NotifyError<E>>> {
        if self.stored.is_none() && self.store.channel.current_handler_is_subscribed() {
            let event = self.store.event.take().expect(POLLED_AGAIN);
            self.store.leave();
            // Drop the waker: an earlier poll that panicked may have left it in the ticket.
            self.abandon();
            return Poll::Ready(Err(NotifyError::WouldDeadlock(event)));
        }
        // Register the waker before storing: subscribers may acknowledge as soon as the event is
        // stored.
        let is_first = self.ticket.is_none();
        let ticket =
            (self.ticket).get_or_insert_with(|| Ticket::with_waker(self.level, cx.waker().clone()));
        let Stored { seq, audience } = if let Some(stored) = self.stored {
            stored
        } else {
            let Poll::Ready(stored) = self.store.poll(Some(ticket), cx) else {
                // Queued: the wait queue holds the waker that is needed, the ticket's is not.
                ticket.abandon();
                return Poll::Pending;
            };
            // Rejected: no subscriber will acknowledge, so the ticket needs no waker.
            let stored = stored.inspect_err(|_| ticket.abandon())?;
            self.stored = Some(stored);
            trace!(published(self.store.channel.name(), stored));
            stored
        };
        if is_first && !ticket.is_settled() {
            return Poll::Pending;
        }
        let unfinished = ready!(ticket.poll_settled(cx));
        // Without acknowledgements the waker is still in the ticket; a panic may have left it
        // there too.
        if is_first || audience == 0 {
            ticket.abandon();
        }
        (self.stored, self.ticket) = (None, None);
        let receipt = Receipt::new(seq, audience, unfinished);
        trace!(settled(self.store.channel.name(), &receipt));
        Poll::Ready(Ok(receipt))
    }

    /// Drops the waker: no wake-up is needed any more.
    fn abandon(&self) {
        if let Some(ticket) = &self.ticket {
            ticket.abandon();
        }
    }
}

#[cfg(feature = "rt")]
impl<E> StoreAndAwaitAcks<'_, E> {
    /// Returns the subscribers that have not answered yet, or `None` if the event is not stored.
    fn waiting_for(&self) -> Option<Vec<SubscriberInfo>> {
        let Stored { seq, .. } = self.stored?;
        Some(self.store.channel.owing(seq, self.level))
    }

    /// Gives up, and returns the error; `None` if no subscriber is waited for any more.
    fn give_up(&mut self) -> Option<DeadlineError<E>> {
        let channel = self.store.channel;
        let (Some(stored), Some(ticket)) = (self.stored, &self.ticket) else {
            return give_up_storing(&mut self.store).map(DeadlineError::NotStored);
        };
        let waiting_for = channel.owing(stored.seq, self.level);
        // Taken after `owing`: the receipt may know more answers than the list, never fewer.
        let receipt = ticket.receipt_so_far(stored.seq, stored.audience);
        if !are_late(&waiting_for, ticket) {
            return None;
        }
        // The error takes the ticket: this future would drop the waker of a future that goes on
        // waiting.
        self.stored = None;
        let ticket = self.ticket.take()?;
        Some(DeadlineError::Unanswered(Unanswered {
            receipt,
            waiting_for,
            pending: Arc::new(SharedTicket::new(ticket, stored)),
        }))
    }
}

/// Returns whether the subscribers `waiting_for` still have to answer.
///
/// If the list is empty, the last answer is decided, and about to reach the ticket.
#[cfg(feature = "rt")]
fn are_late(waiting_for: &[SubscriberInfo], ticket: &Ticket) -> bool {
    !waiting_for.is_empty() && !ticket.is_settled()
}

impl<E> Drop for StoreAndAwaitAcks<'_, E> {
    fn drop(&mut self) {
        self.abandon();
    }
}

macro_rules! awaiting_future {
    ($(#[$doc:meta])* $name:ident, $level:expr) => {
        $(#[$doc])*
        #[must_use = "an event is not published until its future is polled"]
        pub struct $name<'a, E>(StoreAndAwaitAcks<'a, E>);

        impl<'a, E> $name<'a, E> {
            pub(crate) fn new(channel: &'a Channel<E>, event: E) -> Self {
                Self(StoreAndAwaitAcks::new(channel, event, $level))
            }
        }

        #[cfg(feature = "rt")]
        impl<E> $name<'_, E> {
            /// Returns the subscribers that have not acknowledged the event yet, oldest first,
            /// without giving up as `within` does.
            ///
            /// `None` before the event is stored, and once the future is ready. Empty only for a
            /// moment, while the last acknowledgement is being delivered.
            ///
            /// # Examples
            /// ```
            /// use futures::FutureExt;
            /// use genevent::EventManager;
            ///
            /// let manager = EventManager::new(1);
            /// let (kitchen, billing) = (manager.subscribe(), manager.subscribe());
            /// let mut done = manager.sync_notify("tea");
            /// assert!(done.waiting_for().is_none(), "the event is not stored");
            /// assert!((&mut done).now_or_never().is_none());
            /// assert_eq!(done.waiting_for().unwrap().len(), 2);
            ///
            /// drop(kitchen);
            /// assert_eq!(done.waiting_for().unwrap()[0].id(), billing.id());
            /// ```
            #[must_use]
            pub fn waiting_for(&self) -> Option<Vec<SubscriberInfo>> {
                self.0.waiting_for()
            }

            pub(crate) fn give_up(&mut self) -> Option<DeadlineError<E>> {
                self.0.give_up()
            }
        }

        impl<E> Unpin for $name<'_, E> {}

        impl<E> Future for $name<'_, E> {
            type Output = Result<Receipt, NotifyError<E>>;

            fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
                self.0.poll(cx)
            }
        }
    };
}

awaiting_future! {
    /// Future of [`EventManager::ack_notify`](crate::EventManager::ack_notify).
    AckNotify, AckLevel::Received
}

awaiting_future! {
    /// Future of [`EventManager::sync_notify`](crate::EventManager::sync_notify).
    SyncNotify, AckLevel::Finished
}

/// Future of [`EventManager::reserve`](crate::EventManager::reserve).
#[must_use = "futures do nothing unless polled"]
pub struct Reserve<'a, E> {
    channel: &'a Arc<Channel<E>>,
    entry: QueueEntry,
}

impl<'a, E> Reserve<'a, E> {
    pub(crate) fn new(channel: &'a Arc<Channel<E>>) -> Self {
        Self {
            channel,
            entry: QueueEntry::default(),
        }
    }
}

#[cfg(feature = "rt")]
impl<E> Reserve<'_, E> {
    /// Leaves the wait queue, and returns the error; `None` if there is room now.
    pub(crate) fn give_up(&mut self) -> Option<NotReserved> {
        let waiting_for = self.channel.blocking();
        if waiting_for.is_empty() && self.entry.is_notified(self.channel) {
            // Room was freed after the last poll, and the waker is about to be called.
            return None;
        }
        self.entry.leave(self.channel);
        Some(NotReserved { waiting_for })
    }
}

impl<E> Future for Reserve<'_, E> {
    type Output = Result<Permit<E>, ReserveError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let channel = self.channel;
        poll_reserve(channel, &mut self.entry, cx)
    }
}

impl<E> Drop for Reserve<'_, E> {
    fn drop(&mut self) {
        self.entry.leave(self.channel);
    }
}

/// Polls for a permit, by way of an entry in the wait queue.
pub(crate) fn poll_reserve<E>(
    channel: &Arc<Channel<E>>,
    entry: &mut QueueEntry,
    cx: &mut Context<'_>,
) -> Poll<Result<Permit<E>, ReserveError>> {
    #[cfg(feature = "rt")]
    if !entry.is_queued() {
        ready!(coop::poll_publish(cx, || channel.is_in_handler()));
    }
    let reserved = ready!(entry.poll(cx, |key, waker| channel.poll_reserve(key, waker)));
    Poll::Ready(match reserved {
        Some(()) => Ok(Permit::new(Arc::clone(channel))),
        None => Err(ReserveError::Closed),
    })
}

macro_rules! opaque_debug {
    ($($name:ident)+) => {$(
        impl<E> fmt::Debug for $name<'_, E> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )+};
}

opaque_debug! { Notify AckNotify SyncNotify Flush Quiet Stop Closed Reserve WaitForSubscribers }
