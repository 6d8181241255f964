//! The sequence itself: which events are kept, who has read how far, who is in the way.
//!
//! A plain value. It holds no lock and no waker and never waits: each operation decides, and
//! writes what must be done about it into [`Effects`], which [`channel`](crate::channel) runs
//! after unlocking.
//!
//! The [`Log`] keeps the events; this decides who may add one, what that does to whom, and who is
//! owed an answer.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::panic::Location;
use std::sync::Weak;

use crate::ack::Ticket;
use crate::cursor::Word;
use crate::effects::Effects;
use crate::end::DisconnectCause;
use crate::inspect::{SubscriberId, SubscriberInfo};
use crate::log::{Batch, Log, Spot};
use crate::options::{Overflow, SubscribeOptions};
use crate::place::Place;
use crate::segment::Segment;
use crate::sync::Arc;

/// What a disconnected subscriber had not read; it owes nothing for these.
pub(crate) struct Rest<E> {
    pub(crate) segments: VecDeque<Arc<Segment<E>>>,
    /// The number of the next event to yield.
    pub(crate) next: u64,
    /// The number of the last one.
    pub(crate) end: u64,
    pub(crate) cause: DisconnectCause,
}

impl<E> Rest<E> {
    pub(crate) fn len(&self) -> usize {
        usize::try_from(self.end + 1 - self.next).expect("at most a window, which is a usize")
    }
}

/// Where an event went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Stored {
    pub(crate) seq: u64,
    /// How many subscribers it was stored for.
    pub(crate) audience: usize,
}

/// # Invariants
/// 1. For every attached member: `tail - position <= window <= capacity`.
/// 2. The log keeps every event that an attached member has not read, and counts each attached
///    member as one reader.
/// 3. Every attached member has exactly one entry in the limits of its kind, at or before
///    `position + window`, unless it is blocking.
/// 4. `blocking` counts the members with `blocking` set: they wait (policy), were at their limit
///    when last looked at, and are watched.
pub(crate) struct Ring<E> {
    capacity: u64,
    closed: bool,
    log: Log<E>,
    members: Vec<Option<Member<E>>>,
    free: Vec<usize>,
    joined: u64,
    attached: usize,
    /// When a member will be in the way of publishers ([`Overflow::Wait`]).
    waits: Limits,
    /// When one that makes nobody wait must be dealt with.
    yields: Limits,
    blocking: usize,
}

struct Member<E> {
    place: Arc<Place>,
    spot: Spot,
    blocking: bool,
    /// Flushes that wait for it, each up to an event; in order.
    flushes: VecDeque<(u64, Weak<Ticket>)>,
    /// Set when it is disconnected, taken when its stream has noticed.
    rest: Option<Rest<E>>,
    attached: bool,
}

type Limits = BinaryHeap<Reverse<Limit>>;

/// With `at` events in the sequence, a member has no room for another one, or had none when it
/// was last looked at: it may have read on since.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Limit {
    at: u64,
    id: SubscriberId,
}

impl<E> Ring<E> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            capacity: (capacity as u64).min(MAX_CAPACITY),
            closed: false,
            log: Log::new(),
            members: Vec::new(),
            free: Vec::new(),
            joined: 0,
            attached: 0,
            waits: Limits::new(),
            yields: Limits::new(),
            blocking: 0,
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(crate) fn close(&mut self) {
        self.closed = true;
    }

    /// How many subscribers the next event would be stored for.
    pub(crate) fn attached(&self) -> usize {
        self.attached
    }

    // ---- Joining, leaving -------------------------------------------------------------------

    /// A new subscriber that sees every event after the newest one.
    pub(crate) fn join(
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
        let place = Place::new(
            SubscriberId {
                number: self.joined,
                key,
            },
            options.name,
            created_at,
            options.overflow,
            options.window.unwrap_or(capacity).min(capacity),
            self.log.tail(),
        );
        self.members[key] = Some(Member {
            place: Arc::clone(&place),
            spot: self.log.join(),
            blocking: false,
            flushes: VecDeque::new(),
            rest: None,
            attached: true,
        });
        self.attached += 1;
        self.push_limit(key);
        self.assert_invariants();
        place
    }

    /// The subscriber is gone, and has answered for the event in hand.
    pub(crate) fn leave(&mut self, key: usize, effects: &mut Effects<E>) {
        self.detach(key, effects);
        let member = self.members[key].take().expect("a member leaves once");
        self.free.push(key);
        Self::settle_flushes(member.flushes, effects);
        if let Some(rest) = member.rest {
            effects.segments.extend(rest.segments);
        }
        self.assert_invariants();
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
        let mut rest = Rest {
            segments: self.log.segments_from(member.spot),
            next: 0,
            end: self.log.tail(),
            cause,
        };
        // The position is final only now: what is claimed until here was received.
        let word = self.detach(id.key, effects);
        rest.next = word.position() + 1;
        let member = self.member_mut(id.key);
        member.rest = Some(rest);
        if word.is_finished() || planted!("disconnected-hand") {
            let flushes = std::mem::take(&mut member.flushes);
            Self::settle_flushes(flushes, effects);
        } else {
            // It still owes the event in hand, and says so when it is done.
            member.place.cursor.watch();
        }
        self.assert_invariants();
        true
    }

    /// Takes the member out of all that counts it. Its unread events are dropped.
    fn detach(&mut self, key: usize, effects: &mut Effects<E>) -> Word {
        let member = self.member_mut(key);
        let word = member.place.cursor.detach();
        if !std::mem::replace(&mut member.attached, false) {
            return word;
        }
        let was_blocking = std::mem::replace(&mut member.blocking, false);
        let (id, spot) = (member.place.id, member.spot);
        // Before their segments go, and the tickets with them.
        for ticket in self.log.awaited_after(word.position()) {
            if !planted!("unread-unanswered") {
                effects.dropped.push((Arc::clone(ticket), id));
            }
        }
        self.log.leave(spot, effects);
        self.attached -= 1;
        self.blocking -= usize::from(was_blocking);
        self.forget_stale_limits();
        word
    }

    // ---- Publishing -------------------------------------------------------------------------

    /// Whether every waiting subscriber has room for one more event. If not, those that have
    /// none are watched from now on, and report when they read on.
    pub(crate) fn has_room(&mut self) -> bool {
        while let Some(&Reverse(limit)) = self.waits.peek() {
            if limit.at > self.log.tail() {
                break;
            }
            self.waits.pop();
            let tail = self.log.tail();
            let Some(member) = self.current(limit) else {
                continue;
            };
            let window = member.place.window as u64;
            if member.place.cursor.load().position() + window <= tail
                && member.place.cursor.watch().position() + window <= tail
            {
                member.blocking = true;
                self.blocking += 1;
            } else {
                self.push_limit(limit.id.key);
            }
        }
        self.blocking == 0
    }

    /// Stores the event; there must be room. Gives it back if nobody is left to hear it.
    pub(crate) fn store(
        &mut self,
        event: E,
        ticket: Option<&Arc<Ticket>>,
        effects: &mut Effects<E>,
    ) -> (Stored, Option<E>) {
        debug_assert!(self.blocking == 0, "an event is stored when there is room");
        self.make_way(effects);
        let audience = self.attached;
        if audience == 0 {
            let seq = self.log.pass();
            return (Stored { seq, audience }, Some(event));
        }
        if let Some(ticket) = ticket {
            ticket.expect(audience);
        }
        let seq = self.log.append(event, ticket.cloned());
        self.assert_invariants();
        (Stored { seq, audience }, None)
    }

    /// The policies of those that make nobody wait, where the next event would be too much.
    fn make_way(&mut self, effects: &mut Effects<E>) {
        while let Some(&Reverse(limit)) = self.yields.peek() {
            if limit.at > self.log.tail() {
                break;
            }
            self.yields.pop();
            let tail = self.log.tail();
            let Some(member) = self.current(limit) else {
                continue;
            };
            let place = Arc::clone(&member.place);
            let position = place.cursor.load().position();
            if position + (place.window as u64) <= tail {
                match place.overflow {
                    Overflow::Disconnect => {
                        self.disconnect(limit.id, DisconnectCause::Overflow, effects);
                        continue;
                    }
                    Overflow::Wait | Overflow::DropOldest => {
                        self.overwrite(&place, position, effects);
                    }
                }
            }
            self.push_limit(limit.id.key);
        }
    }

    /// Drops the event after `position` for one subscriber, unless it has just taken it.
    fn overwrite(&mut self, place: &Place, position: u64, effects: &mut Effects<E>) {
        let Ok(word) = place.cursor.overwrite(position) else {
            return;
        };
        place.count_missed();
        let key = place.id.key;
        if let Some(ticket) = self.log.awaited(word.position()) {
            effects.dropped.push((Arc::clone(ticket), place.id));
        }
        if word.is_finished() {
            self.settle(key, word.position(), effects);
        }
        self.advance(key, word.position(), effects);
    }

    // ---- Reading ----------------------------------------------------------------------------

    /// The next events of a subscriber, as far as its next segment goes.
    pub(crate) fn take(&mut self, key: usize, effects: &mut Effects<E>) -> Option<Batch<E>> {
        let position = self.member(key).place.cursor.load().position();
        self.advance(key, position, effects);
        self.assert_invariants();
        if position == self.log.tail() {
            return None;
        }
        self.log.batch(self.member(key).spot)
    }

    /// What a disconnected subscriber had not read; once.
    pub(crate) fn take_rest(&mut self, key: usize) -> Option<Rest<E>> {
        self.member_mut(key).rest.take()
    }

    /// A watched subscriber has claimed (`in_hand`: that event) or finished (`None`).
    ///
    /// True if it was the last one in the way of publishers.
    pub(crate) fn report(
        &mut self,
        key: usize,
        in_hand: Option<u64>,
        effects: &mut Effects<E>,
    ) -> bool {
        let member = self.member_mut(key);
        let settled = match in_hand {
            Some(seq) => seq - 1,
            None if member.attached => member.place.cursor.load().position(),
            // All that it had not read was settled when it was disconnected.
            None => u64::MAX,
        };
        let was_blocking = std::mem::replace(&mut member.blocking, false);
        if was_blocking {
            self.blocking -= 1;
            self.push_limit(key);
        }
        self.settle(key, settled, effects);
        let member = self.member(key);
        if member.flushes.is_empty() {
            member.place.cursor.unwatch();
        }
        self.assert_invariants();
        was_blocking && self.blocking == 0
    }

    /// Every attached subscriber has read everything and waits: nothing need be kept.
    pub(crate) fn release(&mut self, effects: &mut Effects<E>) {
        self.log.release(self.attached, effects);
        self.assert_invariants();
    }

    /// Counts the member as a reader of what comes after `position`.
    fn advance(&mut self, key: usize, position: u64, effects: &mut Effects<E>) {
        let member = self.members[key].as_mut().expect(MEMBER);
        self.log.advance(&mut member.spot, position, effects);
    }

    // ---- Flushing ---------------------------------------------------------------------------

    /// `ticket` waits until every event stored so far is settled.
    pub(crate) fn flush(&mut self, ticket: &Arc<Ticket>) {
        let tail = self.log.tail();
        let mut owing = 0;
        for member in self.members.iter_mut().flatten() {
            if planted!("flush-forgets-detached") && !member.attached {
                continue;
            }
            let owes = |word: Word, attached: bool| {
                !word.is_finished() || (attached && word.position() < tail)
            };
            if !owes(member.place.cursor.load(), member.attached) {
                continue;
            }
            if !owes(member.place.cursor.watch(), member.attached) {
                continue;
            }
            owing += 1;
            // Flushes that were given up leave now, before they can pile up.
            if member.flushes.len() == member.flushes.capacity() {
                member.flushes.retain(|(_, flush)| flush.strong_count() > 0);
            }
            member.flushes.push_back((tail, Arc::downgrade(ticket)));
        }
        ticket.expect(owing);
    }

    /// Answers the flushes that wait for the member up to `settled`.
    fn settle(&mut self, key: usize, settled: u64, effects: &mut Effects<E>) {
        let flushes = &mut self.member_mut(key).flushes;
        while flushes.front().is_some_and(|&(upto, _)| upto <= settled) {
            let (_, flush) = flushes.pop_front().expect("there is a front");
            effects.flushed.extend(flush.upgrade());
        }
    }

    fn settle_flushes(flushes: VecDeque<(u64, Weak<Ticket>)>, effects: &mut Effects<E>) {
        let flushes = flushes.into_iter();
        effects
            .flushed
            .extend(flushes.filter_map(|(_, flush)| flush.upgrade()));
    }

    // ---- Seeing -----------------------------------------------------------------------------

    /// How many events the subscriber has yet to read, and whether these are the last.
    pub(crate) fn backlog(&self, place: &Place) -> (usize, bool) {
        match &self.member(place.id.key).rest {
            Some(rest) => (rest.len(), true),
            None => (self.unread(place), self.closed),
        }
    }

    fn unread(&self, place: &Place) -> usize {
        let unread = self.log.tail() - place.cursor.load().position();
        usize::try_from(unread).expect("at most its window, which is a usize")
    }

    /// The subscribers that count, oldest first.
    pub(crate) fn infos(&self) -> Vec<SubscriberInfo> {
        let mut infos: Vec<_> = self
            .members
            .iter()
            .flatten()
            .filter(|member| member.attached)
            .map(|member| SubscriberInfo {
                place: Arc::clone(&member.place),
                pending: self.unread(&member.place),
                unacked: usize::from(!member.place.cursor.load().is_finished()),
            })
            .collect();
        infos.sort_unstable_by_key(SubscriberInfo::id);
        infos
    }

    // ---- Members, segments, limits ----------------------------------------------------------

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
    fn current(&mut self, limit: Limit) -> Option<&mut Member<E>> {
        let member = self.members[limit.id.key].as_mut();
        member.filter(|member| member.place.id == limit.id && member.attached)
    }

    /// Notes when the member will be at its limit, if it reads nothing until then.
    fn push_limit(&mut self, key: usize) {
        let place = &self.member(key).place;
        let limit = Reverse(Limit {
            at: place.cursor.load().position() + place.window as u64,
            id: place.id,
        });
        match place.overflow {
            Overflow::Wait => self.waits.push(limit),
            Overflow::DropOldest | Overflow::Disconnect => self.yields.push(limit),
        }
    }

    /// Those who left stay in the limits until they outnumber the others.
    fn forget_stale_limits(&mut self) {
        if self.waits.len() + self.yields.len() > 2 * self.attached + 16 {
            let members = &self.members;
            let is_current = |limit: &Reverse<Limit>| {
                let member = members[limit.0.id.key].as_ref();
                member.is_some_and(|member| member.place.id == limit.0.id && member.attached)
            };
            self.waits.retain(is_current);
            self.yields.retain(is_current);
        }
    }

    fn assert_invariants(&self) {
        if !cfg!(debug_assertions) {
            return;
        }
        // Each step looks at every subscriber: not with thousands of them.
        if self.members.len() > 64 {
            return;
        }
        self.log.check(self.attached);
        let attached = || self.members.iter().flatten().filter(|m| m.attached);
        assert_eq!(attached().count(), self.attached, "invariant 2");
        for member in attached() {
            let position = member.place.cursor.load().position();
            let window = member.place.window as u64;
            assert!(position <= self.log.tail(), "invariant 1");
            assert!(self.log.tail() - position <= window, "invariant 1");
            assert!(window <= self.capacity, "invariant 1");
            assert!(self.log.first() <= position + 1, "invariant 2");
            let limits = self.waits.iter().chain(&self.yields);
            let mut entries = limits.filter(|limit| limit.0.id == member.place.id);
            assert_eq!(entries.next().is_none(), member.blocking, "invariant 3");
            assert!(entries.next().is_none(), "invariant 3");
        }
        let blocking = attached().filter(|member| member.blocking).count();
        assert_eq!(blocking, self.blocking, "invariant 4");
    }
}

/// More than fits into any memory, and little enough to be added to any position.
const MAX_CAPACITY: u64 = 1 << 60;

const MEMBER: &str = "a subscription stays a member until it leaves";
