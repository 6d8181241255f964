//! Results of running user code.

use std::error::Error;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::Handled;
use crate::util::panic_guard::{Guarded, drop_payload};

/// Result of running a future of the user.
pub(super) enum Outcome<T> {
    Done(T),
    /// The user code panicked, with this message.
    Panicked(String),
    Aborted,
}

/// The result of handling an event without a future. In registers, unlike an `Option<Handled>`: a group of
/// small callbacks would take a tenth longer.
#[expect(
    unnameable_types,
    missing_debug_implementations,
    reason = "only runners use it"
)]
#[non_exhaustive]
pub enum HandledNow {
    Continue,
    Break,
    Failed(Box<Box<dyn Error + Send + Sync>>),
    NeedsFuture,
}

impl From<ControlFlow<()>> for HandledNow {
    #[inline]
    fn from(flow: ControlFlow<()>) -> Self {
        match flow {
            ControlFlow::Continue(()) => Self::Continue,
            ControlFlow::Break(()) => Self::Break,
        }
    }
}

/// What a member has done with an event.
pub(super) enum Answer {
    Done(ControlFlow<()>),
    /// The handler returned an error, with this text.
    Failed(String),
    /// The handler panicked, with this message.
    Panicked(String),
    Aborted,
}

impl Answer {
    /// Reads the result of a handler. Runs user code: the text of an error, and its drop.
    #[inline]
    pub(super) fn of(handled: Handled) -> Self {
        match handled {
            Ok(flow) => Self::Done(flow),
            Err(error) => Self::failed(error),
        }
    }

    /// As [`of`](Self::of). Returns `None` if the handler needs a future.
    pub(super) fn of_now(handled: HandledNow) -> Option<Self> {
        match handled {
            HandledNow::Continue => Some(Self::Done(ControlFlow::Continue(()))),
            HandledNow::Break => Some(Self::Done(ControlFlow::Break(()))),
            HandledNow::Failed(error) => Some(Self::failed(*error)),
            HandledNow::NeedsFuture => None,
        }
    }

    #[cold]
    #[inline(never)]
    fn failed(error: Box<dyn Error + Send + Sync>) -> Self {
        // The error is guarded: its text may panic, and then its drop runs while the thread unwinds.
        let error = Guarded::new(error);
        Self::Failed(error.to_string())
    }
}

/// Runs user code and returns the message of a panic as an error.
pub(super) fn catch<T>(code: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(code)).map_err(|payload| {
        let message = match payload.downcast_ref::<&str>() {
            Some(message) => Some((*message).to_owned()),
            None => payload.downcast_ref::<String>().cloned(),
        };
        drop_payload(payload);
        message.unwrap_or_else(|| "a value that is no message".to_owned())
    })
}
