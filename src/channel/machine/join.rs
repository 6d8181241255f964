//! Joining, leaving and disconnecting.

use std::panic::Location;
use std::task::Waker;

use super::{Machine, Member, Replayed};
use crate::channel::effects::{Effect, Effects};
use crate::channel::log::SegmentKey;
use crate::channel::source::{AfterBacklog, Backlog, Unread};
use crate::channel::subscriber::cursor::CursorState;
use crate::channel::subscriber::{SubscriberInit, SubscriberState};
#[cfg(feature = "tracing")]
use crate::channel::trace::{LeaveReason, Record};
use crate::end_reason::{DisconnectCause, EndReason};
use crate::options::SubscribeOptions;
use crate::receipt::Cause;
use crate::subscriber_id::{Identity, SubscriberId};
use crate::util::sync::Arc;

/// The task detaching a subscriber.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum DetachedBy {
    /// The subscriber's own task, which is running. A wake-up would poll the task once more for
    /// nothing, and a loop with a subscription in each iteration would spin.
    Itself,
    /// Another task: the subscriber's task must be woken to see the end of its stream.
    Other,
}

impl DetachedBy {
    /// Drops or wakes the waker left by the subscriber's task.
    pub(super) fn release<E>(self, waker: Option<Waker>, effects: &mut Effects<E>) {
        match self {
            Self::Itself => effects.drop_waker(waker),
            Self::Other => effects.wake(waker),
        }
    }
}

impl<E> Machine<E> {
    // ---- Joining ----------------------------------------------------------------------------

    /// Attaches a log reader, which sees every event stored from now on. Returns the retained
    /// events to be replayed before, and counts the events that are not retained any more as missed.
    pub(crate) fn join(
        &mut self,
        options: SubscribeOptions,
        created_at: &'static Location<'static>,
    ) -> (Arc<SubscriberState>, Replayed<E>) {
        let replayed = self.replay(options.replay);
        let subscriber = self.new_subscriber_state(options, created_at);
        subscriber.count_missed(replayed.missed);
        self.members.insert(Member::new(&subscriber, None));
        self.log.add_reader().store(&subscriber);
        self.push_full_at(subscriber.id.number);
        // A stage reports every step, because it is given events under the lock.
        if subscriber.stage().is_some() {
            subscriber.cursor.request_reports();
        }
        self.assert_invariants();
        (subscriber, replayed)
    }

    /// Creates the state of a new subscriber, with the cursor at the tail.
    pub(super) fn new_subscriber_state(
        &mut self,
        options: SubscribeOptions,
        created_at: &'static Location<'static>,
    ) -> Arc<SubscriberState> {
        let capacity = usize::try_from(self.capacity).expect("the capacity was a usize");
        let subscriber = Arc::new(SubscriberState::new(SubscriberInit {
            identity: Identity {
                id: self.members.issue_id(),
                name: options.name,
                kind: options.kind,
                created_at,
                group: None,
            },
            after: self.resolve_group_handlers(options.after),
            #[cfg(feature = "tracing")]
            manager: self.name.clone(),
            is_observer: options.observer,
            overflow: options.overflow.unwrap_or(self.default_overflow),
            window: options.window.unwrap_or(capacity).min(capacity),
            max_unacked: options.max_unacked.unwrap_or(capacity.max(1024)),
            position: self.log.tail(),
        }));
        if subscriber.overflow.is_lossless() {
            self.turns.add_window(subscriber.window as u64);
        }
        subscriber
    }

    // ---- Leaving ----------------------------------------------------------------------------

    /// Detaches a subscriber whose stream was dropped and has settled the event in flight.
    /// The member stays while deliveries are unacked. Returns whether the member was attached.
    pub(crate) fn leave(&mut self, key: u64, effects: &mut Effects<E>) -> bool {
        let was_attached = self.member(key).is_attached();
        self.detach(key, DetachedBy::Itself, Cause::Left, effects);
        let backlog = self.member_mut(key).stream_dropped();
        let segments = backlog.into_iter().flat_map(|backlog| backlog.segments);
        effects.extend(segments.map(Effect::Segment));
        self.settle_gone(key, effects);
        self.assert_invariants();
        was_attached
    }

    /// Detaches a subscriber whose stream goes on with a backlog: the unread events. Returns
    /// whether `id` was attached.
    pub(crate) fn disconnect(
        &mut self,
        id: SubscriberId,
        cause: DisconnectCause,
        effects: &mut Effects<E>,
    ) -> bool {
        self.disconnect_by(DetachedBy::Other, id, cause, effects)
    }

    /// Disconnects a subscriber on request of the task reading it.
    #[cfg(feature = "rt")]
    pub(crate) fn withdraw(&mut self, id: SubscriberId, effects: &mut Effects<E>) -> bool {
        self.disconnect_by(DetachedBy::Itself, id, DisconnectCause::Requested, effects)
    }

    fn disconnect_by(
        &mut self,
        by: DetachedBy,
        id: SubscriberId,
        cause: DisconnectCause,
        effects: &mut Effects<E>,
    ) -> bool {
        let Some(member) = self.current(id) else {
            return false;
        };
        let key = id.number;
        (member.subscriber).set_end(EndReason::Disconnected { cause });
        let why = match by {
            DetachedBy::Itself => Cause::Left,
            DetachedBy::Other => Cause::Disconnected(cause),
        };
        if member.queue.is_some() {
            // The backlog of a filtered subscriber stays in its queue.
            self.close_queue(key, by, why, effects);
        } else {
            // Take the segments before detaching, which may free them; but the first event only
            // after: until the cursor is detached, the subscriber may go on claiming.
            let segments = self.log.segments_from(SegmentKey::of(&member.subscriber));
            let cursor = self.detach(key, by, why, effects);
            let mut backlog = Box::new(Backlog {
                segments,
                next: cursor.position() + 1,
                end: self.log.tail(),
                after: AfterBacklog::Disconnected(cause),
            });
            // The stream may not be polled for long: keep no segment that it has read to the end.
            effects.extend(backlog.pop_read().map(Effect::Segment));
            self.member_mut(key).set_backlog(backlog);
        }
        self.settle(key, None, effects);
        #[cfg(feature = "tracing")]
        effects.push(Effect::Trace(Record::Left(
            Arc::clone(&self.member(key).subscriber),
            match by {
                DetachedBy::Itself => LeaveReason::NoHandler,
                DetachedBy::Other => cause.into(),
            },
        )));
        self.assert_invariants();
        true
    }

    /// Detaches a member, and settles its unread events as dropped for this `cause`. The member reports from
    /// now on, for the flushes waiting for its events in flight. Returns the cursor before
    /// detaching.
    fn detach(
        &mut self,
        key: u64,
        by: DetachedBy,
        cause: Cause,
        effects: &mut Effects<E>,
    ) -> CursorState {
        if self.member(key).queue.is_some() {
            self.close_queue(key, by, cause, effects);
            return self.subscriber(key).cursor.load();
        }

        // From here on, the subscriber can claim no event of the log.
        let cursor = self.subscriber(key).cursor.detach();
        if !self.detach_member(key) {
            return cursor;
        }
        let subscriber = &self.members.get(key).subscriber;
        if let Some(stage) = subscriber.stage() {
            by.release(stage.stop_waiting(), effects);
        }

        // Collect unread events with tickets before the log frees the segments: publishers wait
        // for their acknowledgements.
        let segment_key = SegmentKey::of(subscriber);
        let position = cursor.position();
        let owes = !subscriber.is_observer || seeded_bug!("observer-settles-unread");
        let segments = owes.then(|| self.log.ticketed_after(segment_key, position));
        let segments = segments.unwrap_or_default();
        if !segments.is_empty() && !seeded_bug!("leave-keeps-tickets") {
            let unread = |identity, position| {
                Effect::Unread(Box::new(Unread {
                    subscriber: identity,
                    cause: cause.clone(),
                    position,
                    segments: segments.clone(),
                }))
            };
            match self.member(key).group() {
                None => effects.push(unread(subscriber.identity(), position)),
                Some(group) => effects.extend(group.handlers().iter().map(|handler| {
                    // Events before the handler joined do not count it.
                    let position = position.max(handler.joined_at);
                    unread(Identity::clone(&handler.identity), position)
                })),
            }
        }
        self.log.leave(segment_key, effects);

        // Publishers need not wait for the member any more.
        self.unblock_detached(key);
        self.drop_stale_entries(key);
        cursor
    }

    /// Removes a detached member from the blocking and from the overdue members, and from the windows
    /// that publishers share.
    pub(super) fn unblock_detached(&mut self, key: u64) {
        let subscriber = &self.members.get(key).subscriber;
        if subscriber.overflow.is_lossless() {
            self.turns.remove_window(subscriber.window as u64);
        }
        self.unblock(key);
        self.overdue_at_permit.remove(&key);
        self.blockers.give_back(self.members.attached());
    }
}
