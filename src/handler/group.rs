//! Many handlers in a single task.

mod adding;

use std::fmt;
use std::future::Future;

use super::address::HandlerAddress;
use super::command::Command;
use super::{AnyHandlerRef, Handler, HandlerRef, StopReason};
use crate::channel::handlers::names::HandlerNames;
use crate::subscriber_id::{Identity, SubscriberId};
use crate::util::panic_guard::drop_caught;
use crate::util::sync::Arc;

/// Many handlers in a **single** task, on one subscription: the shape of `GenEvent` itself.
///
/// Made by [`EventManager::handler_group`]. Each event is lent to the handlers one after the other,
/// oldest first, without a clone. A group is the fastest way to run small callbacks: a single wake-up
/// serves all handlers. A slow handler delays the rest. A handler that panics or breaks ends alone,
/// and the rest still handle the event.
///
/// **Each handler counts as a subscriber**, with a name and an id of its own: in receipts and in the
/// numbers that publishing calls return, from the first event stored after the handler was added, and in
/// [`subscribers`] and errors of deadlines. All handlers share one window, of the capacity of the manager. A
/// group without handlers is no subscriber, but its task still reads the events, and publishers that
/// have filled the window wait until the task runs.
///
/// The names in a group are separate from the names of the manager, whose [`which_handlers`] lists the
/// group only. When the manager is closed, the newest handler ends first. The group ends with the
/// manager, or once the last clone of this handle is dropped and no handler is left, or when it is
/// removed or [aborted](crate::EventManager::abort_handler) by its name, with all of its handlers. A handler
/// that holds a clone of its own group keeps the group; [`downgrade`](Self::downgrade) makes a handle
/// that does not.
///
/// # Examples
/// ```
/// use genevent::{EventManager, handler_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let manager = EventManager::<String>::new(8); // a `String` is lent, not cloned
/// let group = manager.handler_group("metrics").unwrap();
/// let (tx, rx) = std::sync::mpsc::channel();
/// for name in ["first", "second"] {
///     let tx = tx.clone();
///     group.add_handler(name, handler_fn(move |e: &String| {
///         tx.send(format!("{name}: {e}")).unwrap();
///     })).unwrap();
/// }
/// let receipt = manager.sync_notify("hit".into()).await.unwrap();
/// assert_eq!(receipt.acked(), 2, "each handler counts");
/// assert_eq!(rx.try_iter().collect::<Vec<_>>(), ["first: hit", "second: hit"]);
/// # }
/// ```
///
/// [`EventManager::handler_group`]: crate::EventManager::handler_group
/// [`which_handlers`]: crate::EventManager::which_handlers
/// [`subscribers`]: crate::EventManager::subscribers
#[must_use = "a group without handlers ends when it is dropped"]
pub struct HandlerGroup<E> {
    pub(super) shared: Arc<Shared<E>>,
}

/// A group with handles. Dropping the last handle releases the group.
pub(super) struct Shared<E> {
    name: Arc<str>,
    /// Names of the handlers in the group.
    names: Arc<HandlerNames>,
    address: HandlerAddress<E>,
    /// The identity of the group, for its handlers.
    identity: Arc<Identity>,
}

impl<E> HandlerGroup<E> {
    pub(super) fn new(
        name: Arc<str>,
        names: Arc<HandlerNames>,
        address: HandlerAddress<E>,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                name,
                names,
                identity: Arc::new(address.runner.identity()),
                address,
            }),
        }
    }

    /// Returns the id of the group's subscription, for [`EventManager::disconnect`] and
    /// [`SubscribeOptions::after`]. In receipts, each handler has an id of its own
    /// ([`HandlerRef::id`]).
    ///
    /// [`EventManager::disconnect`]: crate::EventManager::disconnect
    /// [`SubscribeOptions::after`]: crate::SubscribeOptions::after
    ///
    /// # Examples
    /// ```
    /// use genevent::{EventManager, StopReason};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::<u8>::new(8);
    /// let group = manager.handler_group("metrics").unwrap();
    /// assert!(manager.disconnect(group.id()));
    /// assert_eq!(group.stopped().await, StopReason::Aborted);
    /// # }
    /// ```
    #[must_use]
    pub fn id(&self) -> SubscriberId {
        self.shared.address.id
    }

    /// Returns the name under which the manager lists the group.
    ///
    /// # Examples
    /// ```
    /// use genevent::EventManager;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::<u8>::new(8);
    /// let group = manager.handler_group("metrics").unwrap();
    /// assert_eq!(group.name(), "metrics");
    /// assert_eq!(manager.which_handlers(), ["metrics"]);
    /// # }
    /// ```
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Returns the names of the handlers in the group, oldest first. Never waits.
    ///
    /// # Examples
    /// ```
    /// use genevent::{EventManager, handler_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::<u8>::new(8);
    /// let group = manager.handler_group("metrics").unwrap();
    /// for name in ["errors", "hits"] {
    ///     group.add_handler(name, handler_fn(|_: &u8| ())).unwrap();
    /// }
    /// assert_eq!(group.which_handlers(), ["errors", "hits"]);
    /// # }
    /// ```
    #[doc(alias = "GenEvent.which_handlers")]
    #[must_use]
    pub fn which_handlers(&self) -> Vec<String> {
        self.shared.names.names()
    }

    /// Waits until the group has ended, and returns why.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    ///
    /// # Examples
    /// ```
    /// use genevent::{EventManager, StopReason};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::<u8>::new(8);
    /// let group = manager.handler_group("metrics").unwrap();
    /// assert!(manager.remove_handler("metrics").await);
    /// assert_eq!(group.stopped().await, StopReason::Removed);
    /// # }
    /// ```
    pub fn stopped(&self) -> impl Future<Output = StopReason> + Send + 'static + use<E> {
        self.shared.address.exit.stopped()
    }
}

impl<E: Send + Sync + 'static> HandlerGroup<E> {
    /// Returns a reference to a handler of the group, or `None` if no handler has this name and
    /// type.
    ///
    /// # Examples
    /// ```
    /// use std::ops::ControlFlow;
    /// use genevent::{EventManager, Handled, Handler};
    ///
    /// struct Count(u32);
    ///
    /// impl Handler<u8> for Count {
    ///     async fn handle_event(&mut self, _: &u8) -> Handled {
    ///         self.0 += 1;
    ///         Ok(ControlFlow::Continue(()))
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::<u8>::new(8);
    /// let group = manager.handler_group("metrics").unwrap();
    /// group.add_handler("hits", Count(0)).unwrap();
    /// manager.notify(1).await.unwrap();
    /// let hits = group.handler::<Count>("hits").unwrap();
    /// assert_eq!(hits.call(|hits| hits.0).await, Ok(1));
    /// # }
    /// ```
    #[must_use]
    pub fn handler<H: Handler<E>>(&self, name: &str) -> Option<HandlerRef<E, H>> {
        HandlerRef::find(&self.shared.names, name)
    }

    /// Returns a reference to the handler of the group with this name, of any type.
    ///
    /// # Examples
    /// ```
    /// use genevent::{EventManager, handler_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::<u8>::new(8);
    /// let group = manager.handler_group("metrics").unwrap();
    /// group.add_handler("hits", handler_fn(|_: &u8| ())).unwrap();
    /// assert_eq!(group.handler_by_name("hits").unwrap().name(), "hits");
    /// assert!(group.handler_by_name("misses").is_none());
    /// # }
    /// ```
    #[must_use]
    pub fn handler_by_name(&self, name: &str) -> Option<AnyHandlerRef<E>> {
        AnyHandlerRef::find(&self.shared.names, name)
    }

    /// Ends the handler of the group with this name at once, as [`HandlerRef::abort`] does. Returns false
    /// if there is none. Never waits.
    ///
    /// # Examples
    /// ```
    /// use std::future::pending;
    /// use genevent::EventManager;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::<u8>::new(8);
    /// let group = manager.handler_group("metrics").unwrap();
    /// group.add_handler("stuck", |_: &u8| pending::<()>()).unwrap();
    /// manager.notify(1).await.unwrap();
    /// assert!(group.abort_handler("stuck"));
    /// manager.flush().await.unwrap();
    /// # }
    /// ```
    pub fn abort_handler(&self, name: &str) -> bool {
        AnyHandlerRef::<E>::abort_by_name(&self.shared.names, name)
    }

    /// Removes a handler of the group behind all events stored so far, as
    /// [`EventManager::remove_handler`](crate::EventManager::remove_handler) does for a manager.
    ///
    /// Inside of a handler of the group, the call returns at once, and the handler with this name is removed
    /// after the current event: that may be the calling handler itself.
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
    /// let group = manager.handler_group("metrics").unwrap();
    /// group.add_handler("hits", handler_fn(|_: &u8| ())).unwrap();
    /// assert!(group.remove_handler("hits").await);
    /// assert!(!group.remove_handler("hits").await);
    /// # }
    /// ```
    pub async fn remove_handler(&self, name: &str) -> bool {
        HandlerAddress::<E>::remove_by_name(&self.shared.names, name).await
    }
}

impl<E> Clone for HandlerGroup<E> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<E> Drop for Shared<E> {
    fn drop(&mut self) {
        drop_caught(self.address.runner.send_now(Command::ReleaseGroup));
    }
}

impl<E> fmt::Debug for HandlerGroup<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandlerGroup")
            .field("name", &self.shared.name)
            .field("handlers", &self.which_handlers())
            .finish_non_exhaustive()
    }
}
