//! A group: the handlers that one log reader counts for.
//!
//! The member of a group reads the log for its handlers. Each handler has an identity of its own, and
//! counts as a subscriber from the event after it joined.

use std::collections::VecDeque;

use crate::channel::handlers::progress::GroupProgress;
use crate::subscriber_id::{Identity, SubscriberId};
use crate::util::shrink::Shrink;
use crate::util::sync::Arc;

/// Capacity that is kept while a group has fewer handlers.
const MIN_CAPACITY: usize = 8;

/// The handlers of a group, in the order in which they see an event.
///
/// # Invariants
/// 1. The runner of the group handles event `n` with exactly the handlers whose `joined_at` is less
///    than `n`, and that have not left: their number is part of the audience of event `n`, and the runner
///    gives as many answers.
#[derive(Default)]
pub(crate) struct Group {
    /// A deque, because mostly the oldest or the newest handler ends.
    handlers: VecDeque<GroupHandler>,
    progress: Arc<GroupProgress>,
}

/// A handler of a group.
pub(crate) struct GroupHandler {
    pub(crate) identity: Arc<Identity>,
    /// The sequence number of the newest event when the handler joined.
    pub(crate) joined_at: u64,
}

/// The turn of a handler in the event in flight.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum HandlerTurn {
    /// The handler has answered, or no event is in flight for it.
    Done,
    /// The handler is handling the event.
    Now,
    /// Handlers before it are.
    Later,
}

impl Group {
    pub(super) fn join(&mut self, handler: GroupHandler) {
        self.handlers.push_back(handler);
    }

    pub(super) fn leave(&mut self, id: SubscriberId) -> Option<GroupHandler> {
        // Search from both ends, for the same reason.
        let last = self.handlers.len().checked_sub(1)?;
        let is_leaving = |index: &usize| self.handlers[*index].identity.id == id;
        let index = (0..=last).flat_map(|n| [n, last - n]).find(is_leaving)?;
        let left = self.handlers.remove(index);
        self.handlers.shrink_if_sparse(MIN_CAPACITY);
        left
    }

    pub(crate) fn progress(&self) -> &Arc<GroupProgress> {
        &self.progress
    }

    pub(crate) fn handlers(&self) -> &VecDeque<GroupHandler> {
        &self.handlers
    }

    /// Returns the handlers, each with its turn in the event in flight, if there is one.
    pub(crate) fn turns(
        &self,
        in_flight: Option<u64>,
    ) -> impl Iterator<Item = (&GroupHandler, HandlerTurn)> {
        let answered = in_flight.map(|seq| (seq, self.progress.answered(seq)));
        self.handlers
            .iter()
            .enumerate()
            .map(move |(index, handler)| {
                let turn = match answered {
                    Some((seq, answered)) if handler.joined_at < seq && index >= answered => {
                        if index == answered {
                            HandlerTurn::Now
                        } else {
                            HandlerTurn::Later
                        }
                    }
                    _ => HandlerTurn::Done,
                };
                (handler, turn)
            })
    }
}
