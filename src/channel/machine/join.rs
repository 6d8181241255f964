//! Subscribers that come and go, and what those that were disconnected may still read.

use std::panic::Location;
use std::task::Waker;

use super::{KEPT, Machine, Member};
use crate::channel::effects::{Effect, Effects};
use crate::channel::log::ReaderPos;
use crate::channel::source::{Backlog, Then, Unread};
use crate::channel::subscriber::cursor::CursorState;
use crate::channel::subscriber::{SubscriberInit, SubscriberState};
use crate::end_reason::DisconnectCause;
use crate::options::SubscribeOptions;
use crate::subscriber_id::SubscriberId;
use crate::util::shrink::Shrink;
use crate::util::sync::Arc;

/// Who takes a subscriber out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// Its own task, which is running: waking that task would make it run once more for nothing,
    /// and a loop that subscribes in each turn would spin.
    Itself,
    /// Somebody else: the subscriber's task must see the end of its stream.
    Other,
}

impl By {
    /// Deals with the waker of the subscriber's task, if the subscriber was parked.
    pub(super) fn release<E>(self, waker: Option<Waker>, effects: &mut Effects<E>) {
        match self {
            Self::Itself => effects.drop_waker(waker),
            Self::Other => effects.wake(waker),
        }
    }
}

impl<E> Machine<E> {
    /// A new subscriber that sees every event after the newest one, and the retained ones before
    /// that it wants to.
    pub(crate) fn join(
        &mut self,
        options: SubscribeOptions,
        created_at: &'static Location<'static>,
    ) -> (Arc<SubscriberState>, Option<Box<Backlog<E>>>) {
        let replayed = self.replay(options.replay);
        let place = self.new_subscriber_state(options, created_at);
        let key = place.id.number;
        self.members.insert(key, Member::new(&place, None));
        self.log.join().store(&place);
        self.attached += 1;
        self.log_readers += 1;
        self.push_limit(key);
        if place.stage().is_some() {
            place.cursor.request_reports();
        }
        self.assert_invariants();
        (place, replayed)
    }

    pub(super) fn new_subscriber_state(
        &mut self,
        options: SubscribeOptions,
        created_at: &'static Location<'static>,
    ) -> Arc<SubscriberState> {
        self.ids_issued += 1;
        let capacity = usize::try_from(self.capacity).expect("it was given as a usize");
        Arc::new(SubscriberState::new(SubscriberInit {
            id: SubscriberId {
                manager: self.id,
                number: self.ids_issued,
            },
            name: options.name,
            after: options.after,
            #[cfg(feature = "tracing")]
            manager: self.name.clone(),
            kind: options.kind,
            created_at,
            overflow: options.overflow.unwrap_or(self.default_overflow),
            window: options.window.unwrap_or(capacity).min(capacity),
            max_unacked: options.max_unacked.unwrap_or(capacity.max(1024)),
            position: self.log.tail(),
        }))
    }

    /// The subscriber is gone, and has answered for the event in hand, but not for deliveries.
    /// True if it counted until now.
    pub(crate) fn leave(&mut self, key: u64, effects: &mut Effects<E>) -> bool {
        let counted = self.member(key).attached;
        self.detach(key, By::Itself, effects);
        let member = self.member_mut(key);
        member.gone = true;
        let rest = member.backlog.take();
        effects.extend(
            rest.into_iter()
                .flat_map(|rest| rest.segments)
                .map(Effect::Segment),
        );
        self.settle_gone(key, effects);
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
        self.end(id, cause, By::Other, effects)
    }

    /// As [`disconnect`](Self::disconnect), asked for by the task that reads the subscription.
    #[cfg(feature = "rt")]
    pub(crate) fn withdraw(&mut self, id: SubscriberId, effects: &mut Effects<E>) -> bool {
        self.end(id, DisconnectCause::Requested, By::Itself, effects)
    }

    fn end(
        &mut self,
        id: SubscriberId,
        cause: DisconnectCause,
        by: By,
        effects: &mut Effects<E>,
    ) -> bool {
        let Some(member) = self.find(id).filter(|member| member.attached) else {
            return false;
        };
        if member.queue.is_some() {
            self.close_queue(id.number, cause, by, effects);
            self.settle(id.number, None, effects);
            self.assert_invariants();
            return true;
        }
        let spot = ReaderPos::of(&member.subscriber);
        let mut rest = Box::new(Backlog {
            segments: self.log.segments_from(spot),
            next: 0,
            end: self.log.tail(),
            after: Then::Disconnected(cause),
        });
        // The position is final only now: what is claimed until here was received.
        let word = self.detach(id.number, by, effects);
        rest.next = word.position() + 1;
        let member = self.member_mut(id.number);
        member.backlog = Some(rest);
        self.settle(id.number, None, effects);
        self.assert_invariants();
        true
    }

    /// Takes the member out of all that counts it. Its unread events are dropped; for those in
    /// hand it is watched from now on.
    fn detach(&mut self, key: u64, by: By, effects: &mut Effects<E>) -> CursorState {
        let member = self.member_mut(key);
        member.subscriber.cursor.request_reports();
        if member.queue.is_some() {
            self.close_queue(key, DisconnectCause::Requested, by, effects);
            return self.member(key).subscriber.cursor.load();
        }
        let word = member.subscriber.cursor.detach();
        if let Some(stage) = member.subscriber.stage() {
            by.release(stage.stop_waiting(), effects);
        }
        if !std::mem::replace(&mut member.attached, false) {
            return word;
        }
        let (id, spot) = (member.subscriber.id, ReaderPos::of(&member.subscriber));
        // Before their segments go, and the tickets with them.
        let position = word.position();
        let segments = self.log.ticketed_after(spot, position);
        if !segments.is_empty() && !seeded_bug!("leave-keeps-tickets") {
            effects.push(Effect::Unread(Box::new(Unread {
                subscriber: id,
                position,
                segments,
            })));
        }
        self.log.leave(spot, effects);
        self.attached -= 1;
        self.log_readers -= 1;
        self.unblock(key);
        self.overdue_at_permit.remove(&key);
        self.drop_stale_entries();
        self.blocking.shrink_if_sparse_for(self.attached(), KEPT);
        word
    }
}
