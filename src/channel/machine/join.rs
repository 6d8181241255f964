//! Subscribers that come and go, and what those that were disconnected may still read.

use std::panic::Location;
use std::sync::OnceLock;
use std::task::Waker;

use super::{KEPT, Member, Ring};
use crate::channel::effects::{Effect, Effects};
use crate::channel::log::Spot;
use crate::channel::source::{After, Rest, Unread};
use crate::channel::subscriber::cursor::{Cursor, Word};
use crate::channel::subscriber::{Details, Notes, Place};
use crate::end_reason::DisconnectCause;
use crate::options::SubscribeOptions;
use crate::subscriber_id::SubscriberId;
use crate::util::shrink::Room;
use crate::util::sync::{Arc, AtomicU64};

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
            Self::Itself => effects.discard(waker),
            Self::Other => effects.wake(waker),
        }
    }
}

impl<E> Ring<E> {
    /// A new subscriber that sees every event after the newest one, and the retained ones before
    /// that it wants to.
    pub(crate) fn join(
        &mut self,
        options: SubscribeOptions,
        created_at: &'static Location<'static>,
    ) -> (Arc<Place>, Option<Box<Rest<E>>>) {
        let replayed = self.replay(options.replay);
        let place = self.new_place(options, created_at);
        let key = place.id.number;
        self.members.insert(key, Member::new(&place, None));
        self.log.join().note(&place);
        self.attached += 1;
        self.listeners += 1;
        self.push_limit(key);
        if place.stage().is_some() {
            place.cursor.watch();
        }
        self.assert_invariants();
        (place, replayed)
    }

    pub(super) fn new_place(
        &mut self,
        options: SubscribeOptions,
        created_at: &'static Location<'static>,
    ) -> Arc<Place> {
        self.joined += 1;
        let capacity = usize::try_from(self.capacity).expect("it was given as a usize");
        Arc::new(Place {
            id: SubscriberId {
                manager: self.id,
                number: self.joined,
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
            notes: Notes::new(),
            awaited: AtomicU64::new(0),
            missed: AtomicU64::new(0),
            held: OnceLock::new(),
        })
    }

    /// The subscriber is gone, and has answered for the event in hand, but not for deliveries.
    /// True if it counted until now.
    pub(crate) fn leave(&mut self, key: u64, effects: &mut Effects<E>) -> bool {
        let counted = self.member(key).attached;
        self.detach(key, By::Itself, effects);
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
        if member.lane.is_some() {
            self.cut_lane(id.number, cause, by, effects);
            self.settle(id.number, None, effects);
            self.assert_invariants();
            return true;
        }
        let spot = Spot::of(&member.place);
        let mut rest = Box::new(Rest {
            segments: self.log.segments_from(spot),
            next: 0,
            end: self.log.tail(),
            after: After::End(cause),
        });
        // The position is final only now: what is claimed until here was received.
        let word = self.detach(id.number, by, effects);
        rest.next = word.position() + 1;
        let member = self.member_mut(id.number);
        member.rest = Some(rest);
        self.settle(id.number, None, effects);
        self.assert_invariants();
        true
    }

    /// Takes the member out of all that counts it. Its unread events are dropped; for those in
    /// hand it is watched from now on.
    fn detach(&mut self, key: u64, by: By, effects: &mut Effects<E>) -> Word {
        let member = self.member_mut(key);
        member.place.cursor.watch();
        if member.lane.is_some() {
            self.cut_lane(key, DisconnectCause::Requested, by, effects);
            return self.member(key).place.cursor.load();
        }
        let word = member.place.cursor.detach();
        if let Some(stage) = member.place.stage() {
            by.release(stage.stop_waiting(), effects);
        }
        if !std::mem::replace(&mut member.attached, false) {
            return word;
        }
        let (id, spot) = (member.place.id, Spot::of(&member.place));
        // Before their segments go, and the tickets with them.
        let position = word.position();
        let segments = self.log.awaited_after(spot, position);
        if !segments.is_empty() && !planted!("unread-unanswered") {
            effects.push(Effect::Unread(Box::new(Unread {
                subscriber: id,
                position,
                segments,
            })));
        }
        self.log.leave(spot, effects);
        self.attached -= 1;
        self.listeners -= 1;
        self.unblock(key);
        self.passed.remove(&key);
        self.forget_stale_limits();
        self.blocking.give_back_beyond(self.attached(), KEPT);
        word
    }
}
