//! Many handlers in one task.

use std::fmt;
use std::future::Future;

use super::command::Command;
use super::exit::{HandlerAddress, NameRegistration};
use super::manager_ext::{find, remove};
use super::new_handler::NewHandler;
use super::{AddHandlerError, Handler, HandlerRef, Restart, StopReason};
use crate::channel::handlers::names::HandlerNames;
use crate::util::panic_guard::drop_caught;
use crate::util::sync::Arc;

/// Many handlers in **one** task, on one subscription: `GenEvent`'s own shape.
///
/// From [`EventManager::handler_group`]. Each event is lent to the handlers one after the other,
/// oldest first, and is not cloned; when the last one is done, it is acknowledged. For small
/// callbacks this is the fast path: one wake-up for all of them. A slow one delays the others;
/// one that panics or breaks ends alone, and the others still get that event. If all that got an
/// event failed over it, it counts as dropped.
///
/// A group counts as one subscriber, from the start, with or without handlers. The names of its
/// handlers are its own; the manager's [`which_handlers`] lists the group. When the manager is
/// closed, the newest handler ends first. The group ends with the manager, or once this handle
/// is dropped and no handler is left.
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
/// assert_eq!(receipt.acked(), 1, "a group counts once");
/// assert_eq!(rx.try_iter().collect::<Vec<_>>(), ["first: hit", "second: hit"]);
/// # }
/// ```
///
/// [`EventManager::handler_group`]: crate::EventManager::handler_group
/// [`which_handlers`]: crate::EventManager::which_handlers
#[must_use = "a group without handlers ends when it is dropped"]
pub struct HandlerGroup<E> {
    name: Arc<str>,
    roster: Arc<HandlerNames>,
    address: HandlerAddress<E>,
}

impl<E> HandlerGroup<E> {
    pub(super) fn new(name: Arc<str>, listed: HandlerAddress<E>) -> Self {
        Self {
            name,
            roster: Arc::default(),
            address: listed,
        }
    }

    /// The name that the manager lists it under.
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
        &self.name
    }

    /// The names of its handlers, oldest first. Answers at once.
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
        self.roster.names()
    }

    /// Waits until the group has ended, and tells why.
    ///
    /// # Cancel safety
    /// Dropping it changes nothing.
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
        self.address.exit.stopped()
    }
}

impl<E: Send + Sync + 'static> HandlerGroup<E> {
    /// As [`EventManager::add_handler`](crate::EventManager::add_handler), as the newest of the
    /// group.
    ///
    /// # Errors
    /// As there; the name must be free in the group.
    ///
    /// # Examples
    /// ```
    /// use genevent::{EventManager, handler_fn, handler::AddHandlerError};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::<u8>::new(8);
    /// let group = manager.handler_group("metrics").unwrap();
    /// let hits = group.add_handler("hits", handler_fn(|_: &u8| ())).unwrap();
    /// assert_eq!(hits.name(), "hits");
    /// let again = group.add_handler("hits", handler_fn(|_: &u8| ()));
    /// assert!(matches!(again, Err(AddHandlerError::AlreadyPresent(_))));
    /// # }
    /// ```
    pub fn add_handler<H: Handler<E>>(
        &self,
        name: impl Into<Arc<str>>,
        handler: H,
    ) -> Result<HandlerRef<E, H>, AddHandlerError<H>> {
        self.add(&name.into(), NewHandler::plain(handler))
            .map_err(|error| error.map(NewHandler::into_handler))
    }

    /// As [`EventManager::add_mon_handler`](crate::EventManager::add_mon_handler).
    ///
    /// # Errors
    /// As there; the name must be free in the group.
    ///
    /// # Examples
    /// ```
    /// use genevent::{EventManager, StopReason, handler_fn};
    /// use tokio::sync::oneshot;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::<u8>::new(8);
    /// let group = manager.handler_group("connections").unwrap();
    /// let (connection, closed) = oneshot::channel::<()>();
    /// let one = group.add_mon_handler("one", handler_fn(|_: &u8| ()), closed).unwrap();
    /// drop(connection);
    /// assert_eq!(one.stopped().await, StopReason::OwnerGone);
    /// # }
    /// ```
    pub fn add_mon_handler<H: Handler<E>>(
        &self,
        name: impl Into<Arc<str>>,
        handler: H,
        owner: impl Future + Send + 'static,
    ) -> Result<HandlerRef<E, H>, AddHandlerError<H>> {
        self.add(&name.into(), NewHandler::owned(handler, owner))
            .map_err(|error| error.map(NewHandler::into_handler))
    }

    /// As [`EventManager::add_handler_with`](crate::EventManager::add_handler_with).
    ///
    /// # Errors
    /// As there; the name must be free in the group.
    ///
    /// # Panics
    /// If the factory does, when it is called for the first time.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use genevent::{EventManager, Restart, handler_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::<u8>::new(8);
    /// let group = manager.handler_group("metrics").unwrap();
    /// let picky = || handler_fn(|n: &u8| assert_ne!(*n, 13));
    /// let once = Restart::on_failure(1, Duration::from_secs(60));
    /// group.add_handler_with("picky", picky, once).unwrap();
    /// manager.sync_notify(13).await.unwrap();
    /// assert_eq!(group.which_handlers(), ["picky"], "made anew");
    /// manager.sync_notify(13).await.unwrap();
    /// assert!(group.which_handlers().is_empty(), "given up");
    /// # }
    /// ```
    pub fn add_handler_with<H, F>(
        &self,
        name: impl Into<Arc<str>>,
        factory: F,
        restart: Restart,
    ) -> Result<HandlerRef<E, H>, AddHandlerError<F>>
    where
        H: Handler<E>,
        F: FnMut() -> H + Send + 'static,
    {
        self.add(&name.into(), NewHandler::<E, H>::made(factory, restart))
            .map_err(|error| error.map(NewHandler::into_factory))
    }

    /// As [`EventManager::handler`](crate::EventManager::handler).
    ///
    /// # Examples
    /// ```
    /// use std::ops::ControlFlow;
    /// use genevent::{EventManager, Handler};
    ///
    /// struct Count(u32);
    ///
    /// impl Handler<u8> for Count {
    ///     async fn handle_event(&mut self, _: &u8) -> ControlFlow<()> {
    ///         self.0 += 1;
    ///         ControlFlow::Continue(())
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
        find(&self.roster, name)
    }

    /// As [`EventManager::remove_handler`](crate::EventManager::remove_handler).
    ///
    /// # Cancel safety
    /// As there.
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
        remove::<E>(&self.roster, name).await
    }

    fn add<H: Handler<E>>(
        &self,
        name: &Arc<str>,
        candidate: NewHandler<E, H>,
    ) -> Result<HandlerRef<E, H>, AddHandlerError<NewHandler<E, H>>> {
        let link = &self.address.runner;
        if link.mailbox.is_closed() || link.channel.is_closed() {
            return Err(AddHandlerError::Closed(candidate));
        }
        let Some(life) = NameRegistration::new(&self.roster, name, link.channel.name()) else {
            return Err(AddHandlerError::AlreadyPresent(candidate));
        };
        let key = life.key;
        let (member, handler) = candidate.register(name, life, link);
        if let Err(Command::Add(member)) = link.send_now(Command::Add(member)) {
            // It has just ended.
            return Err(AddHandlerError::Closed(NewHandler::unregister(member)));
        }
        handler.address.clone().list(&self.roster, key);
        Ok(handler)
    }
}

impl<E> Drop for HandlerGroup<E> {
    fn drop(&mut self) {
        drop_caught(self.address.runner.send_now(Command::LetGo));
    }
}

impl<E> fmt::Debug for HandlerGroup<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandlerGroup")
            .field("name", &self.name)
            .field("handlers", &self.which_handlers())
            .finish_non_exhaustive()
    }
}
