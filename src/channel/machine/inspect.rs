//! Inspection: which subscribers there are and how far each has read.

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
        let unread = self.log.tail() - cursor.position();
        usize::try_from(unread).expect("at most the capacity, which was a usize")
    }

    /// Returns information about a set of subscribers, oldest first. `now`: the time, if publishers
    /// wait.
    pub(crate) fn infos(&self, now: Option<Instant>, which: Selection<'_>) -> Vec<SubscriberInfo> {
        let tail = self.log.tail();
        let is_wanted = |member: &&Member<E>| match which {
            Selection::Attached => member.is_attached(),
            Selection::Leaving => !member.is_attached() && member.owes(tail),
            Selection::Blocking => member.blocker.is_blocking(),
            Selection::Owing(seq, level) => member.owes_ack(seq, level),
            Selection::Unsettled => member.owes(tail),
            Selection::FlushedBy(ticket) => member.is_flushed_by(ticket),
        };
        let members = self.members.iter().filter(is_wanted);
        members
            .map(|member| self.info(now, &member.subscriber))
            .collect()
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
