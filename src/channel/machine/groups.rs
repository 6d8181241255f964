//! Groups: handlers that share a log reader, and count as a subscriber each.

use super::members::{Group, GroupHandler};
use super::{Machine, Member};
use crate::channel::effects::{Effect, Effects};
use crate::channel::handlers::progress::GroupProgress;
use crate::channel::log::SegmentKey;
use crate::channel::source::Unread;
use crate::receipt::Cause;
use crate::subscriber_id::{Identity, SubscriberId};
use crate::util::sync::Arc;

impl<E> Machine<E> {
    /// Returns the id of a future handler of a group.
    pub(crate) fn issue_id(&mut self) -> SubscriberId {
        self.members.issue_id()
    }

    /// Returns the progress of a group, which its runner tells; `None` for other subscribers.
    pub(crate) fn group_progress(&self, group: SubscriberId) -> Option<&Arc<GroupProgress>> {
        Some(self.find(group)?.group()?.progress())
    }

    /// Counts a handler of a group from the next event on, unless the group is detached.
    pub(crate) fn join_group(&mut self, group: SubscriberId, identity: Arc<Identity>) {
        if self.find(group).is_none() {
            return;
        }
        let joined_at = self.tail();
        let handler = GroupHandler {
            identity,
            joined_at,
        };
        self.members.join_group(group.number, handler);
        self.assert_invariants();
    }

    /// Replaces the ids of handlers of groups by the ids of their groups: a stage waits for log readers.
    pub(super) fn resolve_group_handlers(&self, mut ids: Vec<SubscriberId>) -> Vec<SubscriberId> {
        for index in (0..ids.len()).rev() {
            let Some(group) = self.find_group_of(ids[index]) else {
                continue;
            };
            if ids.contains(&group) {
                ids.remove(index);
            } else {
                ids[index] = group;
            }
        }
        ids
    }

    /// Returns the group of a handler; `None` for a log reader.
    fn find_group_of(&self, handler: SubscriberId) -> Option<SubscriberId> {
        if self.find(handler).is_some() {
            return None;
        }
        let has_handler = |member: &&Member<E>| {
            let mut handlers = member.group().into_iter().flat_map(Group::handlers);
            handlers.any(|other| other.identity.id == handler)
        };
        let group = self.members.iter().find(has_handler)?;
        Some(group.subscriber.id)
    }

    /// Stops counting a handler of a group, and settles for it the unread events that count it, as not
    /// finished because of `cause`. The caller is the runner of the group, which answers the event in
    /// flight itself.
    pub(crate) fn leave_group(
        &mut self,
        group: SubscriberId,
        handler: SubscriberId,
        cause: Cause,
        effects: &mut Effects<E>,
    ) {
        if self.find(group).is_none() {
            return;
        }
        // Of a detached group, the unread events were settled when it was detached.
        let Some((left, true)) = self.members.leave_group(group.number, handler) else {
            return;
        };
        let subscriber = &self.member(group.number).subscriber;
        let position = subscriber.cursor.load().position().max(left.joined_at);
        let segment_key = SegmentKey::of(subscriber);
        let segments = self.log.ticketed_after(segment_key, position);
        if !segments.is_empty() && !seeded_bug!("member-keeps-tickets") {
            effects.push(Effect::Unread(Box::new(Unread {
                subscriber: Identity::clone(&left.identity),
                cause,
                position,
                segments,
            })));
        }
        self.assert_invariants();
    }
}
