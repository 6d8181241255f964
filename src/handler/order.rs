//! What a runner is asked to do.

use std::any::Any;

use tokio::sync::{oneshot, watch};

use super::StopReason;
use super::member::{AnyHandler, Listed, Member};

pub(super) struct Order<E> {
    /// The newest event when it was given.
    pub(super) after: u64,
    pub(super) command: Command<E>,
}

pub(super) type AnyBox = Box<dyn Any + Send>;
pub(super) type Call = Box<dyn FnOnce(&mut dyn Any) + Send>;
pub(super) type Give = Box<dyn FnOnce(Result<AnyBox, StopReason>) + Send>;
pub(super) type With<E> = Box<dyn FnOnce(AnyBox) -> Swapped<E> + Send>;
/// The new handler, or the old one back.
pub(super) type Swapped<E> = Result<Box<dyn AnyHandler<E>>, Box<dyn AnyHandler<E>>>;

pub(super) enum Command<E> {
    Add(Member<E>),
    Call {
        id: u64,
        /// Also answers.
        call: Call,
        /// Hears of a panic, when it has had its consequences.
        failed: oneshot::Sender<String>,
    },
    Swap {
        id: u64,
        /// Call `terminate` first; `with` then cannot refuse.
        terminate: bool,
        with: With<E>,
        new: Listed<E>,
        tell: watch::Sender<Option<StopReason>>,
        /// Whether it was swapped.
        answer: oneshot::Sender<bool>,
    },
    /// `None`: all of them, and the group.
    Remove {
        id: Option<u64>,
        reason: StopReason,
        /// Takes the handler, or hears that `terminate` panicked.
        give: Option<Give>,
    },
    LookAtOwner(u64),
    /// Nobody holds the group any more: it ends with its last handler.
    LetGo,
}
