//! Who the subscribers are and how far each has come, for people to see.

use super::{Member, Ring};
use crate::ack::{Ticket, Until};
use crate::inspect::SubscriberInfo;
use crate::place::Place;
use crate::sync::Arc;

impl<E> Member<E> {
    /// Whether event `seq`, which was stored for it, is one that it has not read.
    fn has_unread(&self, seq: u64) -> bool {
        match &self.lane {
            Some(lane) => lane.holds(seq),
            None => self.place.cursor.load().position() < seq,
        }
    }
}

impl<E> Ring<E> {
    /// How many events the subscriber has yet to read, and whether these are the last.
    pub(crate) fn backlog(&self, place: &Place) -> (usize, bool) {
        match &self.member(place.id.key).rest {
            Some(rest) => (rest.len(), true),
            None => (self.unread(self.member(place.id.key)), self.is_complete()),
        }
    }

    fn unread(&self, member: &Member<E>) -> usize {
        if let Some(lane) = &member.lane {
            return lane.len();
        }
        let unread = self.log.tail() - member.place.cursor.load().position();
        usize::try_from(unread).expect("at most its window, which is a usize")
    }

    /// The subscribers that count, oldest first.
    pub(crate) fn infos(&self) -> Vec<SubscriberInfo> {
        self.infos_of(|member| member.attached)
    }

    /// Those that hold up publishers.
    pub(crate) fn infos_blocking(&self) -> Vec<SubscriberInfo> {
        self.infos_of(|member| member.blocking.is_some())
    }

    /// Those that have not answered for event `seq`.
    pub(crate) fn infos_owing(&self, seq: u64, until: Until) -> Vec<SubscriberInfo> {
        self.infos_of(|member| {
            (member.attached && member.has_unread(seq))
                || (until == Until::Finished
                    && member.place.owes(seq)
                    && !(planted!("pending-forgets-deliveries") && member.place.held().is_some()))
        })
    }

    /// Those that have not settled everything that is stored.
    pub(crate) fn infos_unsettled(&self) -> Vec<SubscriberInfo> {
        let tail = self.log.tail();
        self.infos_of(|member| member.owes(tail))
    }

    /// Those that `flush` waits for.
    pub(crate) fn infos_flushing(&self, flush: &Arc<Ticket>) -> Vec<SubscriberInfo> {
        let flush = Arc::as_ptr(flush);
        self.infos_of(|member| {
            member
                .flushes
                .iter()
                .any(|(_, known)| known.as_ptr() == flush)
        })
    }

    /// One subscriber, which may have left.
    pub(crate) fn info(&self, place: &Arc<Place>) -> SubscriberInfo {
        SubscriberInfo {
            place: Arc::clone(place),
            pending: (self.current(place.id)).map_or(0, |member| self.unread(member)),
            unacked: place.unacked(),
            missed: place.missed(),
        }
    }

    fn infos_of(&self, wanted: impl Fn(&Member<E>) -> bool) -> Vec<SubscriberInfo> {
        let members = self.members.iter().flatten();
        let mut infos: Vec<_> = members
            .filter(|member| wanted(member))
            .map(|member| self.info(&member.place))
            .collect();
        infos.sort_unstable_by_key(SubscriberInfo::id);
        infos
    }
}
