//! The state machine of a channel: every decision about events and subscribers.
//!
//! The machine is a plain value behind the lock of the channel. The machine never
//! waits and never runs user code. Each operation changes the state and writes the actions to be
//! done into [`Effects`], which [`channel`](crate::channel) runs after unlocking.
//!
//! The parts are values with invariants of their own; this module and its files combine them:
//!
//! ```text
//!                         Machine: closed, capacity, reserved
//!       ┌──────────┬───────────┼─────────────┬───────────────────┐
//!     Log       Members     FullAt ×2     Blockers        FilterRegistry
//!     stored    attached    when to       members that    the predicates of
//!     events    members     check a       make publish-   filtered subscribers
//!                           window        ers wait
//! ```
//!
//! To store an event, the machine checks the windows that may be full (`room`), deals with
//! overdue and lossy subscribers, and appends (`publish`). Reading (`read`) advances a subscriber
//! in the log. A subscriber normally reads without telling the machine; reports of each step are
//! requested while the subscriber blocks publishers, is flushed, or precedes a stage.

use std::collections::BTreeSet;

use crate::channel::effects::Effects;
use crate::channel::filter::FilterRegistry;
use crate::channel::log::Log;
use crate::channel::subscriber::SubscriberState;
use crate::options::Overflow;
use crate::subscriber_id::SubscriberId;
use crate::util::check_pace::CheckPace;
use crate::util::sync::Arc;

mod blockers;
mod filters;
mod flush;
mod full_at;
mod groups;
mod inspect;
mod invariants;
mod join;
mod members;
mod publish;
mod read;
mod retention;
mod room;
mod stages;
mod turns;
mod wait_clock;

use blockers::Blockers;
use full_at::FullAt;
pub(crate) use inspect::Selection;
use members::{Member, Members};
pub(crate) use retention::Replayed;
pub(crate) use room::{Place, Room};
use turns::Turns;

/// The request of a publisher.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Request {
    /// To store an event.
    Event,
    /// To reserve room for an event; at most `capacity` permits are out.
    Permit,
}

/// The state of a channel.
///
/// Stored: everything below. Computed: the tail (`log.tail()`), the position of a subscriber (its
/// cursor, which the subscriber moves without the lock), unread events (`tail - position`), and
/// whether a window is full (`unread + reserved >= window`).
///
/// # Invariants
/// The parts have invariants of their own. Between them:
/// 1. For every attached log reader, `tail - position <= capacity + past_windows`; and no more than
///    `window + past_windows`, if no permit was out when it joined. This is the bound of the memory
///    that a channel takes.
/// 2. The log keeps every event still unread by an attached log reader, and counts each reader
///    once. Otherwise, events would be freed too early or never.
/// 3. Every attached log reader has a single entry in `lossless` or `lossy`, at or before
///    `position + window`, or is blocking. Without an entry, its window would never be checked
///    again.
/// 4. A blocking member is attached and lossless, and reports: an unreported read would leave the
///    front publisher asleep.
/// 5. `grants <= reserved <= capacity + past_windows`.
/// 6. `lossless` and `lossy` hold at most `2 * readers + 16` entries and the retention entry, the
///    blocking readers included: memory does not grow with former subscribers.
/// 7. Where permits exceed a member's window, the member joined while they were out, or is in
///    `overdue_at_permit`. Only these members may be disconnected to store a permit's event.
/// 8. `fast_path_disabled == closed || !filters.is_empty()`. The fast path of publishing looks at
///    neither.
/// 9. Every attached lossless filtered member with a queue that is at least half full is in `crowded`, and
///    only attached members are. A place for any event is granted without a look at the other queues.
pub(crate) struct Machine<E> {
    /// The manager's number within the process.
    id: u64,
    capacity: u64,
    default_overflow: Overflow,
    closed: bool,
    fast_path_disabled: bool,
    /// How many places are reserved: permits that are out, and granted places. Each of them has
    /// room for an event in every window.
    reserved: u64,
    /// The granted places, and how many events are stored beside these.
    turns: Turns,
    /// How many events and permits were given past full windows since all windows had room.
    past_windows: u64,
    /// Members that were overdue when a permit was given. Some may have made room since.
    overdue_at_permit: BTreeSet<u64>,
    log: Log<E>,
    members: Members<E>,
    filters: FilterRegistry<E>,
    /// The lossless filtered members whose queue may be half full, or fuller.
    crowded: BTreeSet<u64>,
    /// For each lossless log reader, the tail at which its window must be checked.
    lossless: FullAt,
    /// For each lossy log reader, the tail at which its policy acts.
    lossy: FullAt,
    blockers: Blockers,
    /// The watched members detached in this step: futures wait for their end.
    detached: Vec<u64>,
    check_pace: CheckPace,
    /// The manager's name.
    #[cfg(feature = "tracing")]
    pub(crate) name: Option<Arc<str>>,
}

impl<E> Machine<E> {
    /// Creates the machine of a new manager. `retain`: how many of the newest events are kept for
    /// late subscribers.
    pub(crate) fn new(capacity: usize, default_overflow: Overflow, retain: usize) -> Self {
        // An atomic of `std`, not of `util::sync`: models need not explore the order of ids.
        static NEXT_ID: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let id = NEXT_ID.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let retain = (retain as u64).min(MAX_CAPACITY);
        let capacity = (capacity as u64).min(MAX_CAPACITY);
        let mut machine = Self {
            id,
            capacity,
            default_overflow,
            closed: false,
            fast_path_disabled: false,
            reserved: 0,
            turns: Turns::new(capacity),
            past_windows: 0,
            overdue_at_permit: BTreeSet::new(),
            log: Log::new(capacity, retain),
            members: Members::new(id, retain > 0),
            filters: FilterRegistry::new(),
            crowded: BTreeSet::new(),
            lossless: FullAt::new(),
            lossy: FullAt::new(),
            blockers: Blockers::default(),
            detached: Vec::new(),
            check_pace: CheckPace::default(),
            #[cfg(feature = "tracing")]
            name: None,
        };
        machine.trim_retained(&mut Effects::new());
        machine
    }

    /// Returns whether no more events can come: the manager is closed and no permit is out.
    pub(crate) fn is_complete(&self) -> bool {
        self.closed && (self.permits() == 0 || seeded_bug!("stream-ends-before-permits"))
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(crate) fn close(&mut self, effects: &mut Effects<E>) {
        self.closed = true;
        self.update_fast_path();
        // The publishers with a granted place are rejected.
        if !seeded_bug!("close-keeps-grants") {
            self.release_all_grants();
        }
        // Retained events are for late subscribers, and no more can come.
        self.members.stop_retaining();
        self.log.retain_nothing(effects);
        self.assert_invariants();
    }

    /// Restores invariant 8.
    fn update_fast_path(&mut self) {
        self.fast_path_disabled = self.closed || !self.filters.is_empty();
    }

    /// Returns the manager's number within the process.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Returns the sequence number of the newest event.
    pub(crate) fn tail(&self) -> u64 {
        self.log.tail()
    }

    /// Returns how many permits are out.
    pub(crate) fn permits(&self) -> u64 {
        self.reserved - self.turns.granted()
    }

    /// Returns whether the next event would be stored for `id`, too.
    pub(crate) fn is_attached(&self, id: SubscriberId) -> bool {
        self.current(id).is_some()
    }

    /// Returns whether the publisher of the next event may wait for `id`.
    pub(crate) fn is_awaited(&self, id: SubscriberId) -> bool {
        (self.current(id)).is_some_and(|member| member.awaited_heads() > 0)
    }

    /// Returns whether `id` is an observer that has not left.
    pub(crate) fn is_observer(&self, id: SubscriberId) -> bool {
        (self.find(id)).is_some_and(|member| member.subscriber.is_observer)
    }

    /// Returns whether the subscriber with this number is detached, or has left.
    pub(crate) fn is_detached(&self, number: u64) -> bool {
        self.current_number(number).is_none()
    }

    /// Notes the end of an attached member in `detached`.
    pub(crate) fn watch(&mut self, number: u64) {
        self.member_mut(number).is_watched = true;
    }

    /// Returns whether watched members were detached in this step.
    #[inline]
    pub(crate) fn has_detached(&self) -> bool {
        !self.detached.is_empty()
    }

    /// Takes the watched members that were detached in this step.
    pub(crate) fn take_detached(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.detached)
    }

    /// Detaches a member; returns `false` if the member was detached before.
    fn detach_member(&mut self, key: u64) -> bool {
        let was_attached = self.members.detach(key);
        if was_attached && self.member(key).is_watched {
            self.detached.push(key);
        }
        was_attached
    }

    /// Returns how many subscribers there are, each handler of a group counted.
    pub(crate) fn subscribers(&self) -> usize {
        self.members.subscribers()
    }

    /// Returns the ids of the attached members: of groups, and not of their handlers.
    pub(crate) fn attached_ids(&self) -> Vec<SubscriberId> {
        let attached = self.members.iter().filter(|member| member.is_attached());
        attached.map(|member| member.subscriber.id).collect()
    }

    /// Returns how many attached subscribers read the log.
    pub(crate) fn readers(&self) -> usize {
        self.members.readers()
    }

    pub(crate) fn subscriber(&self, key: u64) -> &SubscriberState {
        &self.member(key).subscriber
    }

    /// Returns a subscriber that reads the log of the channel; `None` if the subscriber is filtered.
    pub(crate) fn log_reader(&self, key: u64) -> Option<&Arc<SubscriberState>> {
        let member = self.member(key);
        (member.queue.is_none()).then_some(&member.subscriber)
    }

    fn member(&self, key: u64) -> &Member<E> {
        self.members.get(key)
    }

    fn member_mut(&mut self, key: u64) -> &mut Member<E> {
        self.members.get_mut(key)
    }

    fn find(&self, id: SubscriberId) -> Option<&Member<E>> {
        self.members.find(id)
    }

    /// Returns whether the subscription of a handler or a group is attached; `None` for others.
    pub(crate) fn is_task_attached(&self, id: SubscriberId) -> Option<bool> {
        let member = self.find(id)?;
        let has_task = member.subscriber.kind.has_task();
        has_task.then(|| member.is_attached())
    }

    /// Returns the member with this number, if attached.
    fn current_number(&self, number: u64) -> Option<&Member<E>> {
        (self.members.find_number(number)).filter(|member| member.is_attached())
    }

    /// Returns the member with this id, if attached.
    fn current(&self, id: SubscriberId) -> Option<&Member<E>> {
        self.find(id).filter(|member| member.is_attached())
    }
}

/// An upper bound of the capacity: more events than fit into any memory, and small enough to be
/// added to any sequence number.
const MAX_CAPACITY: u64 = 1 << 60;
