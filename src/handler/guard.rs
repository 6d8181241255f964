//! Guards of handlers: dropping a guard removes the handler.

use std::fmt;
use std::ops::Deref;

use super::{Handler, HandlerRef};

/// A guard of a handler, made by [`HandlerRef::drop_guard`]. Dropping the guard removes the
/// handler.
///
/// # Examples
/// ```
/// use genevent::{EventManager, StopReason, handler_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let manager = EventManager::<u8>::new(8);
/// let log = manager.add_handler("log", handler_fn(|_: &u8| ())).unwrap();
/// let stopped = {
///     let guard = log.drop_guard();
///     guard.stopped()
/// };
/// assert_eq!(stopped.await, StopReason::Removed);
/// # }
/// ```
#[must_use = "the handler is removed when the guard is dropped"]
pub struct HandlerGuard<E, H> {
    /// `None` only while `disarm` or `drop` ends the guard.
    handler: Option<HandlerRef<E, H>>,
}

impl<E: Send + Sync + 'static, H: Handler<E>> HandlerRef<E, H> {
    /// Makes a guard. Dropping the guard removes the handler behind all events stored so far.
    ///
    /// # Examples
    /// ```
    /// use genevent::{EventManager, StopReason, handler_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::new(8);
    /// let log = manager.add_handler("log", handler_fn(|_: &u8| ())).unwrap();
    /// let guard = log.drop_guard();
    /// let stopped = guard.stopped();
    /// drop(guard);
    /// assert_eq!(stopped.await, StopReason::Removed);
    /// # }
    /// ```
    pub fn drop_guard(self) -> HandlerGuard<E, H> {
        HandlerGuard {
            handler: Some(self),
        }
    }
}

impl<E, H> HandlerGuard<E, H> {
    /// Ends the guard without removing the handler, and returns the reference.
    ///
    /// # Examples
    /// ```
    /// use genevent::{EventManager, handler_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::new(8);
    /// let guard = manager.add_handler("log", handler_fn(|_: &u8| ())).unwrap().drop_guard();
    /// let log = guard.disarm();
    /// assert_eq!(log.call(|_| "still running").await, Ok("still running"));
    /// # }
    /// ```
    #[expect(
        clippy::missing_panics_doc,
        reason = "only `disarm` and `drop` take the reference"
    )]
    pub fn disarm(mut self) -> HandlerRef<E, H> {
        self.handler.take().expect(ARMED)
    }
}

const ARMED: &str = "only `disarm` and `drop` take the reference, and both end the guard";

impl<E, H> Deref for HandlerGuard<E, H> {
    type Target = HandlerRef<E, H>;

    fn deref(&self) -> &HandlerRef<E, H> {
        self.handler.as_ref().expect(ARMED)
    }
}

impl<E, H> Drop for HandlerGuard<E, H> {
    fn drop(&mut self) {
        if let Some(handler) = self.handler.take() {
            handler.address.request_removal();
        }
    }
}

impl<E, H> fmt::Debug for HandlerGuard<E, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HandlerGuard").field(&**self).finish()
    }
}
