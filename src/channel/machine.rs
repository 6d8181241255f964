//! The sequence itself: which events are kept, who has read how far, who is in the way.
//!
//! A plain value. It holds no lock and no waker and never waits: each operation decides, and
//! writes what must be done about it into [`Effects`], which [`channel`](crate::channel) runs
//! after unlocking.
//!
//! The [`Log`] keeps the events; this decides who may add one, what that does to whom, and who is
//! owed an answer.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::channel::effects::Effects;
use crate::channel::filter::FilterRegistry;
use crate::channel::filter::queue::AnyQueue;
use crate::channel::log::Log;
use crate::channel::machine::full_at::FullAt;
use crate::channel::source::Backlog;
use crate::channel::subscriber::SubscriberState;
use crate::options::Overflow;
use crate::subscriber_id::SubscriberId;
use crate::util::sync::Arc;

mod filters;
mod flush;
mod full_at;
mod gating;
mod inspect;
mod invariants;
mod join;
mod members;
mod publish;
mod read;
mod retention;
#[cfg(all(feature = "tracing", feature = "rt"))]
mod slow_warning;
mod stages;
mod wait_clock;

use flush::Flushes;
use members::Members;
use wait_clock::{WaitClock, Waited};

/// What a publisher wants.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Request {
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
/// 6. The first `held` of `blocking` are those that have `waited`. While there are none, `clock`
///    stands still.
/// 7. `log_readers` is one more than `attached` while events are retained, and else the same.
/// 8. Members with a lane are no readers of the log, and not in the limits. Of these, `blocking`
///    lists only those that the head of the line waits for.
/// 9. Those who left take no more room in the limits than those who are there, but for a few. Those
///    that are in the way count as being in there, where they will be again.
/// 10. Where permits are out past a subscriber's window, it joined while they were, or it is in
///     `overdue_at_permit`.
/// 11. `blocking_queue_count` counts the members in `blocking` that have a lane.
pub(crate) struct Machine<E> {
    /// Which of the process's managers it belongs to.
    id: u64,
    capacity: u64,
    default_overflow: Overflow,
    closed: bool,
    /// It is closed, or has filters to ask: the quick way is barred.
    fast_path_disabled: bool,
    log: Log<E>,
    /// By the numbers of their ids.
    members: Members<Member<E>>,
    ids_issued: u64,
    /// Those that read the log.
    attached: usize,
    /// For how many an event is stored: those attached, and the keeper of the newest events, if
    /// there is one.
    log_readers: usize,
    /// Those that have a lane.
    filtered: usize,
    filters: FilterRegistry<E>,
    /// Places promised to permits.
    reserved: u64,
    /// When a member will be in the way of publishers.
    lossless: FullAt,
    /// When one that makes nobody wait must be dealt with.
    lossy: FullAt,
    /// First those that a publisher has begun to wait for.
    blocking: Vec<u64>,
    /// How many of the blocking members have a lane.
    blocking_queue_count: usize,
    /// How many of the blocking members these are.
    timed: usize,
    /// The blocking members before this index, but for those, had read everything up to the event
    /// `checked_at`: nobody waits for what they have not read.
    checked_to: usize,
    checked_at: u64,
    /// Runs while publishers wait for some of the blocking members.
    clock: WaitClock,
    /// The blocking members that have an `end`, with what the clock will tell then.
    deadlines: BTreeSet<(Duration, u64)>,
    /// Members with a lane that publishers have waited for, and that are not in the way of the one
    /// that is first now: their time stands still, and is kept until they take something or have
    /// room.
    suspended: BTreeSet<u64>,
    /// Members whose time was up when a permit was given that they have no room for, and maybe
    /// some that have made room since.
    overdue_at_permit: BTreeSet<u64>,
    /// The manager's name.
    #[cfg(feature = "tracing")]
    pub(crate) name: Option<Arc<str>>,
    #[cfg(all(feature = "tracing", feature = "rt"))]
    warn_after: Option<std::time::Duration>,
    /// The blocking members that have `waited`, and of which nobody has been warned, with what the
    /// clock will tell when it is time for that.
    #[cfg(all(feature = "tracing", feature = "rt"))]
    warnings: BTreeSet<(Duration, u64)>,
}

struct Member<E> {
    subscriber: Arc<SubscriberState>,
    /// Its own queue, if it does not read the log.
    queue: Option<Arc<dyn AnyQueue>>,
    /// Where it is in `blocking`.
    blocking: Option<usize>,
    /// For how long publishers have waited for what it has not read, once they have.
    waited: Option<Waited>,
    /// Somebody was warned of that.
    #[cfg(all(feature = "tracing", feature = "rt"))]
    warned: bool,
    /// Those that wait until it has settled all up to an event. Mostly nobody does.
    flushes: Option<Box<Flushes>>,
    /// Set when it is disconnected, taken when its stream has noticed.
    backlog: Option<Box<Backlog<E>>>,
    /// Where its cursor was moved to, past what it lost while it had an event in hand.
    skipped_to: u64,
    /// From that event; `u32::MAX` means that or more.
    skipped: u32,
    attached: bool,
    /// Its stream is gone; it stays for the deliveries that are out.
    gone: bool,
}

impl<E> Member<E> {
    fn new(place: &Arc<SubscriberState>, lane: Option<Arc<dyn AnyQueue>>) -> Self {
        Self {
            subscriber: Arc::clone(place),
            queue: lane,
            blocking: None,
            waited: None,
            #[cfg(all(feature = "tracing", feature = "rt"))]
            warned: false,
            flushes: None,
            backlog: None,
            skipped_to: 0,
            skipped: 0,
            attached: true,
            gone: false,
        }
    }

    /// It has an event in hand, and has lost the one after `position`.
    fn skip_past(&mut self, position: u64) {
        if self.skipped_to != position {
            // It has taken one since, and that is in hand.
            self.skipped = 0;
        }
        self.skipped_to = position + 1;
        self.skipped = self.skipped.saturating_add(1);
    }

    /// The event in hand, with the cursor at `position`; or an earlier one.
    fn in_flight(&self, position: u64) -> u64 {
        match self.skipped {
            _ if self.skipped_to != position => position,
            u32::MAX => 1,
            events => position - u64::from(events),
        }
    }
}

impl<E> Machine<E> {
    /// `retain`: how many of the newest events are kept for those who come late.
    pub(crate) fn new(capacity: usize, default_overflow: Overflow, retain: usize) -> Self {
        // Not a step that a model need see.
        static NEXT_ID: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let id = NEXT_ID.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let retain = (retain as u64).min(MAX_CAPACITY);
        let capacity = (capacity as u64).min(MAX_CAPACITY);
        let mut ring = Self {
            id,
            default_overflow,
            capacity,
            closed: false,
            fast_path_disabled: false,
            log: Log::new(capacity, retain),
            members: Members::new(),
            ids_issued: 0,
            attached: 0,
            log_readers: usize::from(retain > 0),
            filtered: 0,
            filters: FilterRegistry::new(),
            reserved: 0,
            lossless: FullAt::new(id),
            lossy: FullAt::new(id),
            blocking: Vec::new(),
            blocking_queue_count: 0,
            timed: 0,
            checked_to: 0,
            checked_at: 0,
            clock: WaitClock::default(),
            deadlines: BTreeSet::new(),
            suspended: BTreeSet::new(),
            overdue_at_permit: BTreeSet::new(),
            #[cfg(feature = "tracing")]
            name: None,
            #[cfg(all(feature = "tracing", feature = "rt"))]
            warn_after: None,
            #[cfg(all(feature = "tracing", feature = "rt"))]
            warnings: BTreeSet::new(),
        };
        if retain > 0 {
            ring.trim_retained(&mut Effects::new());
        }
        ring
    }

    /// No more events will come: it is closed, and no permit is out.
    pub(crate) fn is_complete(&self) -> bool {
        self.closed && (self.reserved == 0 || seeded_bug!("stream-ends-before-permits"))
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(crate) fn close(&mut self, effects: &mut Effects<E>) {
        self.closed = true;
        self.fast_path_disabled = true;
        self.log_readers = self.attached;
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
    pub(crate) fn is_attached(&self, id: SubscriberId) -> bool {
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

    /// The place of a member.
    pub(crate) fn subscriber(&self, key: u64) -> &SubscriberState {
        &self.member(key).subscriber
    }

    fn member(&self, key: u64) -> &Member<E> {
        self.members.get(key).expect(MEMBER)
    }

    fn member_mut(&mut self, key: u64) -> &mut Member<E> {
        self.members.get_mut(key).expect(MEMBER)
    }

    fn find(&self, id: SubscriberId) -> Option<&Member<E>> {
        // Numbers are those of one manager, and are never given again.
        let is_ours = id.manager == self.id;
        is_ours.then(|| self.members.get(id.number)).flatten()
    }

    /// The member that a limit is about, if it still is.
    fn current(&self, id: SubscriberId) -> Option<&Member<E>> {
        self.find(id).filter(|member| member.attached)
    }
}

/// More than fits into any memory, and little enough to be added to any position.
const MAX_CAPACITY: u64 = 1 << 60;

/// Room for so many that are in the way is kept when there are fewer subscribers.
const KEPT: usize = 16;

const MEMBER: &str = "a subscription stays a member until it leaves";
