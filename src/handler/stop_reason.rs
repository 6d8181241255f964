//! Reasons for the end of a handler.

use std::error::Error;
use std::fmt;

use crate::end_reason::DisconnectCause;
use crate::error::CLOSED;

/// Why a handler ended: the result of [`HandlerRef::stopped`](crate::HandlerRef::stopped), and the
/// argument of [`Handler::terminate`](crate::Handler::terminate).
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
/// An abort cuts a long `terminate` short and does not change the reason:
///
/// ```
/// use std::{future::pending, ops::ControlFlow};
/// use genevent::{EventManager, Handled, Handler, StopReason};
///
/// struct Slow;
///
/// impl Handler<u8> for Slow {
///     async fn handle_event(&mut self, _: &u8) -> Handled {
///         Ok(ControlFlow::Break(()))
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
/// tokio::time::sleep(std::time::Duration::from_secs(1)).await; // now `terminate` runs
/// slow.abort();
/// assert_eq!(slow.stopped().await, StopReason::Finished);
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StopReason {
    /// The handler was removed: by its name, its [`HandlerRef`](crate::HandlerRef) or its
    /// [`HandlerGuard`](crate::HandlerGuard).
    Removed,
    /// The handler returned `ControlFlow::Break`.
    Finished,
    /// The handler panicked, with this message; or a closure of `call`, `swap` or `try_swap`
    /// panicked, or the factory of a restart.
    ///
    /// [`HandlerRef::remove`](crate::HandlerRef::remove) also returns this reason when `terminate`
    /// panicked during the removal; then `stopped` returns [`Removed`](Self::Removed).
    Panicked(String),
    /// The handler panicked, with this message, and its factory will make a new handler: given to
    /// [`terminate`](crate::Handler::terminate) alone. The new handler has the same name and the same
    /// [`HandlerRef`](crate::HandlerRef), so `stopped` never returns this reason.
    ///
    /// If the factory panics, `stopped` returns [`Panicked`](Self::Panicked), and no `terminate` is called
    /// any more.
    Restarted(String),
    /// Another handler has replaced the handler.
    Swapped,
    /// The owner of the handler is gone: the future is ready, or panicked.
    OwnerGone,
    /// The manager was closed, and the handler has handled every event.
    ManagerClosed,
    /// The handler was aborted, by [`HandlerRef::abort`](crate::HandlerRef::abort), by its name, by
    /// [`disconnect`](crate::EventManager::disconnect) or by
    /// [`stop_now`](crate::EventManager::stop_now); or the runtime of the handler is gone.
    ///
    /// `terminate` is called after an abort, with this reason. An abort while `terminate` already
    /// runs drops the future of `terminate`: during a swap or a restart, the reason changes to
    /// `Aborted`, and `terminate` is not called again; at any other end, the reason stays, and only
    /// [`HandlerRef::remove`](crate::HandlerRef::remove) returns `Aborted`. When the runtime goes,
    /// the reason is `Aborted` even if another end had begun, and `terminate` is dropped or not
    /// called.
    Aborted,
    /// The subscription of the handler was disconnected, by its [overflow policy](crate::Overflow) or
    /// by a panic of its filter, and the handler has handled the remaining events.
    Disconnected(DisconnectCause),
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Removed => "it was removed",
            Self::Finished => "it had finished",
            Self::Panicked(message) => return write!(f, "it panicked: {message}"),
            Self::Restarted(message) => {
                return write!(f, "it panicked and is restarted: {message}");
            }
            Self::Swapped => "another handler has taken its place",
            Self::OwnerGone => "its owner is gone",
            Self::ManagerClosed => CLOSED,
            Self::Aborted => "it was aborted",
            Self::Disconnected(_) => "its subscription was disconnected",
        })
    }
}

impl Error for StopReason {}
