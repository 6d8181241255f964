//! What a subscription and its manager share: who it is, where it stands, what it has out.

use std::fmt;
use std::panic::Location;
use std::sync::OnceLock;
use std::task::Waker;

use crate::channel::subscriber::cursor::{Cursor, CursorState};
use crate::channel::subscriber::stage::Stage;
use crate::channel::subscriber::unacked::UnackedSet;
use crate::channel::ticket::AckLevel;
use crate::options::Overflow;
use crate::subscriber_id::{SubscriberId, SubscriberKind};
use crate::util::sync::{Arc, AtomicU64, LockedU64, Ordering};

pub(crate) mod cursor;
mod in_flight;
pub(crate) mod stage;
pub(crate) mod unacked;

pub(crate) struct SubscriberState {
    pub(crate) id: SubscriberId,
    pub(crate) extras: Option<Box<Extras>>,
    /// Its manager's name.
    #[cfg(feature = "tracing")]
    pub(crate) manager: Option<Arc<str>>,
    pub(crate) kind: SubscriberKind,
    pub(crate) created_at: &'static Location<'static>,
    pub(crate) overflow: Overflow,
    /// 1 to the manager's capacity.
    pub(crate) window: usize,
    /// How many deliveries may be out at once.
    pub(crate) max_unacked: usize,
    pub(crate) cursor: Cursor,
    pub(crate) slots: ChannelSlots,
    /// The event in hand, if somebody waits until it is finished with, or the event that is
    /// claimed and not yielded, if somebody waits until it is received; else 0.
    pub(crate) awaited_seq: AtomicU64,
    pub(crate) missed: AtomicU64,
    /// Set if it yields deliveries; what it has in hand is then kept there.
    pub(crate) unacked_set: OnceLock<Box<UnackedSet>>,
}

/// What the manager notes of a subscriber, under its lock. It lies beside what the subscriber itself
/// has just written, and not in a table of the manager's: a reader on another thread than the last
/// one then waits for no other memory than this.
pub(crate) struct ChannelSlots {
    /// In which segment of the log it is counted.
    pub(crate) reader_pos: LockedU64,
    /// The last round in which it was parked; 0: in none.
    pub(crate) generation: LockedU64,
    /// Where it is then among those that are parked.
    pub(crate) index: LockedU64,
}

impl ChannelSlots {
    pub(crate) fn new() -> Self {
        Self {
            reader_pos: LockedU64::new(0),
            generation: LockedU64::new(0),
            index: LockedU64::new(0),
        }
    }
}

/// What most subscribers do not have.
pub(crate) struct Extras {
    pub(crate) name: Option<Arc<str>>,
    /// It sees events after others.
    pub(crate) stage: Option<Stage>,
}

impl Extras {
    /// `after`: those that it sees events after.
    pub(crate) fn of(name: Option<Arc<str>>, after: Vec<SubscriberId>) -> Option<Box<Self>> {
        let stage = (!after.is_empty()).then(|| Stage::new(after));
        (name.is_some() || stage.is_some()).then(|| Box::new(Self { name, stage }))
    }
}

impl SubscriberState {
    pub(crate) fn name(&self) -> Option<&str> {
        self.extras.as_ref()?.name.as_deref()
    }

    #[inline]
    pub(crate) fn stage(&self) -> Option<&Stage> {
        self.extras.as_ref()?.stage.as_ref()
    }

    /// The length of the sequence at which it is at its limit, if it reads nothing until then.
    #[inline]
    pub(crate) fn full_at(&self) -> u64 {
        self.cursor.load().position() + self.window as u64
    }

    pub(crate) fn missed(&self) -> u64 {
        self.missed.load(Ordering::Acquire)
    }

    /// Counts one more event lost; by the manager, under its lock.
    pub(crate) fn count_missed(&self) {
        self.missed.fetch_add(1, Ordering::AcqRel);
    }

    /// The subscriber takes the event after `seen`; `until`: what somebody waits for, if anybody
    /// does.
    ///
    /// Fails with the word as it is now if that event is not the next one any more.
    #[inline]
    pub(crate) fn claim(
        &self,
        mut seen: CursorState,
        until: Option<AckLevel>,
    ) -> Result<CursorState, CursorState> {
        let position = seen.position();
        let held = self.unacked_set();
        // Noted before the claim: whoever asks for those that owe the event finds it unread or
        // noted.
        if let Some(held) = held {
            held.insert(position + 1);
        }
        let awaits = |until| until == AckLevel::Received || held.is_none();
        if until.is_some_and(awaits) {
            self.awaited_seq.store(position + 1, Ordering::Release);
        }
        loop {
            match self.cursor.claim(seen, held.is_none()) {
                Ok(word) => return Ok(word),
                Err(now) if now.is_detached() || now.position() != position => {
                    if let Some(held) = held {
                        held.remove(position + 1);
                    }
                    self.awaited_seq.store(0, Ordering::Release);
                    return Err(now);
                }
                Err(now) => seen = now,
            }
        }
    }

    // ---- Deliveries -------------------------------------------------------------------------

    /// From now on it yields deliveries.
    pub(crate) fn set_unacked(&self, held: UnackedSet) {
        let set = self.unacked_set.set(Box::new(held));
        debug_assert!(set.is_ok(), "a subscription is made into deliveries once");
    }

    #[inline]
    pub(crate) fn unacked_set(&self) -> Option<&UnackedSet> {
        self.unacked_set.get().map(Box::as_ref)
    }

    /// Events received and not finished with, with the cursor as `word` says.
    pub(crate) fn unacked(&self, word: CursorState) -> usize {
        match self.unacked_set() {
            Some(held) => held.count(),
            None => usize::from(!word.is_finished()),
        }
    }

    /// Whether event `seq`, which it has received, is not finished with and awaited.
    pub(crate) fn owes(&self, seq: u64) -> bool {
        match self.unacked_set() {
            Some(held) => held.contains(seq),
            None => self.awaited_seq.load(Ordering::Acquire) == seq,
        }
    }

    /// Whether event `seq`, which somebody waits for to be received, is claimed and not yielded.
    pub(crate) fn has_yet_to_yield(&self, seq: u64) -> bool {
        self.awaited_seq.load(Ordering::Acquire) == seq
    }

    /// Whether one more delivery may go out; if not, `waker` is called when one may.
    pub(crate) fn may_deliver(&self, waker: &Waker) -> bool {
        self.unacked_set().is_none_or(|held| held.has_room(waker))
    }

    /// A delivery is answered for. Tells the manager if it watches.
    pub(crate) fn settle_delivery(&self, seq: u64) {
        let Some(held) = self.unacked_set() else {
            return;
        };
        held.remove(seq);
        // After closing: whoever watches from now on sees that it is closed.
        if self.cursor.load().must_report() && !seeded_bug!("delivery-unreported") {
            if let Some(channel) = held.channel.upgrade() {
                channel.report_settled(self.id);
            }
        }
    }
}

impl fmt::Debug for SubscriberState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubscriberState")
            .field("id", &self.id)
            .field("name", &self.name())
            .field("overflow", &self.overflow)
            .field("window", &self.window)
            .finish_non_exhaustive()
    }
}
