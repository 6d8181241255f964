//! A place in the sequence, read as a stream.

use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Weak;
use std::task::{Context, Poll, ready};

use futures_core::{FusedStream, Stream};

use crate::ack::{Ticket, Until};
use crate::channel::{Channel, Next};
use crate::cursor::Word;
use crate::delivery::{Ack, Deliveries};
use crate::end::EndReason;
use crate::foreign::discard;
use crate::held::{Held, Report};
use crate::inspect::SubscriberId;
use crate::options::SubscribeOptions;
use crate::place::Place;
use crate::reading::{After, Reading};
use crate::sync::{Arc, Ordering};

mod missed;

pub use missed::{Received, WithMissed};

/// A stream of every event published after the call to [`subscribe`], and of those before it that
/// it asked to have [replayed](SubscribeOptions::replay).
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
/// Polling is lock-free but for one short lock for up to 64 events, and one more when the stream
/// goes to sleep. Dropping the subscription takes time in proportion to the events that somebody
/// waits on.
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
/// [`subscribe`]: crate::EventManager::subscribe
/// [`sync_notify`]: crate::EventManager::sync_notify
/// [`ack`]: Subscription::ack
/// [`end_reason`]: Subscription::end_reason
#[doc(alias = "GenEvent.stream")]
#[must_use = "a subscription that is not read makes publishers wait once its window is full"]
pub struct Subscription<E> {
    channel: Arc<Channel<E>>,
    place: Arc<Place>,
    reading: Reading<E>,
    /// The cursor's word as last seen.
    word: Word,
    /// The number of the event in hand, if somebody waits until it is finished with; else 0.
    in_hand: u64,
    /// Events lost since the last one that was yielded.
    gap: u64,
    /// It was parked when last polled.
    asleep: bool,
    /// The position up to which its events are paid for out of the task's budget.
    #[cfg(feature = "rt")]
    paid: u64,
    /// It yields deliveries: what it has in hand is kept account of in its place.
    holds: bool,
}

impl<E> Subscription<E> {
    /// Subscribes; on a closed channel, to nothing.
    pub(crate) fn new(
        channel: Arc<Channel<E>>,
        options: SubscribeOptions,
        created_at: &'static Location<'static>,
    ) -> Self {
        let (place, word, reading) = channel.subscribe(options, created_at);
        trace!(joined(&place, !matches!(reading, Reading::Ended(_))));
        Self {
            channel,
            #[cfg(feature = "rt")]
            paid: 0,
            word,
            place,
            reading,
            in_hand: 0,
            gap: 0,
            asleep: false,
            holds: false,
        }
    }

    /// Names this subscription: for [`disconnect`](crate::EventManager::disconnect) and in
    /// [`Receipt::dropped_by`](crate::Receipt::dropped_by).
    #[must_use]
    pub fn id(&self) -> SubscriberId {
        self.place.id
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
        if self.word.is_watched() && matches!(self.reading, Reading::Ask | Reading::Batch(_)) {
            self.channel.report(self.place.id.key, None);
            self.look_again(self.place.cursor.load());
        }
    }

    /// How many events this subscription has lost to newer ones so far, with
    /// [`Overflow::DropOldest`](crate::Overflow::DropOldest).
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.place.missed()
    }

    /// How many events wait to be read, [replayed](SubscribeOptions::replay) ones among them.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.backlog().0
    }

    /// How many events wait to be read, and whether these are the last.
    fn backlog(&self) -> (usize, bool) {
        match &self.reading {
            Reading::Ask | Reading::Batch(_) => self.channel.backlog(&self.place),
            Reading::Rest(rest) => match rest.after {
                After::Live => {
                    let (unread, last) = self.channel.backlog(&self.place);
                    (rest.len() + unread, last)
                }
                After::End(_) => (rest.len(), true),
            },
            Reading::Ended(_) => (0, true),
        }
    }

    /// Why the stream ended; `None` until it has yielded its `None`.
    ///
    /// # Examples
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use genevent::{EndReason, EventManager};
    ///
    /// let manager = EventManager::<()>::new(1);
    /// let mut reader = manager.subscribe();
    /// manager.close();
    /// assert_eq!(reader.end_reason(), None);
    /// assert_eq!(reader.next().now_or_never(), Some(None));
    /// assert_eq!(reader.end_reason(), Some(EndReason::Closed));
    /// ```
    #[must_use]
    pub fn end_reason(&self) -> Option<EndReason> {
        match self.reading {
            Reading::Ended(reason) => Some(reason),
            _ => None,
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

    pub(crate) fn place(&self) -> &Arc<Place> {
        &self.place
    }

    /// The duty that comes with the event just yielded, for a stream of deliveries.
    pub(crate) fn take_ack(&mut self) -> Ack {
        match &self.reading {
            // Settled when it was disconnected, or never owed.
            Reading::Rest(rest) => Ack::new(rest.next - 1, None, None),
            _ => Ack::new(
                self.word.position(),
                Some(Arc::clone(&self.place)),
                self.take_in_hand(),
            ),
        }
    }

    pub(crate) fn is_ended(&self) -> bool {
        matches!(self.reading, Reading::Ended(_))
    }

    /// Who waits for answers to event `seq`, which is in the batch.
    fn ticket(&self, seq: u64) -> Option<&Arc<Ticket>> {
        match &self.reading {
            Reading::Batch(batch) => batch.get(seq).ticket.as_ref(),
            _ => None,
        }
    }

    /// Who waits until the event in hand is finished with; they get their answer elsewhere.
    fn take_in_hand(&mut self) -> Option<Arc<Ticket>> {
        match std::mem::take(&mut self.in_hand) {
            0 => None,
            seq => self.ticket(seq).cloned(),
        }
    }

    /// Answers for the event in hand, if somebody waits.
    #[inline]
    fn answer(&mut self) {
        if self.in_hand != 0 {
            let seq = std::mem::take(&mut self.in_hand);
            self.ticket(seq).into_iter().for_each(|ticket| ticket.ack());
            self.place.awaited.store(0, Ordering::Release);
        }
    }

    /// The event in hand is done with. Whoever watches has yet to be told.
    fn finish(&mut self) {
        self.answer();
        if !self.word.is_finished() {
            let now = self.place.cursor.finish();
            if planted!("lost-gap") {
                self.word = now;
            }
            self.look_again(now);
        }
    }

    /// The cursor has moved without us: newer events have overwritten what was between.
    fn look_again(&mut self, now: Word) {
        self.gap += now.position() - self.word.position();
        self.word = now;
    }

    fn end(&mut self, reason: EndReason) {
        self.reading = Reading::Ended(reason);
        self.channel.leave(self.place.id.key);
        trace!(ended(&self.place, reason));
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
        let channel: Weak<dyn Report> = Arc::downgrade(&self.channel) as _;
        self.place.hold(Held::new(channel, self.place.max_unacked));
        self.holds = true;
        Deliveries::new(self)
    }
}

impl<E: Clone> Subscription<E> {
    /// The way that most events go: the next one is in the batch, and nobody waits or watches.
    #[inline]
    fn next_quietly(&mut self) -> Option<E> {
        let Reading::Batch(batch) = &self.reading else {
            return None;
        };
        let seq = self.word.position() + 1;
        if seq > batch.last() || self.in_hand != 0 || self.word.is_watched() {
            return None;
        }
        let slot = batch.get(seq);
        if slot.ticket.is_some() || self.holds {
            return None;
        }
        let event = slot.event().clone();
        // As seen, it is not watched: nothing to report.
        self.word = self.place.cursor.claim(self.word, true).ok()?;
        self.gap = 0;
        Some(event)
    }

    /// The next event, whichever way it comes.
    #[inline(never)]
    fn poll_event(&mut self, cx: &Context<'_>) -> Poll<Option<E>> {
        loop {
            match ready!(self.poll_received(cx, false)) {
                Some(Received::Event(event)) => return Poll::Ready(Some(event)),
                Some(Received::Missed(_)) => {}
                None => return Poll::Ready(None),
            }
        }
    }

    /// The next event. Tells of a gap before it, with `Missed`, if `tell_missed`.
    fn poll_received(&mut self, cx: &Context<'_>, tell_missed: bool) -> Poll<Option<Received<E>>> {
        loop {
            if tell_missed && self.gap > 0 {
                self.ack();
                self.look_again(self.place.cursor.load());
                if let Some(stage) = self.place.stage() {
                    // It may have been about to wait.
                    discard(stage.stop_waiting());
                }
                return Poll::Ready(Some(Received::Missed(std::mem::take(&mut self.gap))));
            }
            let more = self.poll_ahead(cx);
            if tell_missed && self.gap > 0 {
                continue;
            }
            if !ready!(more) {
                return Poll::Ready(None);
            }
            // Cloned before it is claimed: a `Clone` that panics loses nothing.
            let event = self.ahead().clone();
            if self.take_ahead() {
                return Poll::Ready(Some(Received::Event(event)));
            }
        }
    }
}

impl<E> Subscription<E> {
    /// Ready when there is an event [`ahead`](Self::ahead), or with false when none will come.
    ///
    /// Finishes with the event in hand.
    pub(crate) fn poll_ahead(&mut self, cx: &Context<'_>) -> Poll<bool> {
        self.answer();
        loop {
            match &mut self.reading {
                Reading::Batch(batch) if self.word.position() < batch.last() => {
                    return Poll::Ready(true);
                }
                Reading::Ask | Reading::Batch(_) => ready!(self.poll_more(cx)),
                Reading::Rest(_) => {
                    if ready!(self.poll_rest(cx)) {
                        return Poll::Ready(true);
                    }
                }
                Reading::Ended(_) => return Poll::Ready(false),
            }
        }
    }

    /// The next event, not claimed, when `poll_ahead` has said that there is one.
    fn ahead(&self) -> &E {
        match &self.reading {
            Reading::Batch(batch) => batch.get(self.word.position() + 1).event(),
            Reading::Rest(rest) => rest.get(rest.next),
            Reading::Ask | Reading::Ended(_) => unreachable!("{AHEAD}"),
        }
    }

    /// Takes the event ahead in hand. False if it has been overwritten, or is to be looked for
    /// again.
    pub(crate) fn take_ahead(&mut self) -> bool {
        match &mut self.reading {
            Reading::Batch(batch) => {
                let slot = batch.get(self.word.position() + 1);
                let until = slot.ticket.as_ref().map(|ticket| ticket.until());
                if !self.claim(until) {
                    return false;
                }
                self.gap = 0;
                self.receive(until);
            }
            Reading::Rest(rest) => {
                rest.next += 1;
                self.gap = 0;
            }
            Reading::Ask | Reading::Ended(_) => unreachable!("{AHEAD}"),
        }
        true
    }

    /// The event that `take_ahead` has taken in hand; not after `ack` or another poll.
    #[cfg(feature = "rt")]
    pub(crate) fn current(&self) -> &E {
        match &self.reading {
            Reading::Batch(batch) => batch.get(self.word.position()).event(),
            Reading::Rest(rest) => rest.get(rest.next - 1),
            Reading::Ask | Reading::Ended(_) => unreachable!("{AHEAD}"),
        }
    }

    /// Gives the event in hand up: it will not be finished with.
    #[cfg(feature = "rt")]
    pub(crate) fn give_up(&mut self) {
        if let Some(ticket) = self.take_in_hand() {
            self.place.awaited.store(0, Ordering::Release);
            ticket.drop_by(self.place.id);
        }
    }

    /// Whether it has taken every event up to `seq` that it will ever see. Of a handler's, to which
    /// nothing is replayed: its rest is what is left when it was disconnected.
    #[cfg(feature = "rt")]
    pub(crate) fn has_taken(&self, seq: u64) -> bool {
        match &self.reading {
            Reading::Ask | Reading::Batch(_) => self.word.position() >= seq,
            Reading::Rest(rest) => rest.next > seq.min(rest.end),
            Reading::Ended(_) => true,
        }
    }

    /// Claims the next event, which is in the batch. False if that is no longer so.
    fn claim(&mut self, until: Option<Until>) -> bool {
        let position = self.word.position();
        let held = self.place.held();
        // Before it is claimed: whoever asks for those that owe it finds it unread or in hand.
        if let Some(held) = held {
            held.open(position + 1);
        } else if until == Some(Until::Finished) {
            self.place.awaited.store(position + 1, Ordering::Release);
        }
        loop {
            match self.place.cursor.claim(self.word, held.is_none()) {
                Ok(word) => {
                    self.word = word;
                    return true;
                }
                Err(now) if now.is_detached() || now.position() != position => {
                    match held {
                        Some(held) => held.close(position + 1),
                        None => self.place.awaited.store(0, Ordering::Release),
                    }
                    if now.is_detached() {
                        self.reading = Reading::Ask;
                    }
                    self.look_again(now);
                    return false;
                }
                Err(now) => self.word = now,
            }
        }
    }

    /// The claimed event is in hand: answers for that, and reports it if the manager watches.
    fn receive(&mut self, until: Option<Until>) {
        let seq = self.word.position();
        match until {
            Some(Until::Finished) => self.in_hand = seq,
            Some(Until::Received) => self.ticket(seq).into_iter().for_each(|ticket| ticket.ack()),
            None => {}
        }
        if self.word.is_watched() && !planted!("late-room") {
            self.channel.report(self.place.id.key, Some(seq));
            // What has been overwritten since is noticed at the next claim.
        }
    }

    /// Pays tokio for what was taken since it last did: a unit of the task's budget for sixteen
    /// events. Pending when the task has none left, and its neighbours have their turn. Outside of
    /// tokio there is nobody to pay.
    ///
    /// Out of the way: asked once in sixteen events at most, and mostly once in 64.
    #[cfg(feature = "rt")]
    #[cold]
    #[inline(never)]
    fn pay(&mut self, cx: &Context<'_>) -> Poll<()> {
        let position = match &self.reading {
            Reading::Rest(rest) => rest.next - 1,
            _ => self.word.position(),
        };
        // What was lost is not paid for.
        self.paid = self.paid.max(position.saturating_sub(64));
        while position - self.paid >= PAID_TOGETHER {
            let mut cx = Context::from_waker(cx.waker());
            ready!(tokio::task::coop::poll_proceed(&mut cx)).made_progress();
            self.paid += PAID_TOGETHER;
        }
        Poll::Ready(())
    }

    /// Ready when the rest has an event ahead, or with false when it has not: then there is
    /// something else to read from.
    #[cold]
    #[inline(never)]
    fn poll_rest(&mut self, cx: &Context<'_>) -> Poll<bool> {
        #[cfg(feature = "rt")]
        ready!(self.pay(cx));
        #[cfg(not(feature = "rt"))]
        let _ = cx;
        let Reading::Rest(rest) = &mut self.reading else {
            return Poll::Ready(false);
        };
        if rest.seek() {
            return Poll::Ready(true);
        }
        match rest.after {
            After::Live => self.reading = Reading::Ask,
            After::End(cause) => self.end(EndReason::Disconnected { cause }),
        }
        Poll::Ready(false)
    }

    /// Asks the manager for more; pending once it is parked, or when others have a turn.
    fn poll_more(&mut self, cx: &Context<'_>) -> Poll<()> {
        // Without the lock: if this is the last owner, it drops the events.
        self.reading = Reading::Ask;
        // Likely to sleep, and not asleep yet: cloning the waker now saves taking the lock twice.
        let sleepy = !self.asleep && self.channel.seems_read(self.word.position());
        let mut spare = sleepy.then(|| cx.waker().clone());
        self.asleep = false;
        loop {
            let reading = &mut self.reading;
            let next = (self.channel).next(&self.place, reading, cx.waker(), spare.take());
            self.look_again(self.place.cursor.load());
            match next {
                #[cfg(feature = "rt")]
                Next::More if self.word.position() - self.paid >= PAID_TOGETHER => {
                    return self.pay(cx);
                }
                Next::More => {}
                Next::Closed => self.end(EndReason::Closed),
                Next::Parked => {
                    self.asleep = true;
                    return Poll::Pending;
                }
                Next::Empty => {
                    spare = Some(cx.waker().clone());
                    continue;
                }
            }
            return Poll::Ready(());
        }
    }
}

/// How many events one unit of tokio's budget pays for.
#[cfg(feature = "rt")]
const PAID_TOGETHER: u64 = 16;

const AHEAD: &str = "`poll_ahead` said that there is an event";

impl<E> Unpin for Subscription<E> {}

impl<E: Clone> Stream for Subscription<E> {
    type Item = E;

    #[inline]
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<E>> {
        match self.next_quietly() {
            Some(event) => Poll::Ready(Some(event)),
            None => self.get_mut().poll_event(cx),
        }
    }

    /// Exact below; above it only once nothing can follow.
    fn size_hint(&self) -> (usize, Option<usize>) {
        let (pending, last) = self.backlog();
        (pending, last.then_some(pending))
    }
}

impl<E: Clone> FusedStream for Subscription<E> {
    fn is_terminated(&self) -> bool {
        self.is_ended()
    }
}

impl<E> Drop for Subscription<E> {
    fn drop(&mut self) {
        if let Some(ticket) = self.take_in_hand() {
            if std::thread::panicking() {
                ticket.drop_by(self.place.id);
            } else {
                ticket.ack();
            }
        }
        if let Some(stage) = self.place.stage() {
            discard(stage.stop_waiting());
        }
        if !self.is_ended() {
            let counted = self.channel.leave(self.place.id.key);
            if counted {
                trace!(dropped(&self.place));
            }
        }
    }
}

impl<E> fmt::Debug for Subscription<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("id", &self.id())
            .field("pending", &self.pending())
            .field("end_reason", &self.end_reason())
            .finish_non_exhaustive()
    }
}
