//! Errors of requests to handlers.

use std::error::Error;
use std::fmt;

use super::StopReason;
use crate::error::WOULD_DEADLOCK;

/// Why [`HandlerRef::call`](crate::HandlerRef::call) returned no result.
///
/// # Examples
/// ```
/// use genevent::{EventManager, StopReason, handler::CallError, handler_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let manager = EventManager::<u8>::new(8);
/// let log = manager.add_handler("log", handler_fn(|_: &u8| ())).unwrap();
///
/// let panicked = log.call(|_| panic!("no answer")).await;
/// assert_eq!(panicked, Err(CallError::Panicked("no answer".into())));
///
/// let error = log.call(|_| ()).await.unwrap_err();
/// assert_eq!(error, CallError::Stopped(StopReason::Panicked("no answer".into())));
/// assert_eq!(error.to_string(), "the handler has ended");
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CallError {
    /// The handler ended before the call was executed.
    Stopped(StopReason),
    /// The closure panicked, with this message, and the panic has ended or restarted the handler.
    Panicked(String),
    /// The call was made inside of the handler itself, or inside of another handler of the same
    /// group, and would wait for itself.
    ///
    /// The closure is called only if the first poll was outside of the handler.
    WouldDeadlock,
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped(_) => f.write_str(STOPPED),
            Self::Panicked(message) => write!(f, "the call panicked: {message}"),
            Self::WouldDeadlock => f.write_str(WOULD_DEADLOCK),
        }
    }
}

impl Error for CallError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Stopped(reason) => Some(reason),
            Self::Panicked(_) | Self::WouldDeadlock => None,
        }
    }
}

/// Why [`HandlerRef::remove`](crate::HandlerRef::remove) did not return the handler.
///
/// # Examples
/// ```
/// use genevent::{EventManager, StopReason, handler::RemoveError, handler_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let manager = EventManager::<u8>::new(8);
/// let log = manager.add_handler("log", handler_fn(|_: &u8| ())).unwrap();
/// assert!(log.clone().remove().await.is_ok());
///
/// let error = log.remove().await.err().unwrap();
/// assert_eq!(error, RemoveError::Stopped(StopReason::Removed));
/// assert_eq!(error.to_string(), "the handler has ended");
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RemoveError {
    /// The handler had ended before, or its `terminate` panicked or was aborted.
    Stopped(StopReason),
    /// The removal was requested inside of the handler itself, or inside of another handler of the
    /// same group, and would wait for itself.
    ///
    /// The handler is removed only if the first poll was outside of the handler; the result of the
    /// removal is lost then.
    WouldDeadlock,
}

/// Implements `Display` and `Error` for errors with these two variants.
macro_rules! stopped_or_would_deadlock {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    Self::Stopped(_) => STOPPED,
                    Self::WouldDeadlock => WOULD_DEADLOCK,
                })
            }
        }

        impl Error for $name {
            fn source(&self) -> Option<&(dyn Error + 'static)> {
                match self {
                    Self::Stopped(reason) => Some(reason),
                    Self::WouldDeadlock => None,
                }
            }
        }
    };
}

pub(super) use stopped_or_would_deadlock;

stopped_or_would_deadlock!(RemoveError);

pub(super) const STOPPED: &str = "the handler has ended";
