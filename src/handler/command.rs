//! What a runner is asked to do.

use std::any::Any;

use tokio::sync::oneshot;

use super::StopReason;
use super::exit::{ExitState, HandlerAddress};
use super::member::{AnyHandler, Member};
use super::owner::OwnerWaker;
use super::user_value::UserValue;
use crate::util::sync::Arc;

pub(super) struct QueuedCommand<E> {
    /// The newest event when it was given.
    pub(super) not_before: u64,
    pub(super) command: Command<E>,
}

pub(super) type AnyBox = Box<dyn Any + Send>;
pub(super) type Reply<T> = UserValue<oneshot::Sender<T>>;
pub(super) type CallFn = UserValue<Box<dyn FnOnce(&mut dyn Any) + Send>>;
pub(super) type GiveFn = UserValue<Box<dyn FnOnce(Result<AnyBox, StopReason>) + Send>>;
pub(super) type SwapFn<E> = UserValue<Box<dyn FnOnce(AnyBox) -> Swapped<E> + Send>>;
/// The new handler, or the old one back.
pub(super) type Swapped<E> = Result<Box<dyn AnyHandler<E>>, Box<dyn AnyHandler<E>>>;

pub(super) enum Command<E> {
    Add(Member<E>),
    CallFn {
        target: Arc<ExitState>,
        /// Also answers.
        call: CallFn,
        /// Hears of a panic, when it has had its consequences.
        on_panic: Reply<String>,
    },
    Swap(Swap<E>),
    /// The handler of that fate, or the group with all of them.
    Remove {
        target: Arc<ExitState>,
        /// Takes the handler, or hears that `terminate` panicked.
        give: Option<GiveFn>,
    },
    /// At this owner.
    CheckOwner(Arc<OwnerWaker<E>>),
    /// Nobody holds the group any more: it ends with its last handler.
    LetGo,
}

pub(super) struct Swap<E> {
    pub(super) target: Arc<ExitState>,
    /// Call `terminate` first; `with` then cannot refuse.
    pub(super) terminate: bool,
    pub(super) replace: SwapFn<E>,
    pub(super) successor: HandlerAddress<E>,
    /// Whether it was swapped.
    pub(super) reply: Reply<bool>,
}
