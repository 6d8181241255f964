//! Handling an event.

use std::mem::take;

use super::answers::Answers;
use super::{MEMBER_INDEX, MIN_CAPACITY, Runner, yield_if_due};
use crate::channel::ticket::{AckLevel, Ticket};
use crate::handler::StopReason;
use crate::handler::member::Member;
use crate::handler::outcome::{Answer, Outcome};
use crate::handler::user_code::UserCodeScope;
use crate::receipt::Cause;
use crate::util::shrink::Shrink;

/// Number of members in a single step of handling an event.
const GROUP_CHUNK: usize = 64;

impl<E: Send + Sync + 'static> Runner<E> {
    /// Lets all members handle the next event, the oldest first.
    pub(super) async fn handle_event(&mut self) {
        if !self.subscription.take_ahead() {
            return;
        }
        self.answers.begin();
        let missed = self.subscription.take_missed();
        if missed > 0 {
            self.tell_missed(missed).await;
        }
        let Self {
            user_code,
            members,
            answers,
            steps_since_yield,
            ..
        } = self;
        let (event, seq) = (self.subscription.current(), self.subscription.current_seq());
        let mut ticket = self.subscription.group_ticket();
        if let Some(received) = ticket.filter(|ticket| ticket.level() == AckLevel::Received) {
            received.ack_many(members.len());
            ticket = None;
        }
        while answers.answered() < members.len() {
            // Fast path: a chunk of members without futures.
            let index = answers.answered();
            let end = members.len().min(index + GROUP_CHUNK);
            let (done, answer) = user_code.handle_now(members.range_mut(index..end), event);
            answers.finish(done);
            if index + done == end {
                if done == GROUP_CHUNK {
                    yield_if_due(steps_since_yield).await;
                }
                continue;
            }
            // Slow path: the next member needs a future, or its handler breaks or fails.
            let index = index + done;
            let member = &mut members[index];
            let answer = if let Some(answer) = answer {
                answer
            } else {
                let awaiting = || answers.tell_awaiting(seq, ticket);
                user_code.handle(member, event, awaiting).await
            };
            let stop = record(user_code, member, answer, answers, seq, ticket).await;
            let Some(reason) = stop else {
                answers.tell_ended(ticket);
                if answers.answered() % GROUP_CHUNK == 0 {
                    yield_if_due(steps_since_yield).await;
                }
                continue;
            };
            // The member ends. Its successor in the list moves to `index`.
            let member = members.remove(index).expect(MEMBER_INDEX);
            answers.ended();
            members.shrink_if_sparse(MIN_CAPACITY);
            let last = members.is_empty() && !self.has_handle;
            drop(user_code.end(member, reason, last).await);
            answers.tell_ended(ticket);
            yield_if_due(steps_since_yield).await;
        }
        if let Some(cause) = answers.end(ticket) {
            self.subscription.give_up(cause);
        }
    }

    /// Tells all members that events before the event just taken were lost. A member that panics is
    /// restarted, and still handles the event, or ends.
    #[cold]
    async fn tell_missed(&mut self, events: u64) {
        let mut index = 0;
        while index < self.members.len() {
            let member = &mut self.members[index];
            let (cause, reason) = match self.user_code.tell_missed(member, events).await {
                Outcome::Done(()) => {
                    index += 1;
                    continue;
                }
                Outcome::Panicked(message) => {
                    let cause = Cause::Panicked(message.as_str().into());
                    let Some(reason) = self.user_code.restart(member, message).await else {
                        index += 1;
                        continue;
                    };
                    (cause, reason)
                }
                Outcome::Aborted => (Cause::Left, StopReason::Aborted),
            };
            let identity = member.identity.clone();
            self.answers.left_early(identity, cause);
            drop(self.remove(index, reason).await);
            self.answers.tell_ended(self.subscription.group_ticket());
        }
    }
}

/// Records the answer of the next member. Returns the reason if the member ends.
async fn record<E: Send + Sync + 'static>(
    user_code: &UserCodeScope<E>,
    member: &mut Member<E>,
    answer: Answer,
    answers: &mut Answers,
    seq: u64,
    ticket: Option<&Ticket>,
) -> Option<StopReason> {
    let identity = member.identity.clone();
    match answer {
        Answer::Done(flow) if flow.is_continue() => {
            answers.finish(1);
            None
        }
        Answer::Failed(text) => {
            trace!(failed(&member.registration.label, &text));
            if seeded_bug!("failed-event-counts-as-finished") {
                answers.finish(1);
                return None;
            }
            answers.fail(identity.as_ref(), Cause::Failed(text.into()), ticket);
            None
        }
        Answer::Done(_) => {
            answers.tell_awaiting(seq, ticket);
            answers.may_end(identity, None);
            Some(StopReason::Finished)
        }
        Answer::Panicked(message) => {
            let cause = Cause::Panicked(message.as_str().into());
            answers.tell_awaiting(seq, ticket);
            answers.may_end(identity, Some(cause));
            user_code.restart(member, message).await
        }
        Answer::Aborted => {
            answers.tell_awaiting(seq, ticket);
            answers.may_end(identity, Some(Cause::Left));
            Some(StopReason::Aborted)
        }
    }
}

impl<E> Runner<E> {
    /// Settles the event in flight of a runner that is dropped.
    #[cold]
    #[inline(never)]
    pub(super) fn abandon_event(&mut self) {
        let ticket = self.subscription.group_ticket();
        let ticket = ticket.filter(|ticket| ticket.level() == AckLevel::Finished);
        let members = take(&mut self.members);
        let cause = self.answers.abandon(members.iter(), ticket);
        self.members = members;
        if let Some(cause) = cause {
            self.subscription.give_up(cause);
        }
    }
}
