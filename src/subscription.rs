//! A subscription: the stream of a manager's events that a user holds.

use std::fmt;
use std::panic::Location;
use std::sync::Weak;

use crate::ack::Ack;
use crate::channel::Channel;
use crate::channel::source::Source;
use crate::channel::subscriber::SubscriberState;
use crate::channel::subscriber::any_channel::AnyChannel;
use crate::channel::subscriber::cursor::CursorState;
use crate::channel::subscriber::unacked::UnackedSet;
use crate::end_reason::EndReason;
use crate::options::SubscribeOptions;
use crate::receipt::Cause;
use crate::subscriber_id::SubscriberId;
use crate::util::panic_guard::drop_caught;
use crate::util::sync::Arc;

mod cloning;
mod finish;
mod follow_up;
mod inspect;
mod load;
mod poll;
mod read;
mod stream;
mod with_missed;

use read::Skipped;
pub(crate) use read::try_event;
pub(crate) use stream::{AnySubscription, ReadSubscription};
pub use with_missed::{Received, WithMissed};

/// A stream of the events published after the call to [`subscribe`], and of earlier events
/// requested with [`replay`](SubscribeOptions::replay). With [`Overflow::Wait`], the stream
/// yields every event; with the other policies, events may be lost.
///
/// Polling for the next event acknowledges the previous event: the poll tells a waiting
/// [`sync_notify`] that the event in flight is finished. [`ack`] does the same without asking for
/// another event. Dropping the stream finishes nothing: the event in flight and the unread events
/// are `dropped` in the receipts.
///
/// The stream ends for good once the manager is closed and every stored event has been read, or
/// once the subscription is disconnected and its backlog has been read; [`end_reason`] returns
/// which.
///
/// On tokio (feature `rt`), a stream that always finds events does not starve other tasks: the
/// stream uses up the task's coop budget as tokio's own channels do, one unit for sixteen events.
/// After some 2,000 events in one poll of the task, the stream is pending once, although more
/// events are stored.
///
/// Polling is lock-free, except for one short lock for each segment of events, and one when the
/// stream is parked. A segment has up to a quarter of the capacity, or of the number of
/// [retained](crate::EventManagerBuilder::retain) events, at least 64 and at most 256 events, and
/// is freed as a whole, which [`flush`](crate::EventManager::flush) explains. Dropping the
/// subscription takes time in proportion to the unread events with waiting publishers.
///
/// An event leaves the window before it is cloned, and is not overwritten during a long `clone`. If
/// `Clone` panics, the panic surfaces in this stream's poll, the event counts as not received, and
/// the next poll yields the same event.
///
/// Events without `Clone` are for handlers and for filters that map. To read them by a stream, derive
/// `Clone` for the event, or publish an `Arc` of it. Of a combinator, such as `map`, on a stream of
/// events without `Clone`, the compiler reports that `Subscription<E>: Stream` is not satisfied.
///
/// # Cancel safety
/// Dropping the future of `next()` loses nothing: the event stays unread.
///
/// # Examples
/// ```
/// use futures::{StreamExt, executor::block_on};
/// use genevent::EventManager;
///
/// let manager = EventManager::new(16);
/// let lengths = manager.subscribe().map(|word: &str| word.len());
/// manager.try_notify("lossless").unwrap();
/// manager.try_notify("events").unwrap();
/// drop(manager); // closes it: the stream ends when everything is read
/// assert_eq!(block_on(lengths.collect::<Vec<_>>()), [8, 6]);
/// ```
///
/// [`Overflow::Wait`]: crate::Overflow::Wait
/// [`subscribe`]: crate::EventManager::subscribe
/// [`sync_notify`]: crate::EventManager::sync_notify
/// [`ack`]: Subscription::ack
/// [`end_reason`]: Subscription::end_reason
#[doc(alias = "PubSub.unsubscribe")]
#[doc(alias = "GenEvent.stream")]
#[must_use = "a subscription that is not read makes publishers wait once its window is full"]
pub struct Subscription<E> {
    channel: Arc<Channel<E>>,
    subscriber: Arc<SubscriberState>,
    source: Source<E>,
    /// The state of the cursor when last loaded.
    state: CursorState,
    /// The sequence number of the event in flight if a publisher waits for it to be finished; else
    /// 0.
    in_flight: u64,
    /// The number of events missed since the last yielded event.
    missed_before_next: u64,
    /// The last position that was reached without yielding the event there.
    skipped: Skipped,
    /// Set if `Clone` of the claimed event at `state` panicked: the next poll yields that event.
    /// Until then `state` is as [`CursorState::unyielded`] says, and no event is in flight.
    unyielded: bool,
    /// Set if the last poll parked the subscriber.
    parked: bool,
    /// The position up to which the events are paid for from the task's coop budget.
    #[cfg(feature = "rt")]
    coop_paid_to: u64,
    /// Set if the stream yields deliveries: the unacked set then tracks the events in flight.
    explicit_acks: bool,
}

impl<E> Subscription<E> {
    /// Subscribes to `channel`. On a closed channel, the stream has ended.
    pub(crate) fn new(
        channel: Arc<Channel<E>>,
        options: SubscribeOptions,
        created_at: &'static Location<'static>,
    ) -> Self {
        let (subscriber, state, source, missed) = channel.subscribe(options, created_at);
        if let Source::Ended(reason) = source {
            subscriber.set_end(reason);
        }
        trace!(joined(&subscriber, !matches!(source, Source::Ended(_))));
        Self {
            channel,
            // Events before the start cost no budget.
            #[cfg(feature = "rt")]
            coop_paid_to: match &source {
                Source::Backlog(backlog) => backlog.next - 1,
                _ => state.position(),
            },
            skipped: Skipped {
                to: state.position(),
                last_seq: 0,
            },
            state,
            subscriber,
            source,
            in_flight: 0,
            missed_before_next: missed,
            unyielded: false,
            parked: false,
            explicit_acks: false,
        }
    }

    /// Returns the id of this subscription, as used by
    /// [`disconnect`](crate::EventManager::disconnect) and
    /// [`Unfinished::id`](crate::Unfinished::id).
    #[must_use]
    pub fn id(&self) -> SubscriberId {
        self.subscriber.id
    }

    /// Acknowledges the event in flight, without asking for the next event.
    ///
    /// For a reader that does other work after an event: without `ack`, a
    /// [`sync_notify`](crate::EventManager::sync_notify) waits until the stream is polled or
    /// dropped. The stream also lets go of events that it has read, which a later
    /// [`flush`](crate::EventManager::flush) frees. Nothing else happens if no event is in
    /// flight.
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(4);
    /// let mut reader = manager.subscribe();
    /// let mut done = manager.sync_notify('x');
    /// assert!((&mut done).now_or_never().is_none());
    ///
    /// assert_eq!(reader.next().now_or_never(), Some(Some('x')));
    /// assert!((&mut done).now_or_never().is_none(), "not finished yet");
    /// reader.ack();
    /// assert!(done.now_or_never().unwrap().unwrap().all_acked());
    /// ```
    pub fn ack(&mut self) {
        self.finish();
        // Events of a backlog owe nothing, and missed events are reported after it.
        if matches!(self.source, Source::Backlog(_)) {
            self.subscriber.finish_unowed();
        } else if self.state.must_report() && !self.is_ended() {
            self.channel.report(self.subscriber.id.number, None);
            self.sync_cursor(self.subscriber.cursor.load());
        }
        if seeded_bug!("lets-go-last") {
            self.let_go();
        }
    }

    /// Reports the event in flight as failed, with a `reason`, without asking for the next event.
    ///
    /// The receipt counts the event as not finished by this subscriber, with
    /// [`Cause::Failed`](crate::Cause::Failed). In all else as [`ack`](Self::ack): nothing more is
    /// owed for the event, and the stream goes on. Nothing happens if no event is in flight.
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::{Cause, EventManager};
    ///
    /// let manager = EventManager::new(4);
    /// let mut rows = manager.subscribe();
    /// let mut saved = manager.sync_notify("row");
    /// assert!((&mut saved).now_or_never().is_none());
    ///
    /// assert_eq!(rows.next().now_or_never(), Some(Some("row")));
    /// rows.nack("disk full");
    /// let receipt = saved.now_or_never().unwrap().unwrap();
    /// assert_eq!(*receipt.unfinished()[0].cause(), Cause::Failed("disk full".into()));
    /// ```
    pub fn nack(&mut self, reason: impl Into<Arc<str>>) {
        let cause = Cause::Failed(reason.into());
        if seeded_bug!("disconnect-acks-nacked") && self.subscriber.cursor.load().is_detached() {
            self.ack();
        }
        self.give_up(cause);
        self.ack();
    }

    /// Returns a stream that yields missed events as values, in their place among the events.
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::{EventManager, Overflow, Received};
    ///
    /// let manager = EventManager::new(2);
    /// let mut screen = manager.subscribe_with(Overflow::DropOldest).with_missed();
    /// for n in 1..=5 {
    ///     manager.try_notify(n).unwrap();
    /// }
    /// drop(manager);
    /// let all = screen.collect::<Vec<_>>().now_or_never().unwrap();
    /// assert_eq!(
    ///     all,
    ///     [Received::Missed(3), Received::Event(4), Received::Event(5)]
    /// );
    /// ```
    pub fn with_missed(self) -> WithMissed<E> {
        WithMissed::new(self)
    }

    pub(crate) fn subscriber(&self) -> &Arc<SubscriberState> {
        &self.subscriber
    }

    pub(crate) fn is_ended(&self) -> bool {
        matches!(self.source, Source::Ended(_))
    }

    /// Adopts the cursor's state `now`: if newer events have overwritten unread events, the cursor
    /// was moved.
    #[inline]
    fn sync_cursor(&mut self, now: CursorState) {
        let missed = now.position() - self.state.position();
        if missed != 0 {
            self.note_missed(missed);
        }
        self.state = now;
    }

    #[cold]
    #[inline(never)]
    fn note_missed(&mut self, events: u64) {
        self.skipped = Skipped {
            to: self.state.position() + events,
            last_seq: self.seq(),
        };
        self.missed_before_next += events;
        #[cfg(feature = "rt")]
        {
            // Pay for noticing the loss, not for the missed events: a reader getting only losses
            // would otherwise never yield to other tasks.
            self.coop_paid_to += events - 1;
        }
    }

    fn end(&mut self, reason: EndReason) {
        self.source = Source::Ended(reason);
        self.subscriber.set_end(reason);
        self.channel.leave(&self.subscriber);
        trace!(ended(&self.subscriber, reason));
    }
}

impl<E: Send + Sync + 'static> Subscription<E> {
    /// Acknowledges the event in flight, and leaves all later acknowledgements to the deliveries.
    pub(crate) fn into_explicit_acks(mut self) -> Self {
        self.ack();
        let channel: Weak<dyn AnyChannel> = Arc::downgrade(&self.channel) as _;
        let unacked = UnackedSet::new(channel, self.subscriber.max_unacked);
        if self.unyielded {
            // Insert before finishing it: a flush in between would miss the event in both
            // places.
            self.subscriber
                .insert_delivery(&unacked, self.state.position());
        }
        self.subscriber.set_unacked(unacked);
        if self.unyielded {
            self.subscriber.cursor.finish();
        }
        self.explicit_acks = true;
        self
    }
}

impl<E> Unpin for Subscription<E> {}

impl<E> Drop for Subscription<E> {
    fn drop(&mut self) {
        self.give_up(Cause::Left);
        if self.unyielded {
            let seq = self.state.position();
            let ticket = self.ticket(seq).filter(|_| !self.subscriber.is_observer);
            let ticket = ticket.cloned();
            Ack::new(seq, Arc::clone(&self.subscriber), ticket).give_up(Cause::Left);
            // Deliveries in flight keep the subscriber, which would still be named for this event.
            self.subscriber.clear_awaited();
        }
        if let Some(stage) = self.subscriber.stage() {
            drop_caught(stage.stop_waiting());
        }
        if !self.is_ended() {
            // Before leaving, which may complete a flush.
            self.source = Source::Channel;
            let was_attached = self.channel.leave(&self.subscriber);
            if was_attached {
                trace!(dropped(&self.subscriber));
            }
        }
        // Nothing follows any more from the event in flight.
        self.subscriber.finish_unowed();
        if !self.subscriber.cursor.load().is_finished() {
            self.subscriber.cursor.finish();
        }
    }
}

impl<E> fmt::Debug for Subscription<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("id", &self.id())
            .field("len", &self.len())
            .field("end_reason", &self.end_reason())
            .finish_non_exhaustive()
    }
}
