//! The futures that the manager hands out, named so that they can be stored.
//!
//! All of them are lazy, `Send`, `Unpin`, and may be dropped at any time; what that means is
//! said at the method that makes each.

#[cfg(feature = "rt")]
pub use crate::deadline::Within;

use std::fmt;
use std::future::Future;
#[cfg(feature = "rt")]
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use crate::ack::{Receipt, Ticket, Until};
use crate::channel::{Channel, Refusal, Wait};
#[cfg(feature = "rt")]
use crate::error::{DeadlineError, NotStored, Unanswered};
use crate::error::{NotifyError, ReserveError, WouldDeadlock};
#[cfg(feature = "rt")]
use crate::inspect::SubscriberInfo;
use crate::line::Turn;
use crate::permit::Permit;
use crate::ring::Stored;
use crate::sync::Arc;
use crate::watchers::{Event, Watch};

/// A place in the line of publishers, and the alarm by which its head looks at the clock.
#[derive(Default)]
pub(crate) struct Queueing {
    turn: Option<Turn>,
    /// Tokio's timers leave nothing half done when somebody's code panics.
    #[cfg(feature = "rt")]
    alarm: Option<AssertUnwindSafe<Pin<Box<tokio::time::Sleep>>>>,
}

impl Queueing {
    /// Polls `attempt` with the place in line, and again when its alarm rings.
    pub(crate) fn poll<R>(
        &mut self,
        cx: &mut Context<'_>,
        mut attempt: impl FnMut(&mut Option<Turn>, &Waker) -> Result<R, Wait>,
    ) -> Poll<R> {
        loop {
            match attempt(&mut self.turn, cx.waker()) {
                Ok(done) => return Poll::Ready(done),
                Err(wait) => ready!(self.poll_alarm(&wait, cx)),
            }
        }
    }

    #[cfg(feature = "rt")]
    fn poll_alarm(&mut self, wait: &Wait, cx: &mut Context<'_>) -> Poll<()> {
        let Some(until) = wait.until else {
            self.alarm = None;
            return Poll::Pending;
        };
        let alarm = self
            .alarm
            .get_or_insert_with(|| AssertUnwindSafe(Box::pin(tokio::time::sleep_until(until))));
        if alarm.deadline() != until {
            alarm.as_mut().reset(until);
        }
        alarm.as_mut().poll(cx)
    }

    #[cfg(not(feature = "rt"))]
    #[expect(clippy::unused_self, reason = "without tokio nobody waits for a time")]
    fn poll_alarm(&mut self, _: &Wait, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }

    /// Passes the place in line on.
    pub(crate) fn leave<E>(&mut self, channel: &Channel<E>) {
        if let Some(turn) = self.turn.take() {
            channel.leave_line(turn);
        }
    }
}

/// Stores one event when its turn has come: the part that all three publishing futures share.
struct Storing<'a, E> {
    channel: &'a Channel<E>,
    /// Taken when it is stored, or given back because the manager is closed.
    event: Option<E>,
    /// Only once it has to wait: most need not, and a small future is a quick one.
    queueing: Option<Box<Queueing>>,
}

impl<'a, E> Storing<'a, E> {
    #[inline]
    fn new(channel: &'a Channel<E>, event: E) -> Self {
        Self {
            channel,
            event: Some(event),
            queueing: None,
        }
    }

    #[inline]
    fn poll(
        &mut self,
        ticket: Option<&Arc<Ticket>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Stored, NotifyError<E>>> {
        if self.queueing.is_none() {
            // Before it could stand in line, where others would wait for it.
            let event = self.event.take().expect(POLLED_AGAIN);
            match self.channel.store_quietly(event, ticket) {
                Ok(stored) => return Poll::Ready(Ok(stored)),
                Err(event) => self.event = Some(event),
            }
        }
        self.poll_in_line(ticket, cx)
    }

    #[inline(never)]
    fn poll_in_line(
        &mut self,
        ticket: Option<&Arc<Ticket>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Stored, NotifyError<E>>> {
        let Self {
            channel,
            event,
            queueing,
        } = self;
        let waiting = queueing.get_or_insert_default();
        let stored = ready!(waiting.poll(cx, |turn, waker| {
            channel.poll_store(event, ticket, turn, waker)
        }));
        *queueing = None;
        Poll::Ready(stored.map_err(|refusal| {
            let event = event.take().expect(POLLED_AGAIN);
            match refusal {
                Refusal::Closed => NotifyError::Closed(event),
                Refusal::WouldDeadlock => NotifyError::WouldDeadlock(event),
            }
        }))
    }

    /// Passes the place in line on.
    fn leave(&mut self) {
        if let Some(mut queueing) = self.queueing.take() {
            queueing.leave(self.channel);
        }
    }
}

impl<E> Drop for Storing<'_, E> {
    #[inline]
    fn drop(&mut self) {
        if self.queueing.is_some() {
            self.leave();
        }
    }
}

const POLLED_AGAIN: &str = "a publishing future is not polled once it is ready";

/// Future of [`EventManager::notify`](crate::EventManager::notify).
#[must_use = "an event is not published until its future is polled"]
pub struct Notify<'a, E>(Storing<'a, E>);

impl<'a, E> Notify<'a, E> {
    #[inline]
    pub(crate) fn new(channel: &'a Channel<E>, event: E) -> Self {
        Self(Storing::new(channel, event))
    }
}

impl<E> Unpin for Notify<'_, E> {}

impl<E> Future for Notify<'_, E> {
    type Output = Result<usize, NotifyError<E>>;

    #[inline]
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

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Receipt, NotifyError<E>>> {
        let first = self.stored.is_none();
        let Stored { seq, audience } = match self.stored {
            Some(stored) => stored,
            None if self.storing.channel.would_hear_itself() => {
                let event = self.storing.event.take().expect(POLLED_AGAIN);
                self.storing.leave();
                return Poll::Ready(Err(NotifyError::WouldDeadlock(event)));
            }
            None => *self
                .stored
                .insert(ready!(self.storing.poll(Some(&self.ticket), cx))?),
        };
        let dropped_by = ready!(self.ticket.poll_settled(cx, first));
        self.stored = None;
        Poll::Ready(Ok(Receipt::new(seq, audience, dropped_by)))
    }
}

#[cfg(feature = "rt")]
impl<E> Awaiting<'_, E> {
    /// Who has yet to answer, once it is stored.
    fn pending(&self, until: Until) -> Option<Vec<SubscriberInfo>> {
        let Stored { seq, .. } = self.stored?;
        Some(self.storing.channel.owing(seq, until))
    }

    /// Gives up, unless nobody is waited for any more.
    fn give_up(&mut self, until: Until) -> Option<DeadlineError<E>> {
        let channel = self.storing.channel;
        let Some(Stored { seq, audience }) = self.stored else {
            let event = self.storing.event.take().expect(POLLED_AGAIN);
            let pending = channel.blocking();
            self.storing.leave();
            return Some(DeadlineError::NotStored(NotStored { event, pending }));
        };
        let pending = channel.owing(seq, until);
        let receipt = Some(Receipt::so_far(seq, audience, &self.ticket));
        is_late(&pending, &self.ticket).then_some(DeadlineError::Unanswered(Unanswered {
            receipt,
            ..Unanswered::of(pending)
        }))
    }
}

/// Whether those that were `pending` are still waited for. With nobody pending, the last answer
/// has been decided on, and is on its way to the ticket.
#[cfg(feature = "rt")]
fn is_late(pending: &[SubscriberInfo], ticket: &Ticket) -> bool {
    !pending.is_empty() && !ticket.is_settled()
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

        #[cfg(feature = "rt")]
        impl<E> $name<'_, E> {
            /// The subscribers that have yet to answer, oldest first: how far it is, without
            /// giving it up as `within` does.
            ///
            /// `None` before the event is stored, and once the future is ready. Empty only for a
            /// moment, while the last answer is on its way.
            ///
            /// # Examples
            /// ```
            /// use futures::FutureExt;
            /// use genevent::EventManager;
            ///
            /// let manager = EventManager::new(1);
            /// let (kitchen, billing) = (manager.subscribe(), manager.subscribe());
            /// let mut done = manager.sync_notify("tea");
            /// assert!(done.pending().is_none(), "it is not stored");
            /// assert!((&mut done).now_or_never().is_none());
            /// assert_eq!(done.pending().unwrap().len(), 2);
            ///
            /// drop(kitchen);
            /// assert_eq!(done.pending().unwrap()[0].id(), billing.id());
            /// ```
            #[must_use]
            pub fn pending(&self) -> Option<Vec<SubscriberInfo>> {
                self.0.pending($until)
            }

            pub(crate) fn give_up(&mut self) -> Option<DeadlineError<E>> {
                self.0.give_up($until)
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

    fn poll(&mut self, cx: &Context<'_>) -> Poll<Result<(), WouldDeadlock>> {
        let channel = self.channel;
        let first = self.ticket.is_none();
        let ticket = self.ticket.get_or_insert_with(|| {
            let ticket = Ticket::new(Until::Finished);
            channel.flush(&ticket);
            ticket
        });
        match ticket.poll_settled(cx, first) {
            // At every poll: it may have been taken inside of a handler since the last one.
            Poll::Pending if channel.is_flushed_itself(ticket) => Poll::Ready(Err(WouldDeadlock)),
            poll => poll.map(|_| Ok(())),
        }
    }
}

#[cfg(feature = "rt")]
impl<E> Settling<'_, E> {
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
    complete: Option<Watching<'a, E>>,
    settling: Settling<'a, E>,
    /// Once everything is settled: until no handler runs.
    idle: Option<Watching<'a, E>>,
}

impl<'a, E> Stop<'a, E> {
    pub(crate) fn new(channel: &'a Channel<E>) -> Self {
        Self {
            complete: None,
            settling: Settling::new(channel),
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
        if channel.is_running_itself() {
            return Poll::Ready(Err(WouldDeadlock));
        }
        let complete = self.complete.get_or_insert_with(|| {
            channel.close();
            Watching::new(channel, Event::Complete)
        });
        if !planted!("stop-forgets-permits") {
            ready!(complete.poll(cx));
        }
        if self.idle.is_none() {
            ready!(self.settling.poll(cx))?;
        }
        let idle = || Watching::new(channel, Event::Idle);
        let idle = self.idle.get_or_insert_with(idle);
        idle.poll(cx).map(|_| Ok(()))
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

/// Future of [`EventManager::reserve`](crate::EventManager::reserve).
#[must_use = "futures do nothing unless polled"]
pub struct Reserve<'a, E> {
    channel: &'a Arc<Channel<E>>,
    queueing: Queueing,
}

impl<'a, E> Reserve<'a, E> {
    pub(crate) fn new(channel: &'a Arc<Channel<E>>) -> Self {
        Self {
            channel,
            queueing: Queueing::default(),
        }
    }
}

impl<E> Future for Reserve<'_, E> {
    type Output = Result<Permit<E>, ReserveError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let channel = self.channel;
        Permit::poll_reserve(channel, &mut self.queueing, cx)
    }
}

impl<E> Drop for Reserve<'_, E> {
    fn drop(&mut self) {
        self.queueing.leave(self.channel);
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

opaque_debug! { Notify AckNotify SyncNotify Flush Stop Closed Reserve WaitForSubscribers }
