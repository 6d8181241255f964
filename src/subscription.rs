//! A place in the sequence, read as a stream.

use std::fmt;
use std::panic::Location;
use std::sync::Weak;

use crate::channel::Channel;
use crate::channel::source::Source;
use crate::channel::subscriber::SubscriberState;
use crate::channel::subscriber::cursor::CursorState;
use crate::channel::subscriber::unacked::{ChannelReports, UnackedSet};
use crate::channel::ticket::Ticket;
use crate::delivery::{Ack, Deliveries};
use crate::end_reason::EndReason;
use crate::options::SubscribeOptions;
use crate::subscriber_id::SubscriberId;
use crate::util::panic_guard::drop_caught;
use crate::util::sync::{Arc, Ordering};

mod cloning;
mod inspect;
mod load;
mod poll;
mod with_missed;

#[cfg(feature = "rt")]
pub(crate) use load::EVENTS_PER_COOP_UNIT;
pub use with_missed::{Received, WithMissed};

/// A stream of the events published after the call to [`subscribe`], and of those before it that
/// it asked to have [replayed](SubscribeOptions::replay). With [`Overflow::Wait`], the stream
/// yields every event; the other policies say what is lost.
///
/// Coming back for the next event is the acknowledgement of the one before: polling the stream
/// tells a waiting [`sync_notify`] that the event in hand is finished. So do [`ack`], without
/// asking for another event, and dropping the stream; dropped while its thread panics, it counts
/// as *not* finished. Whatever was unread when the stream is dropped is `dropped` in the receipts.
///
/// The stream ends, for good, once the manager is closed and everything stored has been read, or
/// once the subscription has been disconnected; [`end_reason`] tells which.
///
/// On tokio (feature `rt`), a stream that always finds events leaves its neighbours on the thread
/// their turns: it takes part in the task's budget, as tokio's own channels do, with a unit for
/// sixteen events. So after some 2,000 events in one turn it is pending once, with more to come.
///
/// Polling is lock-free but for one short lock for many events (up to a quarter of the capacity, or
/// of what is [retained](crate::EventManagerBuilder::retain), but not below 64, nor above 256), and one more
/// when the stream goes to sleep. An event may stay in memory until all of those have been read.
/// Dropping the subscription takes time in proportion to the events that somebody waits on.
///
/// An event is out of the window before it is cloned, and nothing overwrites the event during a long
/// `clone`. If `Clone` panics, the panic is one of this stream's poll, the event counts as not
/// received, and the next poll yields the same event.
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
#[doc(alias = "GenEvent.stream")]
#[must_use = "a subscription that is not read makes publishers wait once its window is full"]
pub struct Subscription<E> {
    channel: Arc<Channel<E>>,
    subscriber: Arc<SubscriberState>,
    source: Source<E>,
    /// The cursor's word as last seen.
    state: CursorState,
    /// The number of the event in hand, if somebody waits until it is finished with; else 0.
    in_flight: u64,
    /// Events lost since the last one that was yielded.
    missed_before_next: u64,
    /// The event at `state`, in the batch, is claimed, and its `Clone` panicked: the next poll
    /// yields it. Until then `state` is as [`CursorState::unyielded`] says, and nothing is in hand.
    unyielded: bool,
    /// It was parked when last polled.
    parked: bool,
    /// The position up to which its events are paid for out of the task's budget.
    #[cfg(feature = "rt")]
    coop_paid_to: u64,
    /// It yields deliveries: what it has in hand is kept account of in its place.
    explicit_acks: bool,
}

impl<E> Subscription<E> {
    /// Subscribes; on a closed channel, to nothing.
    pub(crate) fn new(
        channel: Arc<Channel<E>>,
        options: SubscribeOptions,
        created_at: &'static Location<'static>,
    ) -> Self {
        let (place, word, reading) = channel.subscribe(options, created_at);
        trace!(joined(&place, !matches!(reading, Source::Ended(_))));
        Self {
            channel,
            // What was there before it is not paid for.
            #[cfg(feature = "rt")]
            coop_paid_to: match &reading {
                Source::Backlog(rest) => rest.next - 1,
                _ => word.position(),
            },
            state: word,
            subscriber: place,
            source: reading,
            in_flight: 0,
            missed_before_next: 0,
            unyielded: false,
            parked: false,
            explicit_acks: false,
        }
    }

    /// Names this subscription: for [`disconnect`](crate::EventManager::disconnect) and in
    /// [`Receipt::dropped_by`](crate::Receipt::dropped_by).
    #[must_use]
    pub fn id(&self) -> SubscriberId {
        self.subscriber.id
    }

    /// Finishes with the event in hand without asking for the next one.
    ///
    /// For a reader that goes on to something else after an event: without it, a
    /// [`sync_notify`](crate::EventManager::sync_notify) waits until the stream is polled or
    /// dropped. Does nothing if no event is in hand.
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
    /// assert!((&mut done).now_or_never().is_none(), "still in hand");
    /// reader.ack();
    /// assert!(done.now_or_never().unwrap().unwrap().all_acked());
    /// ```
    pub fn ack(&mut self) {
        self.finish();
        // Amid a rest nothing is in hand, and what is lost meanwhile is told after it.
        if self.state.must_report() && matches!(self.source, Source::Channel | Source::Segment(_)) {
            self.channel.report(self.subscriber.id.number, None);
            self.sync_cursor(self.subscriber.cursor.load());
        }
    }

    /// Yields losses as values, in their place among the events.
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

    pub(crate) fn place(&self) -> &Arc<SubscriberState> {
        &self.subscriber
    }

    /// The duty that comes with the event just yielded, for a stream of deliveries.
    pub(crate) fn take_ack(&mut self) -> Ack {
        let (seq, ticket) = match &self.source {
            // Settled when it was disconnected, or never owed.
            Source::Backlog(rest) => (rest.next - 1, None),
            _ => (self.state.position(), self.take_in_flight()),
        };
        Ack::new(seq, Arc::clone(&self.subscriber), ticket)
    }

    pub(crate) fn is_ended(&self) -> bool {
        matches!(self.source, Source::Ended(_))
    }

    /// Who waits for answers to event `seq`, which is in the batch.
    fn ticket(&self, seq: u64) -> Option<&Arc<Ticket>> {
        match &self.source {
            Source::Segment(batch) => batch.get(seq).ticket.as_ref(),
            _ => None,
        }
    }

    /// Who waits until the event in hand is finished with; they get their answer elsewhere.
    fn take_in_flight(&mut self) -> Option<Arc<Ticket>> {
        match std::mem::take(&mut self.in_flight) {
            0 => None,
            seq => self.ticket(seq).cloned(),
        }
    }

    /// Answers for the event in hand, if somebody waits.
    #[inline]
    fn ack_current(&mut self) {
        if self.in_flight != 0 {
            let seq = std::mem::take(&mut self.in_flight);
            self.ticket(seq).into_iter().for_each(|ticket| ticket.ack());
            self.subscriber.awaited_seq.store(0, Ordering::Release);
        }
    }

    /// The event in hand is done with. Whoever watches has yet to be told.
    fn finish(&mut self) {
        self.ack_current();
        if !self.state.is_finished() {
            let now = self.subscriber.cursor.finish();
            if seeded_bug!("lost-gap") {
                self.state = now;
            }
            self.sync_cursor(now);
        }
    }

    /// The cursor may have moved without us: newer events have overwritten what was between.
    #[inline]
    fn sync_cursor(&mut self, now: CursorState) {
        let lost = now.position() - self.state.position();
        if lost != 0 {
            self.note_missed(lost);
        }
        self.state = now;
    }

    #[cold]
    #[inline(never)]
    fn note_missed(&mut self, events: u64) {
        self.missed_before_next += events;
        #[cfg(feature = "rt")]
        {
            // What it does not get is not paid for, but noticing that is: a reader that is told of
            // losses alone would otherwise never leave its neighbours a turn.
            self.coop_paid_to += events - 1;
        }
    }

    fn end(&mut self, reason: EndReason) {
        self.source = Source::Ended(reason);
        self.channel.leave(self.subscriber.id.number);
        trace!(ended(&self.subscriber, reason));
    }
}

impl<E: Send + Sync + 'static> Subscription<E> {
    /// A stream of deliveries, each with an acknowledgement of its own.
    ///
    /// For pipelines that read ahead: coming back for the next event no longer says that the one
    /// before is finished, [`Delivery::ack`](crate::Delivery::ack) does. Finishes with the event
    /// in hand, as [`ack`](Self::ack).
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::EventManager;
    ///
    /// let manager = EventManager::new(8);
    /// let mut pairs = manager.subscribe().deliveries().chunks(2);
    /// let mut done = manager.sync_notify('a');
    /// assert!((&mut done).now_or_never().is_none());
    /// manager.try_notify('b').unwrap();
    ///
    /// let pair = pairs.next().now_or_never().flatten().unwrap();
    /// assert!((&mut done).now_or_never().is_none(), "in a chunk, and not finished with");
    /// pair.into_iter().for_each(|delivery| drop(delivery.ack()));
    /// assert!(done.now_or_never().is_some());
    /// ```
    pub fn deliveries(mut self) -> Deliveries<E> {
        self.ack();
        let channel: Weak<dyn ChannelReports> = Arc::downgrade(&self.channel) as _;
        let held = UnackedSet::new(channel, self.subscriber.max_unacked);
        if self.unyielded {
            // Noted as out before it is no longer in hand: a flush misses it in neither.
            held.insert(self.state.position());
        }
        self.subscriber.set_unacked(held);
        if self.unyielded {
            self.subscriber.cursor.finish();
        }
        self.explicit_acks = true;
        Deliveries::new(self)
    }
}

impl<E> Unpin for Subscription<E> {}

impl<E> Drop for Subscription<E> {
    fn drop(&mut self) {
        if let Some(ticket) = self.take_in_flight() {
            if std::thread::panicking() {
                ticket.drop_by(self.subscriber.id);
            } else {
                ticket.ack();
            }
        }
        if self.unyielded {
            let seq = self.state.position();
            let ticket = self.ticket(seq).cloned();
            drop(Ack::new(seq, Arc::clone(&self.subscriber), ticket));
        }
        if let Some(stage) = self.subscriber.stage() {
            drop_caught(stage.stop_waiting());
        }
        if !self.is_ended() {
            let counted = self.channel.leave(self.subscriber.id.number);
            if counted {
                trace!(dropped(&self.subscriber));
            }
        }
    }
}

impl<E> fmt::Debug for Subscription<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("id", &self.id())
            .field("pending", &self.len())
            .field("end_reason", &self.end_reason())
            .finish_non_exhaustive()
    }
}
