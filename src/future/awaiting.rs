//! Publishing that waits for acknowledgements: `ack_notify` and `sync_notify`.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

#[cfg(feature = "rt")]
use super::are_late;
use super::publish::{POLLED_AGAIN, StoreEvent};
use crate::channel::Channel;
use crate::channel::handle::{Handle, Hold};
#[cfg(feature = "rt")]
use crate::channel::ticket::late::SharedTicket;
use crate::channel::ticket::{AckLevel, Ticket};
use crate::error::NotifyError;
#[cfg(feature = "rt")]
use crate::error::{DeadlineError, Unanswered};
#[cfg(feature = "rt")]
use crate::inspect::SubscriberInfo;
use crate::receipt::{Receipt, Stored};
use crate::util::sync::Arc;

/// Stores an event, then waits for the acknowledgements of its subscribers.
struct StoreAndAwaitAcks<H: Hold> {
    store: StoreEvent<H>,
    level: AckLevel,
    /// Set from the first poll until the event is settled.
    ticket: Option<Arc<Ticket>>,
    stored: Option<Stored>,
}

impl<H: Hold> StoreAndAwaitAcks<H> {
    fn new(hold: H, event: H::Event, level: AckLevel) -> Self {
        Self {
            store: StoreEvent::new(hold, event),
            level,
            ticket: None,
            stored: None,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Receipt, NotifyError<H::Event>>> {
        if self.stored.is_none() && self.store.channel().current_handler_is_subscribed() {
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
            trace!(published(self.store.channel().name(), stored));
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
        trace!(settled(self.store.channel().name(), &receipt));
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
impl<H: Hold> StoreAndAwaitAcks<H> {
    /// Returns the subscribers that have not answered yet, or `None` if the event is not stored.
    fn waiting_for(&self) -> Option<Vec<SubscriberInfo>> {
        let Stored { seq, .. } = self.stored?;
        Some(self.store.channel().owing(seq, self.level))
    }

    /// Gives up, and returns the error; `None` if no subscriber is waited for any more.
    fn give_up(&mut self) -> Option<DeadlineError<H::Event>> {
        let (Some(stored), Some(ticket)) = (self.stored, &self.ticket) else {
            return self.store.give_up().map(DeadlineError::NotStored);
        };
        let waiting_for = self.store.channel().owing(stored.seq, self.level);
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

impl<H: Hold> Drop for StoreAndAwaitAcks<H> {
    fn drop(&mut self) {
        self.abandon();
    }
}

macro_rules! awaiting_futures {
    ($level:expr; $($(#[$doc:meta])* $name:ident<$($life:lifetime,)? E>, $hold:ty;)+) => {$(
        $(#[$doc])*
        #[must_use = "an event is not published until its future is polled"]
        pub struct $name<$($life,)? E>(StoreAndAwaitAcks<$hold>);

        impl<$($life,)? E> $name<$($life,)? E> {
            pub(crate) fn new(hold: $hold, event: E) -> Self {
                Self(StoreAndAwaitAcks::new(hold, event, $level))
            }
        }

        #[cfg(feature = "rt")]
        impl<$($life,)? E> $name<$($life,)? E> {
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

        impl<$($life,)? E> Unpin for $name<$($life,)? E> {}

        impl<$($life,)? E> Future for $name<$($life,)? E> {
            type Output = Result<Receipt, NotifyError<E>>;

            fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
                self.0.poll(cx)
            }
        }
    )+};
}

awaiting_futures! {
    AckLevel::Received;
    /// Future of [`EventManager::ack_notify`](crate::EventManager::ack_notify).
    AckNotify<'a, E>, &'a Channel<E>;
    /// Future of [`EventManager::ack_notify_owned`](crate::EventManager::ack_notify_owned).
    AckNotifyOwned<E>, Handle<E>;
}

awaiting_futures! {
    AckLevel::Finished;
    /// Future of [`EventManager::sync_notify`](crate::EventManager::sync_notify).
    SyncNotify<'a, E>, &'a Channel<E>;
    /// Future of [`EventManager::sync_notify_owned`](crate::EventManager::sync_notify_owned).
    SyncNotifyOwned<E>, Handle<E>;
}
