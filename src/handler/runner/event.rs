//! Handling an event.

use std::mem::take;

use super::{MEMBER_INDEX, MIN_CAPACITY, Runner, yield_if_due};
use crate::handler::StopReason;
use crate::handler::outcome::Outcome;
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
        let Self {
            user_code,
            members,
            failure,
            steps_since_yield,
            ..
        } = self;
        let event = self.subscription.current();
        self.unfinished = !members.is_empty();
        let (mut finished, mut failed, mut index) = (false, false, 0);
        while index < members.len() {
            // Fast path: a chunk of members without futures.
            let chunk = index..members.len().min(index + GROUP_CHUNK);
            let end = chunk.end;
            let (done, outcome) = user_code.handle_now(members.range_mut(chunk), event);
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
            let outcome = match outcome {
                Some(outcome) => outcome,
                None => user_code.handle(member, event).await,
            };
            finished |= matches!(outcome, Outcome::Done(_));
            // Set before the end of the member, which awaits `terminate`: a runtime dropped
            // meanwhile must not report a finished event as dropped.
            self.unfinished = !(finished && is_last);
            let stop = match outcome {
                Outcome::Done(flow) => flow.is_break().then_some(StopReason::Finished),
                Outcome::Panicked(message) => {
                    failed = true;
                    *failure = Some(Cause::Panicked(message.as_str().into()));
                    user_code.restart(member, message).await
                }
                Outcome::Aborted => Some(StopReason::Aborted),
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
