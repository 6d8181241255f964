//! What a runner is asked to do.

use std::any::Any;

use tokio::sync::oneshot;

use super::StopReason;
use super::exit::{Fate, Listed};
use super::member::{AnyHandler, Member};
use super::owner::Bell;
use super::user_value::Theirs;
use crate::util::sync::Arc;

pub(super) struct Order<E> {
    /// The newest event when it was given.
    pub(super) after: u64,
    pub(super) command: Command<E>,
}

pub(super) type AnyBox = Box<dyn Any + Send>;
pub(super) type Answer<T> = Theirs<oneshot::Sender<T>>;
pub(super) type Call = Theirs<Box<dyn FnOnce(&mut dyn Any) + Send>>;
pub(super) type Give = Theirs<Box<dyn FnOnce(Result<AnyBox, StopReason>) + Send>>;
pub(super) type With<E> = Theirs<Box<dyn FnOnce(AnyBox) -> Swapped<E> + Send>>;
/// The new handler, or the old one back.
pub(super) type Swapped<E> = Result<Box<dyn AnyHandler<E>>, Box<dyn AnyHandler<E>>>;

pub(super) enum Command<E> {
    Add(Member<E>),
    Call {
        whom: Arc<Fate>,
        /// Also answers.
        call: Call,
        /// Hears of a panic, when it has had its consequences.
        failed: Answer<String>,
    },
    Swap(Swap<E>),
    /// The handler of that fate, or the group with all of them.
    Remove {
        whom: Arc<Fate>,
        /// Takes the handler, or hears that `terminate` panicked.
        give: Option<Give>,
    },
    /// At this owner.
    Look(Arc<Bell<E>>),
    /// Nobody holds the group any more: it ends with its last handler.
    LetGo,
}

pub(super) struct Swap<E> {
    pub(super) whom: Arc<Fate>,
    /// Call `terminate` first; `with` then cannot refuse.
    pub(super) terminate: bool,
    pub(super) with: With<E>,
    pub(super) new: Listed<E>,
    /// Whether it was swapped.
    pub(super) answer: Answer<bool>,
}
