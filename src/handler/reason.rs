//! How handlers end, and why a request to one fails.

use std::error::Error;
use std::fmt;

use super::HandlerRef;
use crate::end_reason::DisconnectCause;
use crate::error::{CLOSED, WOULD_DEADLOCK};

/// Why a handler ended: [`HandlerRef::stopped`], and the argument of
/// [`Handler::terminate`](crate::Handler::terminate).
///
/// # Examples
/// ```
/// use genevent::{EventManager, StopReason, handler_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let manager = EventManager::<u8>::new(8);
/// let broken = manager.add_handler("broken", handler_fn(|n: &u8| assert!(*n < 2, "too much"))).unwrap();
/// for n in 1..=3 {
///     manager.notify(n).await.unwrap();
/// }
/// let reason = broken.stopped().await;
/// assert_eq!(reason, StopReason::Panicked("too much".into()));
/// assert_eq!(reason.to_string(), "it panicked: too much");
/// # }
/// ```
///
/// An abort ends a `terminate` that takes too long, and leaves the reason as it was:
///
/// ```
/// use std::{future::pending, ops::ControlFlow};
/// use genevent::{EventManager, Handler, StopReason};
///
/// struct Slow;
///
/// impl Handler<u8> for Slow {
///     async fn handle_event(&mut self, _: &u8) -> ControlFlow<()> {
///         ControlFlow::Break(())
///     }
///
///     async fn terminate(&mut self, _: &StopReason) {
///         pending().await
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let manager = EventManager::<u8>::new(8);
/// let slow = manager.add_handler("slow", Slow).unwrap();
/// manager.notify(1).await.unwrap();
/// tokio::time::sleep(std::time::Duration::from_secs(1)).await; // and `terminate` runs
/// slow.abort();
/// assert_eq!(slow.stopped().await, StopReason::Finished);
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StopReason {
    /// It was removed: by its name, its [`HandlerRef`] or its [`HandlerGuard`](crate::HandlerGuard).
    Removed,
    /// It answered `ControlFlow::Break`.
    Finished,
    /// The handler panicked, with this message; or a closure of `call`, `swap` or `try_swap` did,
    /// or the factory of a restart.
    ///
    /// `terminate` of a [restarted](crate::Restart) handler is called with this reason at every
    /// panic, also when a new handler follows. `stopped` gives this reason only when none follows.
    /// [`HandlerRef::remove`] gives it as well when `terminate` panicked over the removal; then
    /// `stopped` gives [`Removed`](Self::Removed).
    Panicked(String),
    /// Another handler has taken the place of this one.
    Swapped,
    /// The future that the handler was added with is ready, or panicked.
    OwnerGone,
    /// The manager was closed, and it has handled everything.
    ManagerClosed,
    /// [`HandlerRef::abort`], or the runtime that ran the handler is gone.
    ///
    /// `terminate` is called after an abort, with this reason. An abort while `terminate` already
    /// runs drops the future of `terminate`: during a swap or a restart, the reason becomes this
    /// one, and `terminate` is not called again; at any other end, the reason stays, and
    /// [`HandlerRef::remove`] alone gives this one. When the runtime goes, the reason is this one
    /// even if another end had begun, and `terminate` is dropped where it was, or is not called.
    Aborted,
    /// Its subscription was disconnected, and it has handled what it had.
    Disconnected(DisconnectCause),
    /// No end: the answer to a handler that asked to remove or swap itself (or, in a group,
    /// another one), and could only have waited for itself. Nothing has been done, unless it began
    /// to wait outside of itself: then it is done, and this is not told how.
    WouldDeadlock,
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Removed => "it was removed",
            Self::Finished => "it had finished",
            Self::Panicked(message) => return write!(f, "it panicked: {message}"),
            Self::Swapped => "another handler has taken its place",
            Self::OwnerGone => "its owner is gone",
            Self::ManagerClosed => CLOSED,
            Self::Aborted => "it was aborted",
            Self::Disconnected(_) => "its subscription was disconnected",
            Self::WouldDeadlock => WOULD_DEADLOCK,
        })
    }
}

impl Error for StopReason {}

#[cfg(feature = "tracing")]
impl crate::channel::trace::ExitReason for StopReason {
    fn is_panic(&self) -> bool {
        matches!(self, Self::Panicked(_))
    }
}

/// Why a handler was not added; it comes back.
///
/// # Examples
/// ```
/// use genevent::{EventManager, handler::AddHandlerError, handler_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let manager = EventManager::<u8>::new(8);
/// manager.add_handler("log", handler_fn(|_: &u8| ())).unwrap();
/// let again = manager.add_handler("log", handler_fn(|_: &u8| ()));
/// assert!(matches!(again, Err(AddHandlerError::AlreadyPresent(_))));
/// # }
/// ```
#[non_exhaustive]
pub enum AddHandlerError<H> {
    /// The name is taken.
    AlreadyPresent(H),
    /// The manager is closed, or the group has ended.
    Closed(H),
}

impl<H> AddHandlerError<H> {
    /// The handler that was not added.
    ///
    /// # Examples
    /// ```
    /// use genevent::{EventManager, handler_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::<u8>::new(8);
    /// manager.close();
    /// let refused = manager.add_handler("log", handler_fn(|_: &u8| ())).unwrap_err();
    /// let log = refused.into_handler();
    /// assert!(EventManager::new(8).add_handler("log", log).is_ok());
    /// # }
    /// ```
    pub fn into_handler(self) -> H {
        match self {
            Self::AlreadyPresent(handler) | Self::Closed(handler) => handler,
        }
    }

    pub(super) fn map<T>(self, f: impl FnOnce(H) -> T) -> AddHandlerError<T> {
        match self {
            Self::AlreadyPresent(handler) => AddHandlerError::AlreadyPresent(f(handler)),
            Self::Closed(handler) => AddHandlerError::Closed(f(handler)),
        }
    }
}

impl<H> fmt::Debug for AddHandlerError<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AlreadyPresent(_) => "AlreadyPresent(..)",
            Self::Closed(_) => "Closed(..)",
        })
    }
}

impl<H> fmt::Display for AddHandlerError<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AlreadyPresent(_) => "a handler of this name is already present",
            Self::Closed(_) => "the event manager is closed, or the group has ended",
        })
    }
}

impl<H> Error for AddHandlerError<H> {}

/// Why [`HandlerRef::call`] has no answer.
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
    /// The handler has ended before its turn came.
    Stopped(StopReason),
    /// The closure panicked, with this message, and that has ended the handler, or made it be
    /// restarted.
    Panicked(String),
    /// The handler (or, in a group, another one) asked itself, and could only have waited for
    /// itself.
    WouldDeadlock,
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped(_) => f.write_str("the handler has ended"),
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

/// Why [`HandlerRef::try_swap`] did not swap.
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
    /// The closure gave the handler back. It goes on, and here is its reference again.
    Refused(HandlerRef<E, H>),
    /// It had ended already, or it ended because the closure panicked.
    Stopped(StopReason),
}

impl<E, H> fmt::Debug for TrySwapError<E, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(handler) => f.debug_tuple("Refused").field(handler).finish(),
            Self::Stopped(reason) => f.debug_tuple("Stopped").field(reason).finish(),
        }
    }
}

impl<E, H> fmt::Display for TrySwapError<E, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused(_) => "the handler was not to be swapped",
            Self::Stopped(_) => "the handler has ended",
        })
    }
}

impl<E, H> Error for TrySwapError<E, H> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Refused(_) => None,
            Self::Stopped(reason) => Some(reason),
        }
    }
}
