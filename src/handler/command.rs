//! Commands to a runner.

use std::any::{Any, TypeId};

use tokio::sync::oneshot;

use super::StopReason;
use super::dyn_handler::DynHandler;
use super::exit::ExitState;
use super::member::Member;
use super::owner::Recheck;
use super::user_value::{UserFuture, UserValue};
use crate::util::sync::Arc;

pub(super) type AnyBox = Box<dyn Any + Send>;
/// Sender of the reply to a command.
pub(super) type Reply<T> = UserValue<oneshot::Sender<T>>;
pub(super) type GiveFn = UserValue<Box<dyn FnOnce(Result<AnyBox, StopReason>) + Send>>;
pub(super) type SwapFn<E> =
    UserValue<Box<dyn FnOnce(AnyBox) -> UserFuture<'static, Swapped<E>> + Send>>;
/// The new handler, or the old handler if the closure refused.
pub(super) type Swapped<E> = Result<Box<dyn DynHandler<E>>, Box<dyn DynHandler<E>>>;

type Call = dyn FnOnce(&mut (dyn Any + Send)) + Send;
type AsyncCall = dyn for<'a> FnOnce(&'a mut (dyn Any + Send)) -> UserFuture<'a, ()> + Send;

/// Calls the user's closure and sends the reply.
pub(super) enum CallFn {
    Now(Box<Call>),
    Async(Box<AsyncCall>),
}

/// A request to a runner. The runner drops a command for a handler after its end. The dropped reply
/// sender tells the caller.
pub(super) enum Command<E> {
    Add(Member<E>),
    Call {
        target: Arc<ExitState>,
        call: UserValue<CallFn>,
        /// Receives the message of a panic, after the handler has been restarted or ended.
        on_panic: Reply<String>,
    },
    Swap(Swap<E>),
    /// Removes a handler, or a group with all of its handlers.
    Remove {
        target: Arc<ExitState>,
        /// Receives the handler, or the reason why `terminate` did not complete.
        give: Option<GiveFn>,
    },
    /// Polls the owner behind this request. An owner stays with its member in a swap, so the target
    /// is the request and not the exit of the handler.
    CheckOwner(Arc<Recheck>),
    /// The handle of the group has been dropped: the group ends with its last handler.
    ReleaseGroup,
}

pub(super) struct Swap<E> {
    pub(super) target: Arc<ExitState>,
    /// Whether `terminate` is called before `replace`, which then cannot refuse.
    pub(super) terminate: bool,
    pub(super) replace: SwapFn<E>,
    /// Exit and type of the new handler.
    pub(super) exit: Arc<ExitState>,
    pub(super) handler_type: TypeId,
    /// Receives whether the handler was replaced.
    pub(super) reply: Reply<bool>,
}

/// A command with its position in the sequence of events.
pub(super) struct QueuedCommand<E> {
    /// Sequence number of the newest event when the command was sent.
    pub(super) not_before: u64,
    pub(super) command: Command<E>,
}
