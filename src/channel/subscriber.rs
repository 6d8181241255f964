//! The state a subscription shares with its channel.
//!
//! A [`SubscriberState`] has three kinds of fields:
//! - constant values: the identity, the options;
//! - the [`Cursor`] and the atomics beside it, which the subscriber changes without the lock and the
//!   channel reads (and, for the cursor, changes) under its lock;
//! - [`ChannelSlots`], which only the channel touches, under its lock.

use std::panic::Location;
use std::sync::OnceLock;
use std::task::Waker;

use crate::channel::subscriber::any_channel::AnyChannel;
use crate::channel::subscriber::cursor::{Cursor, CursorState};
use crate::channel::subscriber::stage::Stage;
use crate::channel::subscriber::unacked::UnackedSet;
use crate::channel::ticket::AckLevel;
use crate::end_reason::EndReason;
use crate::options::Overflow;
use crate::subscriber_id::{Identity, SubscriberId, SubscriberKind};
use crate::util::sync::{Arc, AtomicBool, AtomicU64, LockedU64, Ordering};

pub(crate) mod any_channel;
pub(crate) mod cursor;
mod in_flight;
pub(crate) mod stage;
pub(crate) mod unacked;

/// The state of a subscriber, shared by the subscription and the channel.
pub(crate) struct SubscriberState {
    pub(crate) id: SubscriberId,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) kind: SubscriberKind,
    pub(crate) created_at: &'static Location<'static>,
    /// The gate of a subscriber that sees events after other subscribers.
    stage: Option<Box<Stage>>,
    /// The name of the manager.
    #[cfg(feature = "tracing")]
    pub(crate) manager: Option<Arc<str>>,
    /// Whether the subscriber owes no acknowledgement, and no publisher and no flush waits for it.
    pub(crate) is_observer: bool,
    /// Whether the subscription settles no ticket: an observer, or a group, whose members settle.
    pub(crate) settles_no_ticket: bool,
    pub(crate) overflow: Overflow,
    /// The most unread events: 1 to the capacity of the manager.
    pub(crate) window: usize,
    /// The most deliveries in flight.
    pub(crate) max_unacked: usize,
    pub(crate) cursor: Cursor,
    slots: ChannelSlots,
    /// The event in flight, if a publisher waits until the event is finished; or the event that is
    /// claimed and not yielded yet, if a publisher waits until the event is received; else 0.
    awaited_seq: AtomicU64,
    /// Whether an event in flight owes nothing: an event replayed, or read after a disconnect. Not
    /// used with explicit acknowledgements.
    unowed_in_flight: AtomicBool,
    /// Why the stream ends, once that is known. Written before the subscriber is detached.
    end: OnceLock<EndReason>,
    missed: AtomicU64,
    /// The deliveries in flight; set if the subscriber acknowledges explicitly.
    unacked_set: OnceLock<Box<UnackedSet>>,
}

/// Bookkeeping that only the channel reads and writes, under its lock; or, for a reader of a key log, that
/// log under its own lock. The slots are next to the cursor, not in a table of the channel, so a reader on
/// another core loads fewer cache lines.
pub(crate) struct ChannelSlots {
    /// The segment of the log that counts the subscriber.
    pub(crate) segment_key: LockedU64,
    /// The generation of [`ParkedReaders`](crate::channel::parked::ParkedReaders) in which the
    /// subscriber parked last; 0 if it never did.
    pub(crate) generation: LockedU64,
    /// The index of the subscriber's entry in that generation.
    pub(crate) index: LockedU64,
}

/// The initial values of a new subscriber.
pub(crate) struct SubscriberInit {
    pub(crate) identity: Identity,
    /// The subscribers that must settle an event first.
    pub(crate) after: Vec<SubscriberId>,
    #[cfg(feature = "tracing")]
    pub(crate) manager: Option<Arc<str>>,
    pub(crate) is_observer: bool,
    pub(crate) overflow: Overflow,
    pub(crate) window: usize,
    pub(crate) max_unacked: usize,
    /// The newest event, after which the subscriber starts.
    pub(crate) position: u64,
}

impl SubscriberState {
    pub(crate) fn new(init: SubscriberInit) -> Self {
        let SubscriberInit { after, .. } = init;
        let settles_no_ticket = init.is_observer || init.identity.kind == SubscriberKind::Group;
        Self {
            id: init.identity.id,
            name: init.identity.name,
            kind: init.identity.kind,
            created_at: init.identity.created_at,
            stage: (!after.is_empty()).then(|| Box::new(Stage::new(after))),
            #[cfg(feature = "tracing")]
            manager: init.manager,
            is_observer: init.is_observer,
            settles_no_ticket,
            overflow: init.overflow,
            window: init.window,
            max_unacked: init.max_unacked,
            cursor: Cursor::new(init.position),
            slots: ChannelSlots {
                segment_key: LockedU64::new(0),
                generation: LockedU64::new(0),
                index: LockedU64::new(0),
            },
            awaited_seq: AtomicU64::new(0),
            unowed_in_flight: AtomicBool::new(false),
            end: OnceLock::new(),
            missed: AtomicU64::new(0),
            unacked_set: OnceLock::new(),
        }
    }

    /// Returns what names the subscriber in receipts, which may outlive the subscriber.
    pub(crate) fn identity(&self) -> Identity {
        Identity {
            id: self.id,
            name: self.name.clone(),
            kind: self.kind,
            created_at: self.created_at,
            group: None,
        }
    }

    /// Returns the bookkeeping of the channel, whose lock the caller must hold.
    #[inline]
    pub(crate) fn slots(&self) -> &ChannelSlots {
        &self.slots
    }

    /// Sets the event for which [`owes`](Self::owes) and
    /// [`has_yet_to_yield`](Self::has_yet_to_yield) return true.
    #[inline]
    pub(crate) fn set_awaited(&self, seq: u64) {
        self.awaited_seq.store(seq, Ordering::Release);
    }

    /// Clears the event [`set_awaited`](Self::set_awaited) has set.
    #[inline]
    pub(crate) fn clear_awaited(&self) {
        self.awaited_seq.store(0, Ordering::Release);
    }

    /// Returns the gate, if the subscriber sees events after other subscribers.
    #[inline]
    pub(crate) fn stage(&self) -> Option<&Stage> {
        self.stage.as_deref()
    }

    /// Returns the sequence number of the event that makes the window full, unless the subscriber
    /// reads on.
    #[inline]
    pub(crate) fn full_at(&self) -> u64 {
        self.cursor.load().position() + self.window as u64
    }

    /// Records why the stream ends, unless a reason is recorded already.
    pub(crate) fn set_end(&self, reason: EndReason) {
        // The first reason is the one that has detached the subscriber.
        _ = self.end.set(reason);
    }

    /// Returns why the stream ends, or `None` if it was dropped before.
    pub(crate) fn end(&self) -> Option<EndReason> {
        self.end.get().copied()
    }

    /// Returns the number of events overwritten before the subscriber read them.
    pub(crate) fn missed(&self) -> u64 {
        self.missed.load(Ordering::Acquire)
    }

    /// Counts missed events. Called by the channel, under its lock.
    pub(crate) fn count_missed(&self, events: u64) {
        self.missed.fetch_add(events, Ordering::AcqRel);
    }

    /// Claims the event after `seen`. `ack_level` is the acknowledgement a publisher waits for,
    /// if any.
    ///
    /// # Errors
    /// The current state of the cursor, if that event is not the next event any more.
    #[inline]
    pub(crate) fn claim(
        &self,
        seen: CursorState,
        ack_level: Option<AckLevel>,
    ) -> Result<CursorState, CursorState> {
        self.claim_at(seen, seen.position() + 1, ack_level)
    }

    /// Claims event `seq`, as [`claim`](Self::claim) claims the next event.
    #[inline]
    pub(crate) fn claim_at(
        &self,
        mut seen: CursorState,
        seq: u64,
        ack_level: Option<AckLevel>,
    ) -> Result<CursorState, CursorState> {
        let position = seen.position();
        let unacked = self.unacked_set();
        // Record the event before claiming it: `infos_owing` reads the cursor first and the records
        // second, and would miss a subscriber whose event is neither unread nor recorded.
        if let Some(unacked) = unacked {
            self.insert_delivery(unacked, seq);
        }
        let is_recorded = |level| level == AckLevel::Received || unacked.is_none();
        if ack_level.is_some_and(is_recorded) {
            self.set_awaited(seq);
        }
        loop {
            match self.cursor.claim_at(seen, seq, unacked.is_none()) {
                Ok(word) => return Ok(word),
                // The channel overwrote the event or disconnected the subscriber: undo the records.
                Err(now) if now.is_detached() || now.position() != position => {
                    if let Some(unacked) = unacked {
                        unacked.remove(seq);
                    }
                    self.clear_awaited();
                    return Err(now);
                }
                // Only the report flag changed: the event is still the next event.
                Err(now) => seen = now,
            }
        }
    }

    // ---- Explicit acknowledgements ----------------------------------------------------------

    /// Switches the subscriber to explicit acknowledgements.
    pub(crate) fn set_unacked(&self, unacked: UnackedSet) {
        let set = self.unacked_set.set(Box::new(unacked));
        debug_assert!(
            set.is_ok(),
            "only one call turns a subscription into deliveries"
        );
    }

    /// Returns the deliveries in flight, if the subscriber acknowledges explicitly.
    #[inline]
    pub(crate) fn unacked_set(&self) -> Option<&UnackedSet> {
        self.unacked_set.get().map(Box::as_ref)
    }

    /// Returns the channel, if the subscriber acknowledges explicitly; `None` once no handle of the manager
    /// and no stream is left.
    pub(crate) fn channel_of_deliveries(&self) -> Option<Arc<dyn AnyChannel>> {
        self.unacked_set()?.channel.upgrade()
    }

    /// Adds the delivery of event `seq` to the deliveries in flight.
    pub(crate) fn insert_delivery(&self, unacked: &UnackedSet, seq: u64) {
        if self.is_observer {
            unacked.insert_unowed();
        } else {
            unacked.insert(seq);
        }
    }

    /// Returns the number of events in flight, for a cursor in state `word`.
    pub(crate) fn unacked(&self, word: CursorState) -> usize {
        match self.unacked_set() {
            Some(unacked) => unacked.count(),
            None => usize::from(!word.is_finished()),
        }
    }

    /// Returns whether event `seq`, which the subscriber has received, is in flight and a publisher
    /// waits for its acknowledgement.
    pub(crate) fn owes(&self, seq: u64) -> bool {
        match self.unacked_set() {
            Some(unacked) => unacked.contains(seq),
            None => self.awaited_seq.load(Ordering::Acquire) == seq,
        }
    }

    /// Returns whether event `seq` is claimed and not yielded yet, and a publisher waits until the event
    /// is received.
    pub(crate) fn has_yet_to_yield(&self, seq: u64) -> bool {
        self.awaited_seq.load(Ordering::Acquire) == seq
    }

    /// Returns whether there is room for a delivery; if not, registers `waker` for when there is.
    pub(crate) fn may_deliver(&self, waker: &Waker) -> bool {
        self.unacked_set()
            .is_none_or(|unacked| unacked.has_room(waker))
    }

    /// Returns whether there is no room for a delivery.
    pub(crate) fn is_full_of_deliveries(&self) -> bool {
        self.unacked_set()
            .is_some_and(|unacked| unacked.count() >= self.max_unacked)
    }

    /// Removes a settled delivery, and reports it if the channel asked for reports.
    pub(crate) fn settle_delivery(&self, seq: u64) {
        let Some(unacked) = self.unacked_set() else {
            return;
        };
        unacked.remove(seq);
        // Check after removing: a channel that requests reports from now on sees the removal, and a
        // channel that requested them before is told here.
        if self.cursor.load().must_report() && !seeded_bug!("ack-not-reported-to-flush") {
            if let Some(channel) = unacked.channel.upgrade() {
                channel.report_settled(self.id);
            }
        }
    }
}
