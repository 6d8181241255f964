//! The answers of a runner's handlers to the event in flight.
//!
//! A handler alone answers through its subscription, as every stream does. Each member of a group answers
//! by itself, at the ticket of the event.

use std::mem::take;

use crate::channel::handlers::progress::GroupProgress;
use crate::channel::ticket::Ticket;
use crate::handler::member::Member;
use crate::receipt::{Cause, Unfinished};
use crate::subscriber_id::Identity;
use crate::util::sync::Arc;

/// The answers to the event in flight.
///
/// # Invariants
/// 1. While an event is in flight, each member that the event counts is in exactly one of these: the
///    answers told to the ticket, `finished`, `ending`, or the members of the list from index
///    `answered` on. So the runner can be dropped at any await, and settles the event once for each.
pub(super) struct Answers {
    /// `None` for a handler alone.
    group: Option<Arc<GroupProgress>>,
    in_flight: bool,
    /// How many members of the list have answered.
    answered: usize,
    /// How many members have finished the event without the ticket being told.
    finished: usize,
    /// The answer of a member that is ending or being restarted. Told after the end: a task that waits for
    /// the event finds the handler ended.
    ending: Option<(Option<Arc<Identity>>, Option<Cause>)>,
    /// Why the handler, which is alone, did not finish the event.
    failure: Option<Cause>,
    /// The value of `answered` that the channel was told last; `None` if it must be told again.
    told: Option<usize>,
}

impl Answers {
    pub(super) fn new(group: Option<Arc<GroupProgress>>) -> Self {
        Self {
            group,
            in_flight: false,
            answered: 0,
            finished: 0,
            ending: None,
            failure: None,
            told: None,
        }
    }

    /// Begins with an event just taken.
    pub(super) fn begin(&mut self) {
        debug_assert!(
            !self.in_flight && self.finished == 0,
            "answers: invariant 1"
        );
        self.in_flight = true;
        self.answered = 0;
        self.told = None;
    }

    pub(super) fn is_in_flight(&self) -> bool {
        self.in_flight
    }

    /// Returns the index of the next member to handle the event.
    #[inline]
    pub(super) fn answered(&self) -> usize {
        self.answered
    }

    /// Records that the next `members` have finished the event.
    #[inline]
    pub(super) fn finish(&mut self, members: usize) {
        self.answered += members;
        self.finished += members;
    }

    /// Records that the next member did not finish the event.
    pub(super) fn fail(
        &mut self,
        identity: Option<&Arc<Identity>>,
        cause: Cause,
        ticket: Option<&Ticket>,
    ) {
        self.answered += 1;
        self.give_up(identity, cause, ticket);
    }

    fn give_up(&mut self, identity: Option<&Arc<Identity>>, cause: Cause, ticket: Option<&Ticket>) {
        match (identity, ticket) {
            (None, _) => self.failure = Some(cause),
            (Some(identity), Some(ticket)) => {
                ticket.give_up(Unfinished::new(Identity::clone(identity), cause));
            }
            (Some(_), None) => {}
        }
    }

    /// Records the answer of the next member, which may end now: `cause` if the member did not finish the
    /// event.
    pub(super) fn may_end(&mut self, identity: Option<Arc<Identity>>, cause: Option<Cause>) {
        self.answered += 1;
        self.ending = Some((identity, cause));
    }

    /// Records that the member which may end has left the list of members.
    pub(super) fn ended(&mut self) {
        self.answered -= 1;
        // The next member has the same index, and the answer of the ended member is still to be told.
        self.told = None;
    }

    /// Records that a member has left the list before its turn, and did not finish the event.
    pub(super) fn left_early(&mut self, identity: Option<Arc<Identity>>, cause: Cause) {
        self.ending = Some((identity, Some(cause)));
    }

    /// Tells the answer of the member that has ended or was restarted.
    pub(super) fn tell_ended(&mut self, ticket: Option<&Ticket>) {
        match self.ending.take() {
            Some((identity, Some(cause))) => self.give_up(identity.as_ref(), cause, ticket),
            Some((_, None)) => self.finished += 1,
            None => {}
        }
    }

    /// Tells the ticket of the members that have finished.
    #[inline]
    fn tell_finished(&mut self, ticket: Option<&Ticket>) {
        let finished = take(&mut self.finished);
        if let Some(ticket) = ticket {
            ticket.ack_many(finished);
        }
    }

    /// Tells the ticket and the channel that the next member awaits during event `seq`, in its handler or in
    /// `terminate`. An error of a deadline then names this member, and the members after it.
    pub(super) fn tell_awaiting(&mut self, seq: u64, ticket: Option<&Ticket>) {
        let Some(group) = &self.group else { return };
        if self.told != Some(self.answered) {
            self.told = Some(self.answered);
            group.tell(seq, self.answered);
            self.tell_finished(ticket);
        }
    }

    /// Ends the event. Returns why the handler, if it is alone, did not finish the event.
    #[inline]
    pub(super) fn end(&mut self, ticket: Option<&Ticket>) -> Option<Cause> {
        self.in_flight = false;
        self.tell_finished(ticket);
        self.failure.take()
    }

    /// Ends the event for `members` that are dropped. Returns the same as [`end`](Self::end).
    pub(super) fn abandon<'a, E: 'a>(
        &mut self,
        members: impl Iterator<Item = &'a Member<E>>,
        ticket: Option<&Ticket>,
    ) -> Option<Cause> {
        self.tell_ended(ticket);
        for member in members.skip(self.answered) {
            self.give_up(member.identity.as_ref(), Cause::Left, ticket);
        }
        self.end(ticket)
    }
}
