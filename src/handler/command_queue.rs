//! Commands waiting for earlier events.

use std::collections::VecDeque;

use super::command::{Command, QueuedCommand};
use crate::util::shrink::Shrink;

/// Capacity that is kept while fewer commands are queued.
const MIN_CAPACITY: usize = 8;

/// Commands of a runner, in the order of execution.
///
/// # Invariants
/// 1. `commands` is sorted by `not_before`, and by arrival among equals: commands of one caller are
///    executed in the order of sending.
pub(super) struct CommandQueue<E>(VecDeque<QueuedCommand<E>>);

impl<E> CommandQueue<E> {
    pub(super) fn new() -> Self {
        Self(VecDeque::new())
    }

    pub(super) fn push(&mut self, new: QueuedCommand<E>) {
        let index = (self.0).partition_point(|queued| queued.not_before <= new.not_before);
        self.0.insert(index, new);
    }

    /// Returns the sequence number of the event before the first command.
    pub(super) fn not_before(&self) -> Option<u64> {
        self.0.front().map(|first| first.not_before)
    }

    pub(super) fn pop(&mut self) -> Option<Command<E>> {
        let first = self.0.pop_front()?;
        self.0.shrink_if_sparse(MIN_CAPACITY);
        Some(first.command)
    }
}
