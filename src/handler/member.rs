//! A handler in a runner, with its name, its owner and its restarts.

use super::dyn_handler::DynHandler;
use super::exit::ExitState;
use super::owner::Owner;
use super::registration::NameRegistration;
use super::restart::RestartState;
use super::user_value::UserValue;
use crate::subscriber_id::Identity;
use crate::util::sync::Arc;

/// A handler in its runner.
///
/// # Invariants
/// 1. `handler` is `None` only between a failed swap or restart and the end of the member, which
///    follows at once: running a member can rely on its handler.
pub(super) struct Member<E> {
    pub(super) registration: NameRegistration,
    /// The identity of a member of a group; `None` for a handler alone.
    pub(super) identity: Option<Arc<Identity>>,
    pub(super) handler: Option<UserValue<Box<dyn DynHandler<E>>>>,
    pub(super) owner: Option<Owner>,
    pub(super) restart_state: Option<RestartState<E>>,
}

const HANDLER: &str = "a member has its handler until the member ends";

impl<E> Member<E> {
    /// Returns the handler.
    #[inline]
    pub(super) fn handler(&mut self) -> &mut dyn DynHandler<E> {
        self.exit_and_handler().1
    }

    /// Returns the handler, beside the exit at which an abort of its code is requested.
    #[inline]
    pub(super) fn exit_and_handler(&mut self) -> (&Arc<ExitState>, &mut dyn DynHandler<E>) {
        let handler = self.handler.as_mut().expect(HANDLER);
        (&self.registration.exit, &mut ***handler)
    }

    /// Takes the handler.
    pub(super) fn take_handler(&mut self) -> Box<dyn DynHandler<E>> {
        self.handler.take().expect(HANDLER).take()
    }

    pub(super) fn is_aborted(&self) -> bool {
        self.registration.exit.is_aborted()
    }
}
