//! References to handlers of any type, and to groups.

use std::fmt;
use std::future::Future;

use super::address::HandlerAddress;
use super::{RemoveError, StopReason};
use crate::channel::handlers::names::{Address, HandlerNames};
use crate::subscriber_id::SubscriberId;
use crate::util::sync::Arc;

/// A reference to a handler whose type is not known, or to a group.
///
/// Returned by [`HandlerRef::erase`](crate::HandlerRef::erase), and by name by
/// [`EventManager::handler_by_name`](crate::EventManager::handler_by_name).
/// [`EventManager::handler`](crate::EventManager::handler) returns a reference that can call and
/// swap the handler. Dropping the reference leaves the handler running. A reference does not keep the
/// manager open.
///
/// # Examples
/// ```
/// use genevent::{EventManager, StopReason, handler_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let manager = EventManager::<u8>::new(8);
/// manager.add_handler("log", handler_fn(|_: &u8| ())).unwrap();
/// manager.add_handler("count", |_: &u8| async {}).unwrap();
/// for name in manager.which_handlers() {
///     let handler = manager.handler_by_name(&name).unwrap();
///     let stopped = handler.stopped();
///     handler.remove().await.unwrap();
///     assert_eq!(stopped.await, StopReason::Removed);
/// }
/// # }
/// ```
pub struct AnyHandlerRef<E> {
    name: Arc<str>,
    address: HandlerAddress<E>,
}

impl<E> AnyHandlerRef<E> {
    pub(super) fn new(name: Arc<str>, address: HandlerAddress<E>) -> Self {
        Self { name, address }
    }

    /// Returns the name under which the handler was added.
    ///
    /// # Examples
    /// ```
    /// use genevent::{EventManager, handler_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::<u8>::new(8);
    /// let log = manager.add_handler("log", handler_fn(|_: &u8| ())).unwrap();
    /// assert_eq!(log.erase().name(), "log");
    /// # }
    /// ```
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the id of the handler, as [`HandlerRef::id`](crate::HandlerRef::id) does, or of the
    /// subscription of the group.
    ///
    /// # Examples
    /// ```
    /// use genevent::{EventManager, handler_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::<u8>::new(8);
    /// let log = manager.add_handler("log", handler_fn(|_: &u8| ())).unwrap();
    /// assert_eq!(log.erase().id(), log.id());
    /// # }
    /// ```
    #[must_use]
    pub fn id(&self) -> SubscriberId {
        self.address.id
    }

    /// Returns how many events the subscription has missed, as
    /// [`HandlerRef::missed`](crate::HandlerRef::missed) does.
    ///
    /// # Examples
    /// ```
    /// use genevent::{EventManager, handler_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::<u8>::new(8);
    /// let log = manager.add_handler("log", handler_fn(|_: &u8| ())).unwrap();
    /// assert_eq!(log.erase().missed(), 0);
    /// # }
    /// ```
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.address.runner.missed()
    }

    /// Ends the handler at once, as [`HandlerRef::abort`](crate::HandlerRef::abort) does, or the
    /// group and all of its handlers.
    ///
    /// # Examples
    /// ```
    /// use genevent::{EventManager, StopReason, handler_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::<u8>::new(8);
    /// let group = manager.handler_group("metrics").unwrap();
    /// let hits = group.add_handler("hits", handler_fn(|_: &u8| ())).unwrap();
    /// manager.handler_by_name("metrics").unwrap().abort();
    /// assert_eq!(hits.stopped().await, StopReason::Aborted);
    /// assert_eq!(group.stopped().await, StopReason::Aborted);
    /// # }
    /// ```
    pub fn abort(&self) {
        self.address.abort();
    }

    /// Waits until the handler or group has ended, and returns why, as
    /// [`HandlerRef::stopped`](crate::HandlerRef::stopped) does.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    ///
    /// # Examples
    /// ```
    /// use genevent::{EventManager, StopReason, handler_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::<u8>::new(8);
    /// let log = manager.add_handler("log", handler_fn(|_: &u8| ())).unwrap().erase();
    /// manager.close();
    /// assert_eq!(log.stopped().await, StopReason::ManagerClosed);
    /// # }
    /// ```
    pub fn stopped(&self) -> impl Future<Output = StopReason> + Send + 'static + use<E> {
        self.address.exit.stopped()
    }
}

impl<E: Send + Sync + 'static> AnyHandlerRef<E> {
    /// Finds the handler or group listed under `name`, if it has not ended.
    pub(super) fn find(names: &HandlerNames, name: &str) -> Option<Self> {
        let address = HandlerAddress::find_running(names, name)?;
        Some(Self::new(name.into(), (*address).clone()))
    }

    /// Aborts the handler or group listed under `name`. Returns `false` if it has ended.
    pub(super) fn abort_by_name(names: &HandlerNames, name: &str) -> bool {
        let found = Self::find(names, name);
        found
            .inspect(|found| found.address.abort_by_name())
            .is_some()
    }

    /// Removes the handler, or the group with all of its handlers, behind all events stored so far,
    /// and waits until its `terminate` has run.
    ///
    /// # Errors
    /// [`RemoveError::Stopped`] with the reason, if the handler ended for another reason than a
    /// removal; a handler that was swapped is not removed. [`RemoveError::WouldDeadlock`] inside of
    /// the handler itself.
    ///
    /// # Cancel safety
    /// Dropped before the first poll: nothing has happened. Dropped later: the handler is removed.
    ///
    /// # Examples
    /// ```
    /// use genevent::{EventManager, handler_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::<u8>::new(8);
    /// manager.add_handler("log", handler_fn(|_: &u8| ())).unwrap();
    /// manager.handler_by_name("log").unwrap().remove().await.unwrap();
    /// assert!(manager.which_handlers().is_empty());
    /// # }
    /// ```
    pub async fn remove(self) -> Result<(), RemoveError> {
        match self.address.remove().await {
            Some(StopReason::Removed) => Ok(()),
            Some(reason) => Err(RemoveError::Stopped(reason)),
            None => Err(RemoveError::WouldDeadlock),
        }
    }
}

impl<E> Clone for AnyHandlerRef<E> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.name), self.address.clone())
    }
}

impl<E> fmt::Debug for AnyHandlerRef<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyHandlerRef")
            .field("name", &self.name)
            .field("stopped", &self.address.exit.reason())
            .finish_non_exhaustive()
    }
}
