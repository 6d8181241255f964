//! Who the subscribers are and how far each has come, for people to see.

use super::{Machine, Member};
#[cfg(feature = "tracing")]
use crate::channel::effects::{Effect, Effects};
use crate::channel::subscriber::SubscriberState;
use crate::channel::subscriber::cursor::CursorState;
use crate::channel::ticket::{AckLevel, Ticket};
#[cfg(feature = "tracing")]
use crate::channel::trace::{LeaveReason, Record};
use crate::inspect::SubscriberInfo;
#[cfg(feature = "tracing")]
use crate::subscriber_id::SubscriberId;
use crate::util::clock::Instant;
use crate::util::sync::Arc;

impl<E> Member<E> {
    /// Whether event `seq`, which was stored for it, is one that it has not read.
    fn has_unread(&self, seq: u64) -> bool {
        match &self.queue {
            Some(lane) => lane.contains(seq),
            None => self.subscriber.cursor.load().position() < seq,
        }
    }
}

impl<E> Machine<E> {
    /// How many events the subscriber has yet to read, and whether these are the last.
    pub(crate) fn backlog(&self, place: &SubscriberState) -> (usize, bool) {
        match &self.member(place.id.number).backlog {
            Some(rest) => (rest.len(), true),
            None => (
                self.unread(self.member(place.id.number), place.cursor.load()),
                self.is_complete(),
            ),
        }
    }

    fn unread(&self, member: &Member<E>, word: CursorState) -> usize {
        if let Some(lane) = &member.queue {
            return lane.len();
        }
        let unread = self.log.tail() - word.position();
        usize::try_from(unread).expect("at most its window, which is a usize")
    }

    /// A subscriber has left, and somebody may want to know why.
    #[cfg(feature = "tracing")]
    pub(crate) fn trace_left(
        &self,
        id: SubscriberId,
        why: impl Into<LeaveReason>,
        effects: &mut Effects<E>,
    ) {
        if let Some(member) = self.find(id) {
            let place = Arc::clone(&member.subscriber);
            effects.push(Effect::Trace(Record::Left(place, why.into())));
        }
    }

    /// The subscribers that count, oldest first.
    pub(crate) fn infos(&self, now: Option<Instant>) -> Vec<SubscriberInfo> {
        self.infos_of(now, |member| member.attached)
    }

    /// Those that do not, and have yet to settle what they received.
    pub(crate) fn infos_leaving(&self) -> Vec<SubscriberInfo> {
        let tail = self.log.tail();
        self.infos_of(None, |member| !member.attached && member.owes(tail))
    }

    /// Those that hold up publishers.
    pub(crate) fn infos_blocking(&self, now: Option<Instant>) -> Vec<SubscriberInfo> {
        self.infos_of(now, |member| member.blocking.is_some())
    }

    /// Those that have not answered for event `seq`.
    pub(crate) fn infos_owing(
        &self,
        now: Option<Instant>,
        seq: u64,
        until: AckLevel,
    ) -> Vec<SubscriberInfo> {
        self.infos_of(now, |member| {
            (member.attached && member.has_unread(seq))
                || match until {
                    AckLevel::Received => member.subscriber.has_yet_to_yield(seq),
                    AckLevel::Finished => {
                        let forgets = seeded_bug!("pending-forgets-deliveries");
                        member.subscriber.owes(seq)
                            && !(forgets && member.subscriber.unacked_set().is_some())
                    }
                }
        })
    }

    /// Those that have not settled everything that is stored.
    pub(crate) fn infos_unsettled(&self, now: Option<Instant>) -> Vec<SubscriberInfo> {
        let tail = self.log.tail();
        self.infos_of(now, |member| member.owes(tail))
    }

    /// Those that `flush` waits for.
    pub(crate) fn infos_flushing(
        &self,
        now: Option<Instant>,
        flush: &Arc<Ticket>,
    ) -> Vec<SubscriberInfo> {
        let flush = Arc::as_ptr(flush);
        self.infos_of(now, |member| {
            (member.flushes.iter().flat_map(|flushes| flushes.iter()))
                .any(|(_, known)| known.as_ptr() == flush)
        })
    }

    /// One subscriber, which may have left. `now`: if publishers wait.
    pub(crate) fn info(
        &self,
        now: Option<Instant>,
        place: &Arc<SubscriberState>,
    ) -> SubscriberInfo {
        // Looked at once, so that an event which is taken meanwhile is counted once.
        let word = place.cursor.load();
        let member = self.current(place.id);
        let waited = member
            .filter(|member| member.blocking.is_some())
            .and_then(|member| member.waited);
        SubscriberInfo {
            place: Arc::clone(place),
            unread: member.map_or(0, |member| self.unread(member, word)),
            unacked: place.unacked(word),
            missed: place.missed(),
            blocking_for: now
                .zip(waited)
                .map(|(now, waited)| waited.so_far(self.clock.read(|| now))),
        }
    }

    fn infos_of(
        &self,
        now: Option<Instant>,
        wanted: impl Fn(&Member<E>) -> bool,
    ) -> Vec<SubscriberInfo> {
        // In the order of their numbers, and so of their ids.
        let members = self.members.iter().filter(|member| wanted(member));
        members
            .map(|member| self.info(now, &member.subscriber))
            .collect()
    }
}
