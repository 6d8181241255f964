//! Commands waiting for earlier events.

use std::collections::VecDeque;

use super::command::{Command, GiveFn, QueuedCommand};
use super::exit::ExitState;
use crate::util::shrink::Shrink;
use crate::util::sync::Arc;

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

    /// Queues the removal of `target` directly behind the command that adds `target`. Returns `give` as an
    /// error if no such command is queued.
    pub(super) fn push_behind_add(
        &mut self,
        target: &Arc<ExitState>,
        give: Option<GiveFn>,
    ) -> Result<(), Option<GiveFn>> {
        let adds = |queued: &QueuedCommand<E>| matches!(&queued.command, Command::Add(member) if Arc::ptr_eq(&member.registration.exit, target));
        let Some(index) = self.0.iter().position(adds) else {
            return Err(give);
        };
        let not_before = self.0[index].not_before;
        let target = Arc::clone(target);
        let command = Command::Remove { target, give };
        self.0.insert(
            index + 1,
            QueuedCommand {
                not_before,
                command,
            },
        );
        Ok(())
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
