//! Handling an event.

use std::mem::take;

use super::{MEMBER_INDEX, MIN_CAPACITY, Runner, yield_if_due};
use crate::handler::StopReason;
use crate::handler::outcome::{Answer, Outcome};
use crate::receipt::Cause;
use crate::util::shrink::Shrink;

/// Number of members in a single step of handling an event.
const GROUP_CHUNK: usize = 64;

impl<E: Send + Sync + 'static> Runner<E> {
    /// Tells all members that events before the next event were lost. A member that panics is
    /// restarted, or ends.
    #[cold]
    async fn tell_missed(&mut self, events: u64) {
        self.unfinished = !self.members.is_empty();
        let mut index = 0;
        while index < self.members.len() {
            let member = &mut self.members[index];
            let stop = match self.user_code.tell_missed(member, events).await {
                Outcome::Done(()) => None,
                Outcome::Panicked(message) => {
                    self.failure = Some(Cause::Panicked(message.as_str().into()));
                    self.user_code.restart(member, message).await
                }
                Outcome::Aborted => Some(StopReason::Aborted),
            };
            match stop {
                None => index += 1,
                Some(reason) => drop(self.remove(index, reason).await),
            }
        }
    }

    /// Lets all members handle the next event, the oldest first.
    pub(super) async fn handle_event(&mut self) {
        if !self.subscription.take_ahead() {
            return;
        }
        match self.subscription.take_missed() {
            0 => {}
            events => self.tell_missed(events).await,
        }
        let Self {
            user_code,
            members,
            failure,
            steps_since_yield,
            ..
        } = self;
        let event = self.subscription.current();
        self.unfinished |= !members.is_empty();
        let (mut finished, mut failed, mut index) = (false, false, 0);
        while index < members.len() {
            // Fast path: a chunk of members without futures.
            let chunk = index..members.len().min(index + GROUP_CHUNK);
            let end = chunk.end;
            let (done, answer) = user_code.handle_now(members.range_mut(chunk), event);
            finished |= done > 0;
            index += done;
            if index == end {
                self.unfinished = index < members.len();
                if done == GROUP_CHUNK {
                    yield_if_due(steps_since_yield).await;
                }
                continue;
            }
            // Slow path: the member at `index` needs a future, or its handler breaks or fails.
            let is_last = index + 1 == members.len();
            let member = &mut members[index];
            let answer = match answer {
                Some(answer) => answer,
                None => user_code.handle(member, event).await,
            };
            finished |= matches!(answer, Answer::Done(_));
            // Set before the end of the member, which awaits `terminate`: a runtime dropped
            // meanwhile must not report a finished event as dropped.
            self.unfinished = !(finished && is_last);
            let stop = match answer {
                Answer::Done(flow) => flow.is_break().then_some(StopReason::Finished),
                Answer::Failed(text) => {
                    trace!(failed(&member.registration.label, &text));
                    failed = true;
                    *failure = Some(Cause::Failed(text.into()));
                    None
                }
                Answer::Panicked(message) => {
                    failed = true;
                    *failure = Some(Cause::Panicked(message.as_str().into()));
                    user_code.restart(member, message).await
                }
                Answer::Aborted => Some(StopReason::Aborted),
            };
            let Some(reason) = stop else {
                index += 1;
                if index % GROUP_CHUNK == 0 {
                    yield_if_due(steps_since_yield).await;
                }
                continue;
            };
            // The member ends. Its successor in the list moves to `index`.
            let member = members.remove(index).expect(MEMBER_INDEX);
            members.shrink_if_sparse(MIN_CAPACITY);
            let last = members.is_empty() && !self.has_owner;
            drop(user_code.end(member, reason, last).await);
            yield_if_due(steps_since_yield).await;
        }
        // The event counts as not finished if every member failed.
        if take(&mut self.unfinished) {
            self.give_up();
        } else if failed {
            self.failure = None;
        }
    }
}
