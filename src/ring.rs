//! The sequence itself: which events are kept, who has read how far, who is in the way.
//!
//! A plain value. It holds no lock and no waker and never waits: each operation decides, and
//! writes what must be done about it into [`Effects`], which [`channel`](crate::channel) runs
//! after unlocking.
//!
//! ```text
//!              oldest                                   newest
//!  segments   ┌──┬──┐ ┌──┬──┬──┬──┐ ┌──┬──┬──┬──┬──┬──┬──┬──┐
//!             │ 5│ 6│ │ 7│ 8│ 9│10│ │11│12│13│  │  │  │  │  │   beyond
//!             └──┴──┘ └──┴──┴──┴──┘ └──┴──┴──┴──┴──┴──┴──┴──┘
//!  readers       1         0                  2                   0
//!                  ▲                           ▲
//!   slow: position 5, unread 8                 │ tail = 13
//!                                fast: position 13, unread 0
//! ```
//!
//! Events are kept once for all subscribers, in segments that double in size from one slot to
//! [`MAX_SLOTS`] while a backlog lasts. A subscriber is counted as a reader of the segment in
//! which its next event is; segments without readers leave at the front. When every subscriber
//! waits for more, all segments go: nothing that everybody has read stays in memory.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::panic::Location;
use std::sync::Weak;

use crate::ack::Ticket;
use crate::cursor::Word;
use crate::effects::Effects;
use crate::end::DisconnectCause;
use crate::inspect::{SubscriberId, SubscriberInfo};
use crate::options::{Overflow, SubscribeOptions};
use crate::place::Place;
use crate::segment::{MAX_SLOTS, Segment, Slot};
use crate::sync::Arc;

/// Part of a segment for one reader: the events up to `end` have been stored.
pub(crate) struct Batch<E> {
    pub(crate) segment: Arc<Segment<E>>,
    /// The number of the last event that may be read.
    pub(crate) end: u64,
}

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
/// 2. The segments, if any, hold consecutive events up to `tail`, and every event that an
///    attached member has not read.
/// 3. The sum of all `readers` and `beyond` is the number of attached members; the first
///    segment has readers.
/// 4. Every attached member has exactly one entry in `limits` of its kind, at or before
///    `position + window`, unless it is blocking.
/// 5. `blocking` counts the members with `blocking` set: they wait (policy), are at their limit
///    as of the last look, and are watched.
/// 6. `tickets` holds the awaited events that are still in segments, in order.
pub(crate) struct Ring<E> {
    capacity: u64,
    /// The number of the newest event; 0 before the first.
    tail: u64,
    closed: bool,
    segments: VecDeque<Link<E>>,
    /// The index that `segments[0]` has among all segments there ever were.
    first_link: u64,
    /// Members that have read every segment to its last slot.
    beyond: usize,
    members: Vec<Option<Member<E>>>,
    free: Vec<usize>,
    joined: u64,
    attached: usize,
    /// When a member will be in the way of publishers ([`Overflow::Wait`]).
    waits: Limits,
    /// When one that makes nobody wait must be dealt with.
    yields: Limits,
    blocking: usize,
    tickets: VecDeque<(u64, Arc<Ticket>)>,
}

/// One segment, and how it is used.
struct Link<E> {
    segment: Arc<Segment<E>>,
    readers: usize,
}

struct Member<E> {
    place: Arc<Place>,
    /// The segment it reads, counted from the first there ever was; if that is gone, the first
    /// there is.
    link: u64,
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
            tail: 0,
            closed: false,
            segments: VecDeque::new(),
            first_link: 0,
            beyond: 0,
            members: Vec::new(),
            free: Vec::new(),
            joined: 0,
            attached: 0,
            waits: Limits::new(),
            yields: Limits::new(),
            blocking: 0,
            tickets: VecDeque::new(),
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
            self.tail,
        );
        // The last segment, if it has a slot left for the next event.
        let mut link = self.first_link + self.segments.len() as u64;
        match self.segments.back_mut() {
            Some(last) if last.segment.last() > self.tail => {
                last.readers += 1;
                link -= 1;
            }
            _ => self.beyond += 1,
        }
        self.members[key] = Some(Member {
            place: Arc::clone(&place),
            link,
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
        let position = member.place.cursor.load().position();
        let start = self.link_of(id.key).saturating_sub(self.first_link);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "below the number of segments"
        )]
        let unread = self.segments.iter().skip(start as usize);
        let mut rest = Rest {
            segments: unread.map(|link| Arc::clone(&link.segment)).collect(),
            next: position + 1,
            end: self.tail,
            cause,
        };
        // The position is final only now: what is claimed until here was received.
        let word = self.detach(id.key, effects);
        rest.next = word.position() + 1;
        let member = self.member_mut(id.key);
        member.rest = Some(rest);
        if word.is_finished() {
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
        let at = self.link_of(key);
        let member = self.member_mut(key);
        let word = member.place.cursor.detach();
        if !std::mem::replace(&mut member.attached, false) {
            return word;
        }
        let place = Arc::clone(&member.place);
        let was_blocking = std::mem::replace(&mut member.blocking, false);
        self.attached -= 1;
        self.blocking -= usize::from(was_blocking);
        // Before their segments go, and the tickets with them.
        let unread = self
            .tickets
            .partition_point(|&(seq, _)| seq <= word.position());
        for (_, ticket) in self.tickets.range(unread..) {
            effects.dropped.push((Arc::clone(ticket), place.id));
        }
        *self.readers_mut(at) -= 1;
        self.trim(effects);
        self.forget_stale_limits();
        word
    }

    // ---- Publishing -------------------------------------------------------------------------

    /// Whether every waiting subscriber has room for one more event. If not, those that have
    /// none are watched from now on, and report when they read on.
    pub(crate) fn has_room(&mut self) -> bool {
        while let Some(&Reverse(limit)) = self.waits.peek() {
            if limit.at > self.tail {
                break;
            }
            self.waits.pop();
            let tail = self.tail;
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
        self.tail += 1;
        let stored = Stored {
            seq: self.tail,
            audience: self.attached,
        };
        if self.attached == 0 {
            return (stored, Some(event));
        }
        if let Some(ticket) = ticket {
            ticket.expect(self.attached);
            self.tickets.push_back((self.tail, Arc::clone(ticket)));
        }
        let ticket = ticket.cloned();
        self.last_segment().fill(stored.seq, Slot { event, ticket });
        self.assert_invariants();
        (stored, None)
    }

    /// The policies of those that make nobody wait, where the next event would be too much.
    fn make_way(&mut self, effects: &mut Effects<E>) {
        while let Some(&Reverse(limit)) = self.yields.peek() {
            if limit.at > self.tail {
                break;
            }
            self.yields.pop();
            let tail = self.tail;
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
        if let Ok(index) = self
            .tickets
            .binary_search_by_key(&word.position(), |&(seq, _)| seq)
        {
            let ticket = Arc::clone(&self.tickets[index].1);
            effects.dropped.push((ticket, place.id));
        }
        if word.is_finished() {
            self.settle(key, word.position(), effects);
        }
        self.advance(key, word.position(), effects);
    }

    /// The segment that has the slot for the event at `tail`.
    fn last_segment(&mut self) -> &Segment<E> {
        let slots = match self.segments.back() {
            Some(last) if last.segment.last() >= self.tail => None,
            Some(last) => Some((last.segment.slots() * 2).min(MAX_SLOTS)),
            None => Some(1),
        };
        if let Some(slots) = slots {
            self.segments.push_back(Link {
                segment: Segment::new(self.tail, slots),
                readers: std::mem::take(&mut self.beyond),
            });
        }
        let last = self.segments.back().expect("one was just made sure of");
        &last.segment
    }

    // ---- Reading ----------------------------------------------------------------------------

    /// The next events of a subscriber, as far as its next segment goes.
    pub(crate) fn take(&mut self, key: usize, effects: &mut Effects<E>) -> Option<Batch<E>> {
        let position = self.member(key).place.cursor.load().position();
        self.advance(key, position, effects);
        self.assert_invariants();
        if position == self.tail {
            return None;
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "below the number of segments"
        )]
        let index = (self.link_of(key) - self.first_link) as usize;
        let segment = &self.segments[index].segment;
        Some(Batch {
            segment: Arc::clone(segment),
            end: segment.last().min(self.tail),
        })
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
        self.beyond = self.attached;
        self.first_link += self.segments.len() as u64;
        let old = std::mem::take(&mut self.segments);
        effects
            .segments
            .extend(old.into_iter().map(|link| link.segment));
        self.tickets.clear();
        self.assert_invariants();
    }

    /// Counts the member as a reader of the segment that holds what comes after `position`.
    fn advance(&mut self, key: usize, position: u64, effects: &mut Effects<E>) {
        let from = self.link_of(key);
        let mut to = from;
        while self
            .link(to)
            .is_some_and(|link| link.segment.last() <= position)
        {
            to += 1;
        }
        if from != to {
            *self.readers_mut(from) -= 1;
            *self.readers_mut(to) += 1;
            self.member_mut(key).link = to;
            self.trim(effects);
        }
    }

    /// Lets go of the segments at the front that nobody will read.
    fn trim(&mut self, effects: &mut Effects<E>) {
        while self.segments.front().is_some_and(|link| link.readers == 0) {
            let link = self.segments.pop_front().expect("there is a front");
            self.first_link += 1;
            let last = link.segment.last();
            effects.segments.push(link.segment);
            while self.tickets.front().is_some_and(|&(seq, _)| seq <= last) {
                self.tickets.pop_front();
            }
        }
    }

    // ---- Flushing ---------------------------------------------------------------------------

    /// `ticket` waits until every event stored so far is settled.
    pub(crate) fn flush(&mut self, ticket: &Arc<Ticket>) {
        let tail = self.tail;
        let mut owing = 0;
        for member in self.members.iter_mut().flatten() {
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
        let unread = self.tail - place.cursor.load().position();
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

    fn link_of(&self, key: usize) -> u64 {
        self.member(key).link.max(self.first_link)
    }

    fn link(&self, at: u64) -> Option<&Link<E>> {
        let index = usize::try_from(at - self.first_link).ok()?;
        self.segments.get(index)
    }

    fn readers_mut(&mut self, at: u64) -> &mut usize {
        let index = usize::try_from(at - self.first_link).unwrap_or(usize::MAX);
        match self.segments.get_mut(index) {
            Some(link) => &mut link.readers,
            None => &mut self.beyond,
        }
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

    #[cfg(not(debug_assertions))]
    #[expect(clippy::unused_self, reason = "only a debug build looks")]
    fn assert_invariants(&self) {}

    #[cfg(debug_assertions)]
    fn assert_invariants(&self) {
        let attached = || self.members.iter().flatten().filter(|m| m.attached);
        let readers: usize = self.segments.iter().map(|link| link.readers).sum();
        assert_eq!(readers + self.beyond, self.attached, "invariant 3");
        assert!(
            self.segments.front().is_none_or(|link| link.readers > 0),
            "invariant 3"
        );
        // The rest takes a step for every subscriber: not with thousands of them.
        if self.members.len() > 64 {
            return;
        }
        let mut next = self.segments.front().map(|link| link.segment.first());
        for link in &self.segments {
            assert_eq!(next, Some(link.segment.first()), "invariant 2");
            next = Some(link.segment.last() + 1);
        }
        assert!(next.is_none_or(|next| next > self.tail), "invariant 2");
        assert_eq!(attached().count(), self.attached, "invariant 3");
        for member in attached() {
            let position = member.place.cursor.load().position();
            let window = member.place.window as u64;
            assert!(position <= self.tail, "invariant 1");
            assert!(self.tail - position <= window, "invariant 1");
            assert!(window <= self.capacity, "invariant 1");
            let mut kept = self.segments.front().map(|link| link.segment.first());
            kept = kept.or(Some(self.tail + 1));
            assert!(kept <= Some(position + 1), "invariant 2");
            let limits = self.waits.iter().chain(&self.yields);
            let mut entries = limits.filter(|limit| limit.0.id == member.place.id);
            assert_eq!(entries.next().is_none(), member.blocking, "invariant 4");
            assert!(entries.next().is_none(), "invariant 4");
        }
        let blocking = attached().filter(|member| member.blocking).count();
        assert_eq!(blocking, self.blocking, "invariant 5");
        let seqs = self.tickets.iter().map(|&(seq, _)| seq);
        assert!(seqs.is_sorted(), "invariant 6");
    }
}

/// More than fits into any memory, and little enough to be added to any position.
const MAX_CAPACITY: u64 = 1 << 60;

const MEMBER: &str = "a subscription stays a member until it leaves";
