//! The sequence itself: which events are kept, who has read how far, who is in the way.
//!
//! A plain value. It holds no lock and no waker and never waits: each operation decides, and
//! writes what must be done about it into [`Effects`], which [`channel`](crate::channel) runs
//! after unlocking.
//!
//! The [`Log`] keeps the events; this decides who may add one, what that does to whom, and who is
//! owed an answer.

use std::collections::BTreeSet;
use std::panic::Location;
use std::sync::OnceLock;

use crate::ack::Ticket;
use crate::clock::Instant;
use crate::cursor::{Cursor, Word};
use crate::effects::{Effect, Effects};
use crate::end::DisconnectCause;
use crate::inspect::SubscriberId;
use crate::judging::{Judged, Roll};
use crate::lane::Queued;
use crate::limits::{KEEPER, Limits};
use crate::log::{Log, Spot};
use crate::options::{Overflow, SubscribeOptions};
use crate::place::{Details, Place};
use crate::reading::{After, Rest};
use crate::segment::Segment;
use crate::sync::{Arc, AtomicU64};

mod filtering;
mod flushing;
mod keeper;
mod seeing;
mod stages;
#[cfg(all(feature = "tracing", feature = "rt"))]
mod warning;
mod way;

/// Where an event went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Stored {
    pub(crate) seq: u64,
    /// How many subscribers it was stored for.
    pub(crate) audience: usize,
}

/// What a publisher wants.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Claim {
    /// To store an event.
    Event,
    /// To be promised a place; at most `capacity` places are.
    Permit,
}

/// Whether a publisher may have what it wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Room {
    Free,
    /// All that are in the way have been so for longer than they may.
    Overdue,
    Full,
}

/// # Invariants
/// 1. For every attached member: `tail - position <= capacity`; and `<= window`, if no permit was
///    given before it joined.
/// 2. The log keeps every event that an attached member has not read, and counts each attached
///    member as one reader.
/// 3. Every attached member has exactly one entry in the limits of its kind, at or before
///    `position + window`, unless it is blocking.
/// 4. `blocking` lists the members that know their index in it: they make publishers wait, had
///    no room for one event more than `tail + reserved` when last looked at, and are watched.
/// 5. `reserved <= capacity`.
/// 6. The first `held` of `blocking` are those that have a `since`.
/// 7. `listeners` is one more than `attached` while events are retained, and else the same.
/// 8. Members with a lane are no readers of the log, and not in the limits. Of these, `blocking`
///    lists only those that the head of the line waits for.
/// 9. Those who left take no more room in the limits than those who are there, but for a few.
pub(crate) struct Ring<E> {
    /// Which of the process's managers it belongs to.
    id: u64,
    capacity: u64,
    default_overflow: Overflow,
    closed: bool,
    /// It is closed, or has filters to ask: the quick way is barred.
    barred: bool,
    log: Log<E>,
    members: Vec<Option<Member<E>>>,
    free: Vec<usize>,
    joined: u64,
    /// Those that read the log.
    attached: usize,
    /// For how many an event is stored: those attached, and the keeper of the newest events, if
    /// there is one.
    listeners: usize,
    /// Those that have a lane.
    filtered: usize,
    roll: Roll<E>,
    /// Places promised to permits.
    reserved: u64,
    /// When a member will be in the way of publishers.
    waits: Limits,
    /// When one that makes nobody wait must be dealt with.
    yields: Limits,
    /// First those that a publisher has begun to wait for.
    blocking: Vec<usize>,
    /// How many of the blocking members these are.
    held: usize,
    /// The blocking members before this index, but for those, had read everything up to the event
    /// `looked_at`: nobody waits for what they have not read.
    looked: usize,
    looked_at: u64,
    /// The blocking members that have an `end`.
    ends: BTreeSet<(Instant, usize)>,
    /// Members with a lane that publishers have waited for, and that are not in the way of the one
    /// that is first now: their time goes on until they take something or have room.
    aside: BTreeSet<usize>,
    /// The manager's name.
    #[cfg(feature = "tracing")]
    pub(crate) name: Option<Arc<str>>,
    #[cfg(all(feature = "tracing", feature = "rt"))]
    warn_after: Option<std::time::Duration>,
    /// The blocking members that have a `since`, and of which nobody has been warned, with the
    /// moment for that.
    #[cfg(all(feature = "tracing", feature = "rt"))]
    warnings: BTreeSet<(Instant, usize)>,
}

use flushing::Flushes;

struct Member<E> {
    place: Arc<Place>,
    /// Its own queue, if it does not read the log.
    lane: Option<Arc<dyn Queued>>,
    /// Where it reads the log, unless it has a lane.
    spot: Spot,
    /// Where it is in `blocking`.
    blocking: Option<usize>,
    /// Since when a publisher has waited for what it has not read.
    since: Option<Instant>,
    /// Somebody was warned of that.
    #[cfg(all(feature = "tracing", feature = "rt"))]
    warned: bool,
    /// Those that wait until it has settled all up to an event. Mostly nobody does.
    flushes: Option<Box<Flushes>>,
    /// Set when it is disconnected, taken when its stream has noticed.
    rest: Option<Box<Rest<E>>>,
    /// Where its cursor was moved to, past what it lost while it had an event in hand.
    moved_to: u64,
    /// From that event; `u32::MAX` means that or more.
    moved_by: u32,
    attached: bool,
    /// Its stream is gone; it stays for the deliveries that are out.
    gone: bool,
}

impl<E> Member<E> {
    fn new(place: &Arc<Place>, lane: Option<Arc<dyn Queued>>, spot: Spot) -> Self {
        Self {
            place: Arc::clone(place),
            lane,
            spot,
            blocking: None,
            since: None,
            #[cfg(all(feature = "tracing", feature = "rt"))]
            warned: false,
            flushes: None,
            rest: None,
            moved_to: 0,
            moved_by: 0,
            attached: true,
            gone: false,
        }
    }
}

impl<E> Member<E> {
    /// It has an event in hand, and has lost the one after `position`.
    fn move_past(&mut self, position: u64) {
        if self.moved_to != position {
            // It has taken one since, and that is in hand.
            self.moved_by = 0;
        }
        self.moved_to = position + 1;
        self.moved_by = self.moved_by.saturating_add(1);
    }

    /// The event in hand, with the cursor at `position`; or an earlier one.
    fn in_hand(&self, position: u64) -> u64 {
        match self.moved_by {
            _ if self.moved_to != position => position,
            u32::MAX => 1,
            events => position - u64::from(events),
        }
    }
}

impl<E> Ring<E> {
    /// `retain`: how many of the newest events are kept for those who come late.
    pub(crate) fn new(capacity: usize, default_overflow: Overflow, retain: usize) -> Self {
        // Not a step that a model need see.
        static RINGS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let id = RINGS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let retain = (retain as u64).min(MAX_CAPACITY);
        let mut ring = Self {
            id,
            default_overflow,
            capacity: (capacity as u64).min(MAX_CAPACITY),
            closed: false,
            barred: false,
            log: Log::new(retain),
            members: Vec::new(),
            free: Vec::new(),
            joined: 0,
            attached: 0,
            listeners: usize::from(retain > 0),
            filtered: 0,
            roll: Roll::new(),
            reserved: 0,
            waits: Limits::new(id),
            yields: Limits::new(id),
            blocking: Vec::new(),
            held: 0,
            looked: 0,
            looked_at: 0,
            ends: BTreeSet::new(),
            aside: BTreeSet::new(),
            #[cfg(feature = "tracing")]
            name: None,
            #[cfg(all(feature = "tracing", feature = "rt"))]
            warn_after: None,
            #[cfg(all(feature = "tracing", feature = "rt"))]
            warnings: BTreeSet::new(),
        };
        if retain > 0 {
            ring.let_go(&mut Effects::new());
        }
        ring
    }

    /// No more events will come: it is closed, and no permit is out.
    pub(crate) fn is_complete(&self) -> bool {
        self.closed && (self.reserved == 0 || planted!("ended-over-permits"))
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(crate) fn close(&mut self, effects: &mut Effects<E>) {
        self.closed = true;
        self.barred = true;
        self.listeners = self.attached;
        // Nobody can come any more.
        self.log.retain_nothing(effects);
        self.assert_invariants();
    }

    /// Which of the process's managers it belongs to.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// The number of the newest event.
    pub(crate) fn tail(&self) -> u64 {
        self.log.tail()
    }

    /// How many places are promised.
    pub(crate) fn reserved(&self) -> usize {
        usize::try_from(self.reserved).expect("at most the capacity, which is a usize")
    }

    /// Whether the next event would be stored for `id`, too.
    pub(crate) fn counts(&self, id: SubscriberId) -> bool {
        self.current(id).is_some()
    }

    /// How many subscribers count: the next event is for all that want it.
    pub(crate) fn attached(&self) -> usize {
        self.attached + self.filtered
    }

    /// How many of these read the log.
    pub(crate) fn readers(&self) -> usize {
        self.attached
    }

    // ---- Joining, leaving -------------------------------------------------------------------

    /// A new subscriber that sees every event after the newest one, and the retained ones before
    /// that it wants to.
    pub(crate) fn join(
        &mut self,
        options: SubscribeOptions,
        created_at: &'static Location<'static>,
    ) -> (Arc<Place>, Option<Box<Rest<E>>>) {
        let replayed = self.replay(options.replay);
        let place = self.new_place(options, created_at);
        let key = place.id.key;
        self.members[key] = Some(Member::new(&place, None, self.log.join()));
        self.attached += 1;
        self.listeners += 1;
        self.push_limit(key);
        if place.stage().is_some() {
            place.cursor.watch();
        }
        self.assert_invariants();
        (place, replayed)
    }

    fn new_place(
        &mut self,
        options: SubscribeOptions,
        created_at: &'static Location<'static>,
    ) -> Arc<Place> {
        let key = self.free.pop().unwrap_or_else(|| {
            self.members.push(None);
            self.members.len() - 1
        });
        self.joined += 1;
        let capacity = usize::try_from(self.capacity).expect("it was given as a usize");
        Arc::new(Place {
            id: SubscriberId {
                manager: self.id,
                number: self.joined,
                key,
            },
            details: Details::of(options.name, options.after),
            #[cfg(feature = "tracing")]
            manager: self.name.clone(),
            kind: options.kind,
            created_at,
            overflow: options.overflow.unwrap_or(self.default_overflow),
            window: options.window.unwrap_or(capacity).min(capacity),
            max_unacked: options.max_unacked.unwrap_or(capacity.max(1024)),
            cursor: Cursor::new(self.log.tail()),
            awaited: AtomicU64::new(0),
            missed: AtomicU64::new(0),
            held: OnceLock::new(),
        })
    }

    /// The subscriber is gone, and has answered for the event in hand, but not for deliveries.
    /// True if it counted until now.
    pub(crate) fn leave(&mut self, key: usize, effects: &mut Effects<E>) -> bool {
        let counted = self.member(key).attached;
        self.detach(key, effects);
        let member = self.member_mut(key);
        member.gone = true;
        let rest = member.rest.take();
        effects.extend(
            rest.into_iter()
                .flat_map(|rest| rest.segments)
                .map(Effect::Segment),
        );
        self.settle_rest(key, effects);
        self.assert_invariants();
        counted
    }

    /// The subscriber no longer counts, but its stream goes on with what it had not read.
    /// Answers whether `id` was a subscriber that counted.
    pub(crate) fn disconnect(
        &mut self,
        id: SubscriberId,
        cause: DisconnectCause,
        effects: &mut Effects<E>,
    ) -> bool {
        let Some(member) = self.find(id).filter(|member| member.attached) else {
            return false;
        };
        if member.lane.is_some() {
            self.cut_lane(id.key, cause, effects);
            self.settle(id.key, None, effects);
            self.assert_invariants();
            return true;
        }
        let spot = member.spot;
        let mut rest = Box::new(Rest {
            segments: self.log.segments_from(spot),
            next: 0,
            end: self.log.tail(),
            after: After::End(cause),
        });
        // The position is final only now: what is claimed until here was received.
        let word = self.detach(id.key, effects);
        rest.next = word.position() + 1;
        let member = self.member_mut(id.key);
        member.rest = Some(rest);
        self.settle(id.key, None, effects);
        self.assert_invariants();
        true
    }

    /// Takes the member out of all that counts it. Its unread events are dropped; for those in
    /// hand it is watched from now on.
    fn detach(&mut self, key: usize, effects: &mut Effects<E>) -> Word {
        let member = self.member_mut(key);
        member.place.cursor.watch();
        if member.lane.is_some() {
            self.cut_lane(key, DisconnectCause::Requested, effects);
            return self.member(key).place.cursor.load();
        }
        let word = member.place.cursor.detach();
        if let Some(stage) = member.place.stage() {
            effects.wake(stage.stop_waiting());
        }
        if !std::mem::replace(&mut member.attached, false) {
            return word;
        }
        let (id, spot) = (member.place.id, member.spot);
        // Before their segments go, and the tickets with them.
        for ticket in self.log.awaited_after(word.position()) {
            if !planted!("unread-unanswered") {
                effects.push(Effect::Dropped(Arc::clone(ticket), id));
            }
        }
        self.log.leave(spot, effects);
        self.attached -= 1;
        self.listeners -= 1;
        self.unblock(key);
        self.forget_stale_limits();
        word
    }

    // ---- Publishing -------------------------------------------------------------------------

    /// As [`unheard`](Self::unheard), unless it is closed, or there are filters.
    #[inline]
    pub(crate) fn pass(&mut self) -> Option<Stored> {
        if self.barred { None } else { self.unheard() }
    }

    /// If nobody is there to hear it, nor may come late, an event only takes its number.
    #[inline]
    fn unheard(&mut self) -> Option<Stored> {
        (self.listeners == 0).then(|| Stored {
            seq: self.log.pass(),
            audience: 0,
        })
    }

    /// Whether an event can be stored for those that are there without looking at any of them.
    #[inline]
    pub(crate) fn is_quiet(&self) -> bool {
        let tail = self.log.tail();
        !self.barred
            && self.blocking.is_empty()
            && !self.waits.is_due(tail + self.reserved)
            && !self.yields.is_due(tail)
    }

    /// Stores the event; somebody hears it or may come late, and nobody is in the way.
    #[inline]
    pub(crate) fn put(&mut self, event: E, ticket: Option<&Arc<Ticket>>) -> Stored {
        let audience = self.attached;
        if let Some(ticket) = ticket {
            ticket.expect(audience);
        }
        let seq = self.log.append(event, ticket);
        self.assert_invariants();
        Stored { seq, audience }
    }

    /// Stores the event; there must be room. Gives it back if nobody is left to read it here, nor
    /// may come late.
    pub(crate) fn store(
        &mut self,
        event: E,
        ticket: Option<&Arc<Ticket>>,
        judged: &mut Judged,
        effects: &mut Effects<E>,
    ) -> (Stored, Option<E>) {
        self.clear_the_way(effects);
        self.append(event, ticket, judged, effects)
    }

    /// Promises a place; there must be room.
    pub(crate) fn reserve(&mut self, effects: &mut Effects<E>) {
        self.clear_the_way(effects);
        self.reserved += 1;
        self.assert_invariants();
    }

    /// Stores the event in a promised place.
    pub(crate) fn store_reserved(
        &mut self,
        event: E,
        ticket: Option<&Arc<Ticket>>,
        judged: &mut Judged,
        effects: &mut Effects<E>,
    ) -> (Stored, Option<E>) {
        self.reserved -= 1;
        let stored = self.append(event, ticket, judged, effects);
        // Who did not want it has one place more.
        self.free_lanes();
        stored
    }

    fn append(
        &mut self,
        event: E,
        ticket: Option<&Arc<Ticket>>,
        judged: &mut Judged,
        effects: &mut Effects<E>,
    ) -> (Stored, Option<E>) {
        self.make_way(effects);
        if let Some(answers) = judged.answers() {
            return self.append_wanted(event, ticket, answers, effects);
        }
        match self.unheard() {
            Some(stored) => (stored, Some(event)),
            None => (self.put(event, ticket), None),
        }
    }

    /// The policies of those that make nobody wait, where the next event would be too much.
    fn make_way(&mut self, effects: &mut Effects<E>) {
        let tail = self.log.tail();
        while let Some(id) = self.yields.pop_due(tail) {
            let Some(member) = self.current(id) else {
                if id.number == KEEPER {
                    self.let_go(effects);
                }
                continue;
            };
            let place = Arc::clone(&member.place);
            let position = place.cursor.load().position();
            if position + (place.window as u64) <= tail {
                if place.overflow == Overflow::Disconnect {
                    self.disconnect(id, DisconnectCause::Overflow, effects);
                    #[cfg(feature = "tracing")]
                    self.tell_left(id, "disconnected: its window was full", effects);
                    continue;
                }
                self.overwrite(&place, position, effects);
            }
            self.push_limit(id.key);
        }
    }

    /// Drops the event after `position` for one subscriber, unless it has just taken it.
    fn overwrite(&mut self, place: &Arc<Place>, position: u64, effects: &mut Effects<E>) {
        let Ok(word) = place.cursor.overwrite(position) else {
            return;
        };
        place.count_missed();
        #[cfg(feature = "tracing")]
        effects.extend(crate::trace::News::lost(place, word.position()).map(Effect::Tell));
        let key = place.id.key;
        if let Some(ticket) = self.log.awaited(word.position()) {
            effects.push(Effect::Dropped(Arc::clone(ticket), place.id));
        }
        if word.is_finished() {
            self.settle(key, None, effects);
        } else {
            self.member_mut(key).move_past(position);
        }
        self.advance(key, word.position(), effects);
    }

    // ---- Reading ----------------------------------------------------------------------------

    /// The events after `position`, where the subscriber is, as far as its next segment goes.
    #[inline]
    pub(crate) fn take(
        &mut self,
        key: usize,
        position: u64,
        effects: &mut Effects<E>,
    ) -> Option<&Segment<E>> {
        self.assert_invariants();
        let member = self.members[key].as_mut().expect(MEMBER);
        self.log.advance(&mut member.spot, position, effects);
        if position == self.log.tail() {
            return None;
        }
        Some(self.log.batch(member.spot))
    }

    /// What a disconnected subscriber had not read; once.
    pub(crate) fn take_rest(&mut self, key: usize) -> Option<Box<Rest<E>>> {
        self.member_mut(key).rest.take()
    }

    /// A watched subscriber has claimed (`in_hand`: that event) or finished (`None`).
    ///
    /// True if it was in the way of publishers, and has taken an event.
    pub(crate) fn report(
        &mut self,
        key: usize,
        in_hand: Option<u64>,
        effects: &mut Effects<E>,
    ) -> bool {
        let was_blocking = self.member(key).blocking.is_some();
        // Finishing makes no room, and gives it no more time.
        let took = was_blocking && (in_hand.is_some() || planted!("ack-restarts-patience"));
        if took {
            self.unblock(key);
            self.push_limit(key);
        }
        self.settle(key, in_hand, effects);
        self.unwatch_if_idle(key);
        self.assert_invariants();
        took
    }

    /// Asks for no more reports if nobody waits for what the member does.
    fn unwatch_if_idle(&self, key: usize) {
        let member = self.member(key);
        let is_idle = member.blocking.is_none() && member.since.is_none();
        let is_stage = member.place.stage().is_some();
        if member.attached && is_idle && member.flushes.is_none() && !is_stage {
            member.place.cursor.unwatch();
        }
    }

    /// Every attached subscriber has read everything and waits: nothing need be kept but what is
    /// retained.
    pub(crate) fn release(&mut self, effects: &mut Effects<E>) {
        self.log.release(self.attached, effects);
        self.assert_invariants();
    }

    /// Counts the member as a reader of what comes after `position`.
    fn advance(&mut self, key: usize, position: u64, effects: &mut Effects<E>) {
        let member = self.members[key].as_mut().expect(MEMBER);
        self.log.advance(&mut member.spot, position, effects);
    }

    // ---- Members -------------------------------------------------------------------------------

    fn member(&self, key: usize) -> &Member<E> {
        self.members[key].as_ref().expect(MEMBER)
    }

    fn member_mut(&mut self, key: usize) -> &mut Member<E> {
        self.members[key].as_mut().expect(MEMBER)
    }

    fn find(&self, id: SubscriberId) -> Option<&Member<E>> {
        let member = self.members.get(id.key)?.as_ref();
        member.filter(|member| member.place.id == id)
    }

    /// The member that a limit is about, if it still is.
    fn current(&self, id: SubscriberId) -> Option<&Member<E>> {
        self.find(id).filter(|member| member.attached)
    }

    #[inline]
    fn assert_invariants(&self) {
        if cfg!(debug_assertions) {
            self.check_invariants();
        }
    }

    fn check_invariants(&self) {
        // Each step looks at every subscriber: not with thousands of them.
        if self.members.len() > 64 {
            return;
        }
        self.log.check(self.attached);
        let attached = || self.members.iter().flatten().filter(|m| m.attached);
        let readers = || attached().filter(|m| m.lane.is_none());
        assert_eq!(readers().count(), self.attached, "invariant 2");
        assert_eq!(attached().count(), self.attached(), "invariant 6");
        for member in readers() {
            let position = member.place.cursor.load().position();
            let window = member.place.window as u64;
            assert!(position <= self.log.tail(), "invariant 1");
            assert!(self.log.tail() - position <= self.capacity, "invariant 1");
            assert!(window <= self.capacity, "invariant 1");
            assert!(self.log.first() <= position + 1, "invariant 2");
            let id = member.place.id;
            let entries = self.waits.count(id) + self.yields.count(id);
            let blocking = usize::from(member.blocking.is_some());
            assert_eq!(entries + blocking, 1, "invariant 3");
        }
        for (index, &key) in self.blocking.iter().enumerate() {
            let member = self.member(key);
            assert_eq!(member.blocking, Some(index), "invariant 4");
            assert_eq!(member.since.is_some(), index < self.held, "invariant 6");
        }
        let blocking = attached().filter(|member| member.blocking.is_some());
        assert_eq!(blocking.count(), self.blocking.len(), "invariant 4");
        assert!(self.reserved <= self.capacity, "invariant 5");
        let keeper = usize::from(self.log.retains());
        assert_eq!(self.listeners, self.attached + keeper, "invariant 7");
        let limits = self.waits.len() + self.yields.len();
        assert!(limits <= 2 * self.attached + 16 + keeper, "invariant 9");
    }
}

/// More than fits into any memory, and little enough to be added to any position.
const MAX_CAPACITY: u64 = 1 << 60;

const MEMBER: &str = "a subscription stays a member until it leaves";
