//! References to handlers.

use std::any::TypeId;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;

use super::address::HandlerAddress;
use super::command::{AnyBox, Command};
use super::{AnyHandlerRef, Handler, RemoveError, StopReason};
use crate::channel::handlers::names::HandlerNames;
use crate::subscriber_id::SubscriberId;
use crate::util::panic_guard::Guarded;
use crate::util::sync::Arc;

/// A reference to a handler, by which the handler is called, swapped or removed.
///
/// Returned by [`EventManager::add_handler`] and its siblings, and by [`EventManager::handler`].
/// Dropping the reference leaves the handler running. A reference does not keep the manager open.
///
/// [`call`](Self::call), [`swap`](Self::swap) and [`remove`](Self::remove) send a command with a
/// position in the sequence of events: events stored before the first poll are handled before the
/// command, and later events after the command. The task of the handler executes the command, also
/// if the future is dropped after the first poll. Inside of the handler itself these methods return
/// `WouldDeadlock`. A command whose first poll was outside of the handler is still executed then.
///
/// # Examples
/// ```
/// use genevent::{EventManager, handler_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let manager = EventManager::<u8>::new(8);
/// let log = manager.add_handler("log", handler_fn(|_: &u8| ())).unwrap();
/// let other = log.clone();
/// drop(log); // the handler keeps running
/// assert!(other.remove().await.is_ok());
/// # }
/// ```
///
/// [`EventManager::add_handler`]: crate::EventManager::add_handler
/// [`EventManager::handler`]: crate::EventManager::handler
pub struct HandlerRef<E, H> {
    pub(super) name: Arc<str>,
    pub(super) address: HandlerAddress<E>,
    handler: PhantomData<fn() -> H>,
}

impl<E, H> HandlerRef<E, H> {
    /// Makes a reference. The handler at `address` is an `H`.
    pub(super) fn new(name: Arc<str>, address: HandlerAddress<E>) -> Self {
        Self {
            name,
            address,
            handler: PhantomData,
        }
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
    /// assert_eq!(log.name(), "log");
    /// # }
    /// ```
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the id of the handler as a subscriber: that of its subscription, or in a group, where all
    /// handlers share the subscription of the group, an id of its own.
    ///
    /// # Examples
    /// ```
    /// use genevent::{EventManager, handler_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::<u8>::new(8);
    /// let log = manager.add_handler("log", handler_fn(|_: &u8| ())).unwrap();
    /// assert_eq!(manager.subscribers()[0].id(), log.id());
    /// assert!(manager.disconnect(log.id()));
    /// # }
    /// ```
    #[must_use]
    pub fn id(&self) -> SubscriberId {
        self.address.id
    }

    /// Returns how many events the handler's subscription has missed: under a lossy
    /// [overflow policy](crate::Overflow), events overwritten before the handler took them; and the events
    /// that [`replay_since`](crate::SubscribeOptions::replay_since) asked for and that were not retained any
    /// more.
    ///
    /// # Examples
    /// ```
    /// use genevent::{EventManager, handler_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::<u8>::new(1);
    /// let log = manager.add_handler("log", handler_fn(|_: &u8| ())).unwrap();
    /// for n in 1..=3 {
    ///     manager.notify(n).await.unwrap();
    /// }
    /// assert_eq!(log.missed(), 0, "publishers wait for room");
    /// # }
    /// ```
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.address.runner.missed()
    }

    /// Returns a reference that does not know the type of the handler.
    ///
    /// # Examples
    /// ```
    /// use genevent::{EventManager, Handler, handler::AnyHandlerRef, handler_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::<u8>::new(8);
    /// let log = manager.add_handler("log", handler_fn(|_: &u8| ())).unwrap();
    /// let count = manager.add_handler("count", |_: &u8| async {}).unwrap();
    /// let handlers: Vec<AnyHandlerRef<u8>> = vec![log.erase(), count.erase()];
    /// assert_eq!(handlers[1].name(), "count");
    /// # }
    /// ```
    #[must_use]
    pub fn erase(&self) -> AnyHandlerRef<E> {
        AnyHandlerRef::new(Arc::clone(&self.name), self.address.clone())
    }

    /// Ends the handler at once, and drops the future of `handle_event`.
    ///
    /// The event in flight counts as dropped, and so do the unread events. The handler's
    /// `terminate` is called; one more `abort` while `terminate` runs cuts `terminate` short. Code
    /// that does not await cannot be interrupted. In a group, while another handler is handling an
    /// event, the aborted handler ends after the other handler has finished, without handling the
    /// event. During a swap, the handler ends and is not replaced. A reference to a replaced
    /// handler aborts nothing.
    ///
    /// # Examples
    /// ```
    /// use std::{future::pending, ops::ControlFlow};
    /// use genevent::{EventManager, StopReason};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::new(8);
    /// let stuck = manager.add_handler("stuck", |_: &u8| pending::<()>()).unwrap();
    /// manager.notify(1).await.unwrap();
    /// stuck.abort();
    /// assert_eq!(stuck.stopped().await, StopReason::Aborted);
    /// # }
    /// ```
    pub fn abort(&self) {
        self.address.abort();
    }

    /// Waits until the handler has ended, and returns why. The future is ready after `terminate`
    /// has run and the name is free. The future does not borrow the reference.
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
    /// let manager = EventManager::new(8);
    /// let log = manager.add_handler("log", handler_fn(|_: &u8| ())).unwrap();
    /// let stopped = tokio::spawn(log.stopped());
    /// drop(manager);
    /// assert_eq!(stopped.await.unwrap(), StopReason::ManagerClosed);
    /// # }
    /// ```
    #[doc(alias = "gen_event_EXIT")]
    pub fn stopped(&self) -> impl Future<Output = StopReason> + Send + 'static + use<E, H> {
        self.address.exit.stopped()
    }
}

impl<E: Send + Sync + 'static, H: Handler<E>> HandlerRef<E, H> {
    /// Finds the handler listed under `name`, if the handler is an `H` and has not ended.
    pub(super) fn find(names: &HandlerNames, name: &str) -> Option<Self> {
        let address = HandlerAddress::find_running(names, name)?;
        let is_h = address.handler_type == TypeId::of::<H>();
        is_h.then(|| Self::new(name.into(), (*address).clone()))
    }

    /// Removes the handler behind all events stored so far, and returns the handler after its
    /// `terminate` has run.
    ///
    /// # Errors
    /// [`RemoveError::Stopped`] if the handler had ended already, with the reason; or if its
    /// `terminate` panicked. [`RemoveError::WouldDeadlock`] inside of the handler itself.
    ///
    /// # Cancel safety
    /// Dropped before the first poll: nothing has happened. Dropped later: the handler is removed
    /// and dropped.
    ///
    /// # Examples
    /// ```
    /// use std::ops::ControlFlow;
    /// use genevent::{EventManager, Handled, Handler};
    ///
    /// struct Collect(Vec<u8>);
    ///
    /// impl Handler<u8> for Collect {
    ///     async fn handle_event(&mut self, n: &u8) -> Handled {
    ///         self.0.push(*n);
    ///         Ok(ControlFlow::Continue(()))
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::new(8);
    /// let collect = manager.add_handler("collect", Collect(Vec::new())).unwrap();
    /// for n in 1..=3 {
    ///     manager.notify(n).await.unwrap();
    /// }
    /// assert_eq!(collect.remove().await.ok().unwrap().0, [1, 2, 3]);
    /// # }
    /// ```
    #[doc(alias = "GenEvent.remove_handler")]
    #[expect(
        clippy::missing_panics_doc,
        reason = "a `HandlerRef<E, H>` is only made for a handler of type `H`"
    )]
    pub async fn remove(self) -> Result<H, RemoveError> {
        let HandlerAddress { runner, exit, .. } = &self.address;
        let removed = self.address.ask(|reply| {
            let give = move |handler: Result<AnyBox, StopReason>| {
                // The handler is guarded: the future may be dropped with the unread reply.
                let handler = handler.map(|handler| *handler.downcast::<H>().expect(TYPE));
                reply.send(Guarded::new(handler));
            };
            Command::Remove {
                target: Arc::clone(exit),
                give: Some(runner.wrap_user_value(Box::new(give))),
            }
        });
        match removed.await {
            Some(Ok(removed)) => removed.into_inner().map_err(RemoveError::Stopped),
            Some(Err(reason)) => Err(RemoveError::Stopped(reason)),
            None => Err(RemoveError::WouldDeadlock),
        }
    }
}

/// Commands name their target by its exit, and every handler has an exit of its own.
pub(super) const TYPE: &str = "a `HandlerRef<E, H>` is only made for a handler of type `H`";

impl<E, H> Clone for HandlerRef<E, H> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.name), self.address.clone())
    }
}

impl<E, H> fmt::Debug for HandlerRef<E, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandlerRef")
            .field("name", &self.name)
            .field("stopped", &self.address.exit.reason())
            .finish_non_exhaustive()
    }
}
