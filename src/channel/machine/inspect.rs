//! Inspection: which subscribers there are and how far each has read.

use super::members::{Group, HandlerTurn};
use super::{Machine, Member};
use crate::channel::subscriber::SubscriberState;
use crate::channel::subscriber::cursor::CursorState;
use crate::channel::ticket::{AckLevel, Ticket};
use crate::inspect::SubscriberInfo;
use crate::util::clock::Instant;
use crate::util::sync::Arc;

/// A set of subscribers to be listed.
#[derive(Clone, Copy)]
pub(crate) enum Selection<'a> {
    /// Subscribers of the next event.
    Attached,
    /// Detached subscribers with unsettled events.
    Leaving,
    /// Subscribers blocking publishers.
    Blocking,
    /// Subscribers that owe the acknowledgement of this event.
    Owing(u64, AckLevel),
    /// Subscribers with unsettled or unread events.
    Unsettled,
    /// Subscribers awaited by this flush.
    FlushedBy(&'a Arc<Ticket>),
    /// Handlers that are handling an event.
    Running,
}

impl<E> Member<E> {
    /// Returns whether event `seq`, which was stored for the member, is unread.
    fn has_unread(&self, seq: u64) -> bool {
        match &self.queue {
            Some(queue) => queue.contains(seq),
            None => self.subscriber.cursor.load().position() < seq,
        }
    }

    /// Returns whether the member has yet to acknowledge event `seq`, which was stored for it.
    fn owes_ack(&self, seq: u64, level: AckLevel) -> bool {
        if self.subscriber.is_observer {
            return false;
        }
        if self.is_attached() && self.has_unread(seq) {
            return true;
        }
        match level {
            AckLevel::Received => self.subscriber.has_yet_to_yield(seq),
            AckLevel::Finished => {
                let forgets = seeded_bug!("waiting-for-omits-deliveries");
                self.subscriber.owes(seq) && !(forgets && self.subscriber.unacked_set().is_some())
            }
        }
    }
}

const GROUP: &str = "a handler of a group has the identity of the group";

/// Converts a number of unread events.
fn to_usize(unread: u64) -> usize {
    usize::try_from(unread).unwrap_or(usize::MAX)
}

impl<E> Machine<E> {
    /// Returns how many events the subscriber has yet to read, and whether no more can come.
    pub(crate) fn unread_and_is_last(&self, subscriber: &SubscriberState) -> (usize, bool) {
        let member = self.member(subscriber.id.number);
        match member.backlog() {
            Some(backlog) => (backlog.len(), true),
            None => (
                self.unread(member, subscriber.cursor.load()),
                self.is_complete(),
            ),
        }
    }

    fn unread(&self, member: &Member<E>, cursor: CursorState) -> usize {
        if let Some(queue) = &member.queue {
            return queue.len();
        }
        to_usize(self.log.tail() - cursor.position())
    }

    /// Returns information about a set of subscribers, oldest first. `now`: the time, if publishers
    /// wait.
    pub(crate) fn infos(&self, now: Option<Instant>, which: Selection<'_>) -> Vec<SubscriberInfo> {
        let tail = self.log.tail();
        let mut infos = Vec::new();
        for member in self.members.iter() {
            if let Some(group) = member.group() {
                self.handler_infos(now, member, group, which, &mut infos);
                continue;
            }
            let is_wanted = match which {
                Selection::Attached => member.is_attached(),
                Selection::Leaving => !member.is_attached() && member.owes(tail),
                Selection::Blocking => member.blocker.is_blocking(),
                Selection::Owing(seq, level) => member.owes_ack(seq, level),
                Selection::Unsettled => member.owes(tail),
                Selection::FlushedBy(ticket) => member.is_flushed_by(ticket),
                Selection::Running => false,
            };
            if is_wanted {
                infos.push(self.info(now, &member.subscriber));
            }
        }
        infos
    }

    /// Returns information about a handler, or a group, whose runner has not ended.
    pub(crate) fn infos_of_running(
        &self,
        now: Option<Instant>,
        subscriber: &Arc<SubscriberState>,
    ) -> Vec<SubscriberInfo> {
        let mut infos = Vec::new();
        let member = self.find(subscriber.id);
        if let Some((member, group)) = member.and_then(|member| Some((member, member.group()?))) {
            self.handler_infos(now, member, group, Selection::Running, &mut infos);
        } else {
            infos.push(self.info(now, subscriber));
        }
        infos
    }

    /// Adds information about the handlers of a group that are in a set of subscribers.
    fn handler_infos(
        &self,
        now: Option<Instant>,
        member: &Member<E>,
        group: &Group,
        which: Selection<'_>,
        infos: &mut Vec<SubscriberInfo>,
    ) {
        let tail = self.log.tail();
        let cursor = member.subscriber.cursor.load();
        let position = cursor.position();
        let in_flight = (!cursor.is_finished()).then_some(position);
        let is_asked = match which {
            Selection::Attached => member.is_attached(),
            Selection::Leaving => !member.is_attached() && member.owes(tail),
            Selection::Blocking => member.blocker.is_blocking(),
            Selection::Owing(..) | Selection::Running => true,
            Selection::Unsettled => member.owes(tail),
            Selection::FlushedBy(ticket) => member.is_flushed_by(ticket),
        };
        if !is_asked {
            return;
        }
        let group_info = self.info(now, &member.subscriber);
        let first = infos.len();
        for (handler, turn) in group.turns(in_flight) {
            let has_unread =
                |seq| member.is_attached() && position < seq && handler.joined_at < seq;
            // The handlers share a window: name the handler that holds up the others. Between events,
            // the machine does not know which handler is called, swapped or removed: name all handlers.
            let holds_up = in_flight.is_none() || turn == HandlerTurn::Now;
            let is_wanted = match which {
                Selection::Attached => true,
                Selection::Blocking => holds_up,
                Selection::Running => turn == HandlerTurn::Now,
                Selection::Owing(seq, level) => {
                    let is_now = in_flight == Some(seq) && level == AckLevel::Finished;
                    has_unread(seq) || (is_now && turn != HandlerTurn::Done)
                }
                Selection::Leaving | Selection::Unsettled | Selection::FlushedBy(_) => {
                    has_unread(tail) || turn != HandlerTurn::Done
                }
            };
            if is_wanted {
                // Events from before the handler joined are not for it.
                let unread = group_info.unread.min(to_usize(tail - handler.joined_at));
                infos.push(SubscriberInfo {
                    id: handler.identity.id,
                    name: handler.identity.name.clone(),
                    kind: handler.identity.kind,
                    group: Some(Arc::clone(handler.identity.group.as_ref().expect(GROUP))),
                    created_at: handler.identity.created_at,
                    // For a handler behind others, the event in flight is still to come.
                    unread: unread + usize::from(turn == HandlerTurn::Later),
                    unacked: usize::from(turn == HandlerTurn::Now),
                    blocking_for: group_info.blocking_for.filter(|_| holds_up),
                    ..group_info.clone()
                });
            }
        }
        // A flush may wait for a group without handlers, or with handlers that have all answered: name
        // the group then. A group is no subscriber, and no publisher waits for its acknowledgement.
        let names_group = !matches!(which, Selection::Attached | Selection::Owing(..));
        if infos.len() == first && names_group {
            infos.push(group_info);
        }
    }

    /// Returns information about a subscriber, which may have left. `now`: the time, if publishers
    /// wait.
    pub(crate) fn info(
        &self,
        now: Option<Instant>,
        subscriber: &Arc<SubscriberState>,
    ) -> SubscriberInfo {
        // Load the cursor once: otherwise, an event claimed in between would be counted both as
        // unread and as unacked, or not at all.
        let cursor = subscriber.cursor.load();
        let member = self.current(subscriber.id);
        SubscriberInfo {
            id: subscriber.id,
            name: subscriber.name.clone(),
            kind: subscriber.kind,
            group: None,
            is_observer: subscriber.is_observer,
            created_at: subscriber.created_at,
            overflow: subscriber.overflow,
            window: subscriber.window,
            after: (subscriber.stage()).map_or_else(Vec::new, |stage| stage.after().to_vec()),
            unread: member.map_or(0, |member| self.unread(member, cursor)),
            unacked: subscriber.unacked(cursor),
            missed: subscriber.missed(),
            blocking_for: now
                .zip(member)
                .and_then(|(now, member)| self.blockers.blocking_for(&member.blocker, now)),
        }
    }
}
