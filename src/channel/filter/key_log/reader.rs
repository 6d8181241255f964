//! A reader of a key log: the part that its subscription owns.

use std::task::Waker;

use super::batch::KeyBatch;
use super::event::{Freed, KeyedEvent};
use super::place::KeyPlace;
use super::{KeyLog, Loaded};
use crate::channel::filter::queue::replayed::ReplayedValues;
use crate::channel::filter::user_code::Panicked;
use crate::channel::source::{AfterBacklog, Backlog};
use crate::channel::subscriber::SubscriberState;
use crate::channel::ticket::Ticket;
use crate::end_reason::EndReason;
use crate::subscriber_id::SubscriberId;
use crate::util::panic_guard::drop_caught;
use crate::util::spare_waker::with_spare_waker;
use crate::util::sync::{Arc, Mutex};

/// A reader, which yields the replayed values, then the events of the log; and after a disconnect, the events
/// of its backlog.
pub(crate) struct KeyReader<E> {
    log: Arc<KeyLog<E>>,
    subscriber: Arc<SubscriberState>,
    /// The part that the channel shares. The reader keeps the log and the subscriber as well: a poll loads a
    /// cache line less.
    place: Arc<KeyPlace<E>>,
    /// In a mutex only because values need not be `Sync`, and a subscription is: no other thread locks it.
    replayed: Mutex<Option<Box<ReplayedValues<E>>>>,
    /// The number of events before the next live event that were not retained, and not reported yet.
    missed: u64,
    batch: KeyBatch<E>,
    /// The unread events, once the subscriber was disconnected and the reader has noticed.
    backlog: Option<Box<Backlog<KeyedEvent<E>>>>,
}

/// The result of [`KeyReader::poll_next`].
pub(crate) enum KeyNext {
    /// There is a next event.
    Event,
    Ended(EndReason),
    /// There is none, and the reader is parked.
    Parked,
}

/// An event that the reader has claimed.
pub(crate) struct KeyClaim<E> {
    pub(crate) seq: u64,
    /// The ticket of a publisher that waits for this event.
    pub(crate) ticket: Option<Arc<Ticket>>,
    pub(crate) event: Result<E, Panicked>,
}

impl<E> KeyReader<E> {
    /// Adds a reader to `log`. Called under the channel's lock.
    pub(crate) fn new(log: &Arc<KeyLog<E>>, subscriber: &Arc<SubscriberState>) -> Self {
        Self {
            log: Arc::clone(log),
            subscriber: Arc::clone(subscriber),
            place: Arc::new(KeyPlace::new(log, subscriber)),
            replayed: Mutex::new(None),
            missed: 0,
            batch: KeyBatch::new(),
            backlog: None,
        }
    }

    pub(crate) fn place(&self) -> &Arc<KeyPlace<E>> {
        &self.place
    }

    #[inline]
    pub(crate) fn subscriber(&self) -> &Arc<SubscriberState> {
        &self.subscriber
    }

    /// Lets the reader begin with `replayed`.
    pub(crate) fn set_replayed(&mut self, mut replayed: ReplayedValues<E>) {
        if replayed.len() > 0 {
            *self.replayed.get_mut() = Some(Box::new(replayed));
        } else {
            self.missed = replayed.take_missed();
        }
    }

    // ---- What is to be read -----------------------------------------------------------------

    fn stored(&self) -> usize {
        let replayed = self.replayed.lock();
        let replayed = replayed.as_ref().map_or(0, |replayed| replayed.len());
        let unread = match &self.backlog {
            Some(backlog) => backlog.len(),
            None => self.place.unread(),
        };
        replayed + unread
    }

    /// Returns the number of events and of replayed values to be read, and true if no more will follow
    /// them.
    pub(crate) fn unread_and_is_last(&self) -> (usize, bool) {
        let is_last = self.log.is_over(self.subscriber());
        (self.stored(), is_last)
    }

    /// Returns whether the next poll finds an event or the end, or a loss if `report_missed`.
    pub(crate) fn is_ready(&self, report_missed: bool) -> bool {
        let has_loss = report_missed && self.missed > 0;
        has_loss || self.stored() > 0 || self.log.is_over(self.subscriber())
    }

    /// Returns the sequence number of the next event.
    #[cfg(feature = "rt")]
    pub(crate) fn next_seq(&self) -> Option<u64> {
        if let Some(replayed) = &*self.replayed.lock() {
            return replayed.first_seq();
        }
        match &self.backlog {
            Some(backlog) => super::place::next_of(backlog),
            None => self.place.next_seq(),
        }
    }

    // ---- Reading ----------------------------------------------------------------------------

    /// Takes the number of events missed before the next event.
    pub(crate) fn take_missed(&mut self) -> u64 {
        let missed = match self.replayed.get_mut() {
            Some(replayed) => replayed.take_missed(),
            None => std::mem::take(&mut self.missed),
        };
        if missed > 0 {
            // There may be nothing unread, and the reader parked: a replay has missed the events.
            drop_caught(self.log.unpark(self.subscriber()));
        }
        missed
    }

    /// Keeps the number of missed events for a later event: the next was not taken.
    #[cfg(feature = "rt")]
    pub(crate) fn keep_missed(&mut self, missed: u64) {
        self.missed = missed;
    }

    /// Looks for the next event, or parks the reader.
    pub(crate) fn poll_next(&mut self, waker: &Waker) -> KeyNext {
        if self.replayed.get_mut().is_some() || self.batch.peek().is_some() {
            return KeyNext::Event;
        }
        if self.backlog.is_none() {
            match self.load(waker) {
                Loaded::Batch => return KeyNext::Event,
                Loaded::Parked => return KeyNext::Parked,
                Loaded::Complete => return KeyNext::Ended(EndReason::Closed),
                Loaded::Left => self.backlog = self.place.take_backlog(),
            }
        }
        let Some(backlog) = &mut self.backlog else {
            unreachable!("a subscriber that was detached and is polled was disconnected")
        };
        backlog.pop_read().for_each(drop);
        match backlog.after {
            _ if backlog.has_next() => KeyNext::Event,
            AfterBacklog::Disconnected(cause) => KeyNext::Ended(EndReason::Disconnected { cause }),
            AfterBacklog::Live => unreachable!("a detached subscriber gets no more events"),
        }
    }

    /// Loads the next segment of the log, or parks the reader.
    fn load(&mut self, waker: &Waker) -> Loaded {
        let Self {
            log,
            batch,
            subscriber,
            ..
        } = self;
        // About to park: clone the waker now, which saves taking the lock twice.
        let spare = (batch.is_caught_up(log.tail())).then(|| waker.clone());
        let mut freed = Freed::new();
        with_spare_waker(waker, spare, |spare| {
            log.load_or_park(subscriber, batch, waker, spare, &mut freed)
        })
    }

    /// Takes the next event if it owes no acknowledgement: a replayed event, or one of the backlog.
    pub(crate) fn take_unowed(&mut self) -> Option<(u64, Result<E, Panicked>)> {
        let replay = self.replayed.get_mut();
        let taken = if let Some(replayed) = replay {
            let (seq, value) = replayed.pop();
            if replayed.len() == 0 {
                *replay = None;
            }
            (seq, Ok(value))
        } else {
            let backlog = self.backlog.as_mut()?;
            self.missed = 0;
            let event = backlog.get(backlog.next);
            let taken = (event.seq(), event.clone_event());
            backlog.next += 1;
            // Drop a segment that is read to the end now: there may be no next poll.
            backlog.pop_read().for_each(drop);
            taken
        };
        if taken.1.is_ok() {
            self.subscriber().receive_unowed();
        }
        Some(taken)
    }

    /// Claims the next event of the batch, which also finishes the event in flight. Returns `None` if the
    /// next event is elsewhere, or if the subscriber was detached: the event is then in the backlog.
    ///
    /// Calls `report` if the channel requests a report; then clones the event, which runs user code.
    #[inline]
    pub(crate) fn claim(&mut self, report: impl FnOnce(SubscriberId)) -> Option<KeyClaim<E>> {
        if self.replayed.get_mut().is_some() {
            return None;
        }
        let slot = self.batch.peek()?;
        let subscriber = &self.subscriber;
        let (seq, level) = (slot.event().seq(), slot.level(subscriber.is_observer));
        let Ok(state) = subscriber.claim_at(subscriber.cursor.load(), seq, level) else {
            self.batch.end();
            return None;
        };
        self.missed = 0;
        if state.must_report() {
            report(subscriber.id);
        }
        let claimed = KeyClaim {
            seq,
            ticket: slot.ticket.as_ref().filter(|_| level.is_some()).cloned(),
            event: slot.event().clone_event(),
        };
        self.batch.advance();
        Some(claimed)
    }

    /// Drops the unread events that the channel keeps for the reader, which is dropped next.
    pub(crate) fn clear(&mut self) {
        drop(self.place.take_backlog());
    }
}
