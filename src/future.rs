//! The futures that the manager hands out, named so that they can be stored.
//!
//! All of them are lazy, `Send`, `Unpin`, and may be dropped at any time; what that means is
//! said at the method that makes each.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::ack::{Receipt, Ticket, Until};
use crate::channel::Channel;
use crate::error::NotifyError;
use crate::line::Turn;
use crate::ring::Stored;
use crate::sync::Arc;
use crate::watchers::{Event, Watch};

/// Stores one event when its turn has come: the part that all three publishing futures share.
struct Storing<'a, E> {
    channel: &'a Channel<E>,
    /// Taken when it is stored, or given back because the manager is closed.
    event: Option<E>,
    turn: Option<Turn>,
}

impl<'a, E> Storing<'a, E> {
    fn new(channel: &'a Channel<E>, event: E) -> Self {
        Self {
            channel,
            event: Some(event),
            turn: None,
        }
    }

    fn poll(
        &mut self,
        ticket: Option<&Arc<Ticket>>,
        cx: &Context<'_>,
    ) -> Poll<Result<Stored, NotifyError<E>>> {
        let Self {
            channel,
            event,
            turn,
        } = self;
        channel
            .poll_store(event, ticket, turn, cx.waker())
            .map_err(|()| NotifyError::Closed(event.take().expect(POLLED_AGAIN)))
    }
}

impl<E> Drop for Storing<'_, E> {
    fn drop(&mut self) {
        if let Some(turn) = self.turn.take() {
            self.channel.leave_line(turn);
        }
    }
}

const POLLED_AGAIN: &str = "a publishing future is not polled once it is ready";

/// Future of [`EventManager::notify`](crate::EventManager::notify).
#[must_use = "an event is not published until its future is polled"]
pub struct Notify<'a, E>(Storing<'a, E>);

impl<'a, E> Notify<'a, E> {
    pub(crate) fn new(channel: &'a Channel<E>, event: E) -> Self {
        Self(Storing::new(channel, event))
    }
}

impl<E> Unpin for Notify<'_, E> {}

impl<E> Future for Notify<'_, E> {
    type Output = Result<usize, NotifyError<E>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(None, cx).map_ok(|stored| stored.audience)
    }
}

/// Stores an event, then waits for its subscribers' answers.
struct Awaiting<'a, E> {
    storing: Storing<'a, E>,
    ticket: Arc<Ticket>,
    stored: Option<Stored>,
}

impl<'a, E> Awaiting<'a, E> {
    fn new(channel: &'a Channel<E>, event: E, until: Until) -> Self {
        Self {
            storing: Storing::new(channel, event),
            ticket: Ticket::new(until),
            stored: None,
        }
    }

    fn poll(&mut self, cx: &Context<'_>) -> Poll<Result<Receipt, NotifyError<E>>> {
        let Stored { seq, audience } = match self.stored {
            Some(stored) => stored,
            None => *self
                .stored
                .insert(ready!(self.storing.poll(Some(&self.ticket), cx))?),
        };
        self.ticket
            .poll_settled(cx)
            .map(|dropped_by| Ok(Receipt::new(seq, audience, dropped_by)))
    }
}

impl<E> Drop for Awaiting<'_, E> {
    fn drop(&mut self) {
        self.ticket.abandon();
    }
}

macro_rules! awaiting_future {
    ($(#[$doc:meta])* $name:ident, $until:expr) => {
        $(#[$doc])*
        #[must_use = "an event is not published until its future is polled"]
        pub struct $name<'a, E>(Awaiting<'a, E>);

        impl<'a, E> $name<'a, E> {
            pub(crate) fn new(channel: &'a Channel<E>, event: E) -> Self {
                Self(Awaiting::new(channel, event, $until))
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
    AckNotify, Until::Received
}

awaiting_future! {
    /// Future of [`EventManager::sync_notify`](crate::EventManager::sync_notify).
    SyncNotify, Until::Finished
}

/// Waits until every event stored before its first poll is settled.
struct Settling<'a, E> {
    channel: &'a Channel<E>,
    ticket: Option<Arc<Ticket>>,
}

impl<'a, E> Settling<'a, E> {
    fn new(channel: &'a Channel<E>) -> Self {
        Self {
            channel,
            ticket: None,
        }
    }

    fn poll(&mut self, cx: &Context<'_>) -> Poll<()> {
        let channel = self.channel;
        let ticket = self.ticket.get_or_insert_with(|| {
            let ticket = Ticket::new(Until::Finished);
            channel.flush(&ticket);
            ticket
        });
        ticket.poll_settled(cx).map(|_| ())
    }
}

impl<E> Drop for Settling<'_, E> {
    fn drop(&mut self) {
        if let Some(ticket) = &self.ticket {
            ticket.abandon();
        }
    }
}

/// Future of [`EventManager::flush`](crate::EventManager::flush).
#[must_use = "futures do nothing unless polled"]
pub struct Flush<'a, E>(Settling<'a, E>);

impl<'a, E> Flush<'a, E> {
    pub(crate) fn new(channel: &'a Channel<E>) -> Self {
        Self(Settling::new(channel))
    }
}

impl<E> Future for Flush<'_, E> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll(cx)
    }
}

/// Future of [`EventManager::stop`](crate::EventManager::stop).
#[must_use = "the manager is not closed until the future is polled"]
pub struct Stop<'a, E>(Settling<'a, E>);

impl<'a, E> Stop<'a, E> {
    pub(crate) fn new(channel: &'a Channel<E>) -> Self {
        Self(Settling::new(channel))
    }
}

impl<E> Future for Stop<'_, E> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.0.ticket.is_none() {
            self.0.channel.close();
        }
        self.0.poll(cx)
    }
}

/// Waits for something to happen to the manager.
struct Watching<'a, E> {
    channel: &'a Channel<E>,
    event: Event,
    watch: Option<Watch>,
}

impl<'a, E> Watching<'a, E> {
    fn new(channel: &'a Channel<E>, event: Event) -> Self {
        Self {
            channel,
            event,
            watch: None,
        }
    }

    fn poll(&mut self, cx: &Context<'_>) -> Poll<usize> {
        self.channel
            .poll_event(self.event, &mut self.watch, cx.waker())
    }
}

impl<E> Drop for Watching<'_, E> {
    fn drop(&mut self) {
        if let Some(watch) = self.watch.take() {
            self.channel.leave_watch(watch);
        }
    }
}

/// Future of [`EventManager::closed`](crate::EventManager::closed).
#[must_use = "futures do nothing unless polled"]
pub struct Closed<'a, E>(Watching<'a, E>);

impl<'a, E> Closed<'a, E> {
    pub(crate) fn new(channel: &'a Channel<E>) -> Self {
        Self(Watching::new(channel, Event::Closed))
    }
}

impl<E> Future for Closed<'_, E> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll(cx).map(|_| ())
    }
}

/// Future of [`EventManager::wait_for_subscribers`](crate::EventManager::wait_for_subscribers).
#[must_use = "futures do nothing unless polled"]
pub struct WaitForSubscribers<'a, E>(Watching<'a, E>);

impl<'a, E> WaitForSubscribers<'a, E> {
    pub(crate) fn new(channel: &'a Channel<E>, subscribers: usize) -> Self {
        Self(Watching::new(channel, Event::Subscribers(subscribers)))
    }
}

impl<E> Future for WaitForSubscribers<'_, E> {
    type Output = usize;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<usize> {
        self.0.poll(cx)
    }
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

opaque_debug! { Notify AckNotify SyncNotify Flush Stop Closed WaitForSubscribers }
