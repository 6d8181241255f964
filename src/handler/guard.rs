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
    handler: HandlerRef<E, H>,
    /// Whether dropping the guard removes the handler.
    armed: bool,
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
            handler: self,
            armed: true,
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
    pub fn disarm(mut self) -> HandlerRef<E, H> {
        self.armed = false;
        self.handler.clone()
    }
}

impl<E, H> Deref for HandlerGuard<E, H> {
    type Target = HandlerRef<E, H>;

    fn deref(&self) -> &HandlerRef<E, H> {
        &self.handler
    }
}

impl<E, H> Drop for HandlerGuard<E, H> {
    fn drop(&mut self) {
        if self.armed {
            self.handler.address.request_removal();
        }
    }
}

impl<E, H> fmt::Debug for HandlerGuard<E, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HandlerGuard").field(&self.handler).finish()
    }
}
