//! A member: the machine's view of a subscriber.

use super::Group;
use crate::channel::effects::Effect;
use crate::channel::filter::any_queue::AnyQueue;
use crate::channel::machine::blockers::BlockerSlot;
use crate::channel::machine::flush::Flushes;
use crate::channel::source::Backlog;
use crate::channel::subscriber::SubscriberState;
use crate::channel::subscriber::cursor::CursorState;
use crate::channel::ticket::Ticket;
use crate::subscriber_id::SubscriberKind;
use crate::util::sync::Arc;

/// A subscriber, from the time it joins until it has left and has settled all of its deliveries.
///
/// ```text
///            disconnect                    take_backlog
/// attached ───────────▶ detached, backlog ────────────▶ detached
///     │                        │ leave                     │ leave
///     └────────────────────────┴──────────▶ gone ◀─────────┘   removed once nothing is unacked
/// ```
///
/// # Invariants
/// 1. A gone member is detached, and has no backlog: no stream is left to read the events.
/// 2. A member with a backlog is detached. A stream takes its backlog once, and ends after.
/// 3. `flushes` is `None` or not empty. `None` is the usual case, and takes no memory.
pub(crate) struct Member<E> {
    pub(crate) subscriber: Arc<SubscriberState>,
    /// The subscriber's filter queue; `None` for a log reader.
    pub(crate) queue: Option<Arc<dyn AnyQueue>>,
    /// The handlers of a group; `None` for others.
    group: Option<Box<Group>>,
    /// Whether the member blocks publishers.
    pub(crate) blocker: BlockerSlot,
    /// The flushes (and stages) waiting for the member to settle events.
    flushes: Option<Box<Flushes>>,
    /// The events left when the subscriber was disconnected, until its stream takes them.
    backlog: Option<Box<Backlog<E>>>,
    /// The position to which the cursor was moved past overwritten events, while an event was in
    /// flight.
    skipped_to: u64,
    /// How many positions the cursor was moved past; `u32::MAX` means that many or more.
    skipped: u32,
    attached: bool,
    /// Futures wait for the end of the member.
    pub(crate) is_watched: bool,
    /// The stream was dropped; the member stays for its unacked deliveries.
    gone: bool,
}

impl<E> Member<E> {
    pub(crate) fn new(subscriber: &Arc<SubscriberState>, queue: Option<Arc<dyn AnyQueue>>) -> Self {
        let is_group = subscriber.kind == SubscriberKind::Group;
        Self {
            subscriber: Arc::clone(subscriber),
            group: is_group.then(Box::default),
            blocker: BlockerSlot::default(),
            queue,
            flushes: None,
            backlog: None,
            skipped_to: 0,
            skipped: 0,
            attached: true,
            is_watched: false,
            gone: false,
        }
    }

    // ---- Groups -----------------------------------------------------------------------------

    pub(crate) fn group(&self) -> Option<&Group> {
        self.group.as_deref()
    }

    pub(super) fn group_mut(&mut self) -> &mut Group {
        let group = self.group.as_deref_mut();
        group.expect("only the runner of a group adds and removes its handlers")
    }

    /// Returns how many subscribers the member counts for: one, or the handlers of a group.
    pub(crate) fn heads(&self) -> usize {
        self.group().map_or(1, |group| group.handlers().len())
    }

    /// Returns how many acknowledgements the member owes of an event.
    pub(crate) fn awaited_heads(&self) -> usize {
        if self.subscriber.is_observer {
            0
        } else {
            self.heads()
        }
    }

    // ---- Coming and going -------------------------------------------------------------------

    /// Returns whether the next event is stored for the member, too.
    pub(crate) fn is_attached(&self) -> bool {
        self.attached
    }

    /// Returns whether the member is counted as a reader of the log.
    pub(crate) fn reads_log(&self) -> bool {
        self.attached && self.queue.is_none()
    }

    /// Detaches the member; returns `false` if the member was detached before. Called by
    /// [`Members::detach`](super::Members::detach), which counts.
    pub(super) fn detach(&mut self) -> bool {
        std::mem::replace(&mut self.attached, false)
    }

    /// Records the drop of the stream; returns the backlog, to be dropped.
    pub(crate) fn stream_dropped(&mut self) -> Option<Box<Backlog<E>>> {
        debug_assert!(!self.attached, "member: invariant 1");
        self.gone = true;
        self.backlog.take()
    }

    /// Returns whether the member can be removed: gone, and without unacked deliveries.
    pub(crate) fn is_done(&self) -> bool {
        self.gone && !self.has_unacked()
    }

    pub(crate) fn set_backlog(&mut self, backlog: Box<Backlog<E>>) {
        debug_assert!(!self.attached && !self.gone, "member: invariant 2");
        self.backlog = Some(backlog);
    }

    pub(crate) fn backlog(&self) -> Option<&Backlog<E>> {
        self.backlog.as_deref()
    }

    pub(crate) fn take_backlog(&mut self) -> Option<Box<Backlog<E>>> {
        self.backlog.take()
    }

    // ---- Overwritten events -----------------------------------------------------------------

    /// Records the overwriting of the event after `position`, while another event was in flight.
    ///
    /// The event in flight is the last event claimed, at the cursor's position. Overwriting moves
    /// the cursor further, so the distance is kept here.
    pub(crate) fn skip_past(&mut self, position: u64) {
        if self.skipped_to != position {
            // The subscriber has claimed an event since, which is now the event in flight.
            self.skipped = 0;
        }
        self.skipped_to = position + 1;
        self.skipped = self.skipped.saturating_add(1);
    }

    /// Returns the event in flight, or an earlier event, with the cursor at `position`.
    fn in_flight(&self, position: u64) -> u64 {
        match self.skipped {
            _ if self.skipped_to != position => position,
            // The count has overflowed. Event 1 is a lower bound, and delays flushes at worst.
            u32::MAX => 1,
            events => position - u64::from(events),
        }
    }

    // ---- Settling ---------------------------------------------------------------------------

    /// Frees the events that the queue of the member has kept, and that the member has read.
    pub(crate) fn catch_up_queue(&self) -> Option<Effect<E>> {
        self.queue.as_ref()?.catch_up().map(Effect::Drop)
    }

    /// Returns the next event to be received and settled by the member (the event need not be
    /// stored yet), and the cursor.
    fn next_unread(&self) -> (Option<u64>, CursorState) {
        let (next, cursor) = if let Some(queue) = &self.queue {
            queue.front_and_cursor()
        } else {
            let cursor = self.subscriber.cursor.load();
            (Some(cursor.position() + 1), cursor)
        };
        (next.filter(|_| self.attached), cursor)
    }

    /// Returns whether a delivery is unacked.
    fn has_unacked(&self) -> bool {
        let unacked = self.subscriber.unacked_set();
        unacked.is_some_and(|unacked| unacked.first().is_some())
    }

    /// Returns whether the member has yet to settle any event up to `tail`, the newest event. An
    /// observer has none to settle.
    pub(crate) fn owes(&self, tail: u64) -> bool {
        if self.subscriber.is_observer && !seeded_bug!("flush-waits-for-observers") {
            return false;
        }
        let (unread, cursor) = self.next_unread();
        unread.is_some_and(|next| next <= tail) || !cursor.is_finished() || self.has_unacked()
    }

    /// Returns the last event up to which the member has settled everything; `u64::MAX` without
    /// events to settle. `claimed`: the event being claimed by the subscriber, if any.
    pub(crate) fn settled(&self, claimed: Option<u64>) -> u64 {
        // Read the cursor before the unacked set: a subscriber inserts an event into the set before
        // claiming it, so an event claimed in between is found unread or unacked.
        let (unread, cursor) = self.next_unread();
        let in_flight = match self.subscriber.unacked_set() {
            Some(unacked) => unacked.first(),
            None if self.gone => None,
            None if !cursor.is_finished()
                && (self.attached || !seeded_bug!("disconnect-settles-in-flight")) =>
            {
                claimed.or(Some(self.in_flight(cursor.position())))
            }
            None => claimed,
        };
        // Unread events of a detached member were settled on its behalf when it was detached.
        let first_owed = in_flight.into_iter().chain(unread).min();
        first_owed.map_or(u64::MAX, |seq| seq - 1)
    }

    /// Makes `ticket` wait until the member has settled everything up to `upto`. The member must
    /// report.
    pub(crate) fn add_flush(&mut self, upto: u64, ticket: &Arc<Ticket>) {
        self.flushes.get_or_insert_default().add(upto, ticket);
    }

    /// Returns whether a flush or a stage waits for the member.
    pub(crate) fn has_flushes(&self) -> bool {
        self.flushes.is_some()
    }

    /// Returns whether `ticket` waits for the member.
    pub(crate) fn is_flushed_by(&self, ticket: &Arc<Ticket>) -> bool {
        (self.flushes.as_ref()).is_some_and(|flushes| flushes.contains(ticket))
    }

    /// Removes the flushes for which the member has settled enough, and passes them to `f`;
    /// `claimed` as in [`settled`](Self::settled).
    pub(crate) fn pop_settled(&mut self, claimed: Option<u64>, f: impl FnMut(Arc<Ticket>)) {
        let settled = self.settled(claimed);
        if let Some(flushes) = &mut self.flushes {
            flushes.pop_settled(settled, f);
            if flushes.is_empty() {
                self.flushes = None;
            }
        }
    }
}
