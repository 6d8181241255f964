//! A handler bound to a value.

use std::fmt;
use std::ops::Deref;

use super::HandlerRef;

/// Removes its handler when it is dropped: [`HandlerRef::drop_guard`].
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
    /// Taken when it is disarmed.
    handler: Option<HandlerRef<E, H>>,
}

impl<E, H> HandlerGuard<E, H> {
    pub(super) fn new(handler: HandlerRef<E, H>) -> Self {
        Self {
            handler: Some(handler),
        }
    }

    /// The handler stays.
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
    /// assert_eq!(log.call(|_| "still there").await, Ok("still there"));
    /// # }
    /// ```
    #[expect(clippy::missing_panics_doc, reason = "it is there until then")]
    pub fn disarm(mut self) -> HandlerRef<E, H> {
        self.handler.take().expect(ARMED)
    }
}

const ARMED: &str = "only disarming takes it, and ends the guard";

impl<E, H> Deref for HandlerGuard<E, H> {
    type Target = HandlerRef<E, H>;

    fn deref(&self) -> &HandlerRef<E, H> {
        self.handler.as_ref().expect(ARMED)
    }
}

impl<E, H> Drop for HandlerGuard<E, H> {
    fn drop(&mut self) {
        if let Some(handler) = self.handler.take() {
            handler.request_removal();
        }
    }
}

impl<E, H> fmt::Debug for HandlerGuard<E, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HandlerGuard").field(&**self).finish()
    }
}
