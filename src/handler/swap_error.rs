//! Errors of swapping handlers.

use std::error::Error;
use std::fmt;

use super::error::{STOPPED, stopped_or_would_deadlock};
use super::{HandlerRef, StopReason};
use crate::error::WOULD_DEADLOCK;

/// Why [`HandlerRef::swap`] did not return the new handler.
///
/// # Examples
/// ```
/// use genevent::{EventManager, StopReason, handler::SwapError, handler_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let manager = EventManager::<u8>::new(8);
/// let log = manager.add_handler("log", handler_fn(|_: &u8| ())).unwrap();
/// assert!(log.clone().remove().await.is_ok());
///
/// let error = log.swap(|old| old).await.unwrap_err();
/// assert_eq!(error, SwapError::Stopped(StopReason::Removed));
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SwapError {
    /// The handler had ended before, or ended because the closure panicked.
    Stopped(StopReason),
    /// The swap was requested inside of the handler itself, or inside of another handler of the
    /// same group, and would wait for itself.
    ///
    /// The handler is swapped only if the first poll was outside of the handler; the result of the
    /// swap is lost then.
    WouldDeadlock,
}

stopped_or_would_deadlock!(SwapError);

/// Why [`HandlerRef::try_swap`] did not return the new handler.
///
/// # Examples
/// ```
/// use genevent::{EventManager, StopReason, handler::TrySwapError, handler_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let manager = EventManager::<u8>::new(8);
/// let log = manager.add_handler("log", handler_fn(|_: &u8| ())).unwrap();
/// let other = log.clone();
///
/// let same = handler_fn(|_: &u8| ());
/// let refused = log.try_swap(|old| if manager_is_busy() { Err(old) } else { Ok(same) }).await;
/// let Err(TrySwapError::Refused(log)) = refused else { panic!() };
///
/// assert!(other.remove().await.is_ok());
/// let stopped = log.try_swap(|old| Ok::<_, _>(old)).await.unwrap_err();
/// assert!(matches!(stopped, TrySwapError::Stopped(StopReason::Removed)));
/// # }
/// # fn manager_is_busy() -> bool { true }
/// ```
#[non_exhaustive]
pub enum TrySwapError<E, H> {
    /// The closure gave the handler back. The handler keeps running, and this is its reference.
    Refused(HandlerRef<E, H>),
    /// The handler had ended before, or ended because the closure panicked.
    Stopped(StopReason),
    /// The swap was requested inside of the handler itself, or inside of another handler of the
    /// same group, as in [`SwapError::WouldDeadlock`].
    WouldDeadlock,
}

impl<E, H> fmt::Debug for TrySwapError<E, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(handler) => f.debug_tuple("Refused").field(handler).finish(),
            Self::Stopped(reason) => f.debug_tuple("Stopped").field(reason).finish(),
            Self::WouldDeadlock => f.write_str("WouldDeadlock"),
        }
    }
}

impl<E, H> fmt::Display for TrySwapError<E, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused(_) => "the closure refused to swap the handler",
            Self::Stopped(_) => STOPPED,
            Self::WouldDeadlock => WOULD_DEADLOCK,
        })
    }
}

impl<E, H> Error for TrySwapError<E, H> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Stopped(reason) => Some(reason),
            Self::Refused(_) | Self::WouldDeadlock => None,
        }
    }
}
