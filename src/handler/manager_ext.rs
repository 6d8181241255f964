//! Handlers of an event manager.

use std::future::Future;
use std::panic::Location;

use super::address::HandlerAddress;
use super::member::Member;
use super::new_handler::{Host, NewOwner, Slot, add, add_made};
use super::registration::NameRegistration;
use super::runner::Runner;
use super::{AddHandlerError, AnyHandlerRef, Handler, HandlerGroup, HandlerRef, Refused, Restart};
use crate::channel::Channel;
use crate::manager::EventManager;
use crate::options::{Overflow, SubscribeOptions};
use crate::subscriber_id::SubscriberKind;
use crate::subscription::Subscription;
use crate::util::panic_guard::Guarded;
use crate::util::spawn::Spawner;
use crate::util::sync::Arc;

impl<E: Send + Sync + 'static> EventManager<E> {
    /// Adds a handler, which sees every event published from now on. A task on the runtime runs the
    /// handler.
    ///
    /// The handler is a subscriber with policy [`Overflow::Wait`], also on a manager with another
    /// [`default_overflow`](crate::EventManagerBuilder::default_overflow): publishers wait for room
    /// at the handler, and `sync_notify` waits until the handler has finished. Handlers with an
    /// owner or with a restart, and groups, have the same policy. Adding never waits.
    ///
    /// # Errors
    /// [`AlreadyPresent`](AddHandlerError::AlreadyPresent) if a handler or a group has the name, or
    /// [`Closed`](AddHandlerError::Closed). Both give the handler back.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    ///
    /// # Examples
    /// ```
    /// use genevent::{EventManager, handler_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::new(8);
    /// let (tx, rx) = std::sync::mpsc::channel();
    /// manager.add_handler("forward", handler_fn(move |n: &u8| tx.send(*n).unwrap())).unwrap();
    /// manager.sync_notify(7).await.unwrap();
    /// assert_eq!(rx.try_recv(), Ok(7), "the handler has finished");
    /// # }
    /// ```
    #[doc(alias = "GenEvent.add_handler")]
    #[track_caller]
    pub fn add_handler<H: Handler<E>>(
        &self,
        name: impl Into<Arc<str>>,
        handler: H,
    ) -> Result<HandlerRef<E, H>, AddHandlerError<H>> {
        let handler = Guarded::new(handler);
        add(
            self.slot(name.into(), SubscriberKind::Handler),
            handler,
            None,
        )
    }

    /// Adds a handler, as [`add_handler`](Self::add_handler) does, and removes the handler when
    /// `owner` is ready.
    ///
    /// The owner is any future: a `JoinHandle`, a cancelled token, the receiver of a oneshot.
    /// Events stored before the owner wakes are still handled, and later events are not. The owner
    /// is polled once by this call, and then by the task of the handler. If the owner is ready
    /// already, the handler is removed at once.
    ///
    /// # Errors
    /// As `add_handler`. An error drops the owner.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    ///
    /// # Examples
    /// ```
    /// use genevent::{EventManager, StopReason, handler_fn};
    /// use tokio::sync::oneshot;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::new(8);
    /// let (connection, closed) = oneshot::channel::<()>();
    /// let forward = manager.add_mon_handler("forward", handler_fn(|_: &u8| ()), closed).unwrap();
    /// drop(connection);
    /// assert_eq!(forward.stopped().await, StopReason::OwnerGone);
    /// # }
    /// ```
    #[doc(alias = "GenEvent.add_mon_handler")]
    #[track_caller]
    pub fn add_mon_handler<H: Handler<E>>(
        &self,
        name: impl Into<Arc<str>>,
        handler: H,
        owner: impl Future + Send + 'static,
    ) -> Result<HandlerRef<E, H>, AddHandlerError<H>> {
        let (handler, owner) = (Guarded::new(handler), NewOwner::new(owner));
        let slot = self.slot(name.into(), SubscriberKind::Handler);
        add(slot, handler, Some(owner))
    }

    /// Adds a handler with a restart: when the handler panics, `factory` makes a new handler.
    ///
    /// The subscription survives. The event at which the handler panicked counts as dropped and is
    /// not handled again; every other event is handled once, by the old handler or by the new
    /// handler. The old handler's `terminate` is called. [`stopped`](HandlerRef::stopped) is ready
    /// when no more restart is allowed, or when the handler has ended for another reason.
    ///
    /// # Errors
    /// As [`add_handler`](Self::add_handler), with the factory, which has not been called.
    ///
    /// # Panics
    /// Outside of a tokio runtime, or if the first call of `factory` panics.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use genevent::{EventManager, Restart, handler_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::new(8);
    /// let (tx, rx) = std::sync::mpsc::channel();
    /// let inverse = move || {
    ///     let tx = tx.clone();
    ///     handler_fn(move |n: &i32| tx.send(10 / n).unwrap())
    /// };
    /// let twice = Restart::on_failure(2, Duration::from_secs(1));
    /// manager.add_handler_with("inverse", inverse, twice).unwrap();
    /// manager.notify(5).await.unwrap();
    /// assert_eq!(manager.sync_notify(0).await.unwrap().dropped(), 1);
    /// manager.sync_notify(2).await.unwrap();
    /// assert_eq!(rx.try_iter().collect::<Vec<_>>(), [2, 5]);
    /// # }
    /// ```
    #[track_caller]
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
        let factory = Guarded::new(factory);
        let slot = self.slot(name.into(), SubscriberKind::Handler);
        add_made(slot, factory, restart)
    }

    /// Adds a group: many handlers in a single task. The page of [`HandlerGroup`] says when to use
    /// a group.
    ///
    /// # Errors
    /// As [`add_handler`](Self::add_handler), with nothing to give back.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
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
    /// assert_eq!(manager.which_handlers(), ["metrics"]);
    /// assert_eq!(manager.sync_notify(1).await.unwrap().acked(), 1);
    /// # }
    /// ```
    #[track_caller]
    pub fn handler_group(
        &self,
        name: impl Into<Arc<str>>,
    ) -> Result<HandlerGroup<E>, AddHandlerError<()>> {
        let Slot {
            name,
            registration,
            runner,
            host,
        } = self.slot(name.into(), SubscriberKind::Group)?;
        let exit = Arc::clone(&registration.exit);
        let names = Arc::default();
        let address = HandlerAddress {
            members: Some(Arc::clone(&names)),
            ..HandlerAddress::new::<HandlerGroup<E>>(runner, exit)
        };
        registration.listing()(Arc::new(address.clone()));
        host.spawner.spawn(host.runner.run_group(registration));
        Ok(HandlerGroup::new(name, names, address))
    }

    /// Returns the names of the handlers and groups, oldest first. Never waits.
    ///
    /// # Examples
    /// ```
    /// use genevent::{EventManager, handler_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::<u8>::new(8);
    /// for name in ["log", "count"] {
    ///     manager.add_handler(name, handler_fn(|_: &u8| ())).unwrap();
    /// }
    /// assert_eq!(manager.which_handlers(), ["log", "count"]);
    /// # }
    /// ```
    #[doc(alias = "GenEvent.which_handlers")]
    #[must_use]
    pub fn which_handlers(&self) -> Vec<String> {
        self.channel().handler_names().names()
    }

    /// Returns a reference to a handler, or `None` if no handler has this name and type.
    ///
    /// # Examples
    /// ```
    /// use std::ops::ControlFlow;
    /// use genevent::{EventManager, Handler};
    ///
    /// struct Nothing;
    ///
    /// impl Handler<u8> for Nothing {
    ///     async fn handle_event(&mut self, _: &u8) -> ControlFlow<()> {
    ///         ControlFlow::Continue(())
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::<u8>::new(8);
    /// manager.add_handler("nothing", Nothing).unwrap();
    /// assert!(manager.handler::<Nothing>("nothing").is_some());
    /// assert!(manager.handler::<Nothing>("something").is_none());
    /// # }
    /// ```
    #[must_use]
    pub fn handler<H: Handler<E>>(&self, name: &str) -> Option<HandlerRef<E, H>> {
        HandlerRef::find(self.channel().handler_names(), name)
    }

    /// Returns a reference to the handler or group with this name, of any type.
    ///
    /// # Examples
    /// ```
    /// use genevent::{EventManager, StopReason, handler_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::<u8>::new(8);
    /// manager.add_handler("log", handler_fn(|_: &u8| ())).unwrap();
    /// let log = manager.handler_by_name("log").unwrap();
    /// assert_eq!(log.remove().await, Ok(()));
    /// assert!(manager.handler_by_name("log").is_none());
    /// # }
    /// ```
    #[must_use]
    pub fn handler_by_name(&self, name: &str) -> Option<AnyHandlerRef<E>> {
        AnyHandlerRef::find(self.channel().handler_names(), name)
    }

    /// Ends the handler with this name at once, or the group and all of its handlers, as
    /// [`HandlerRef::abort`] does. Returns false if there is none. Never waits.
    ///
    /// # Examples
    /// ```
    /// use std::future::pending;
    /// use genevent::{EventManager, StopReason};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::new(8);
    /// let stuck = manager.add_handler("stuck", |_: &u8| pending::<()>()).unwrap();
    /// manager.notify(1).await.unwrap();
    /// assert!(manager.abort_handler("stuck"));
    /// assert_eq!(stuck.stopped().await, StopReason::Aborted);
    /// assert!(!manager.abort_handler("stuck"));
    /// # }
    /// ```
    pub fn abort_handler(&self, name: &str) -> bool {
        let handler = self.handler_by_name(name);
        handler.inspect(AnyHandlerRef::abort).is_some()
    }

    /// Removes a handler, or a group with all of its handlers, behind all events stored so far.
    ///
    /// Returns `true` when the handler has been removed and the name is free. Returns `false` if no
    /// handler has this name, if the handler ended for another reason, or if the handler itself
    /// calls this method; a handler ends itself by `Break`.
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
    /// assert!(manager.remove_handler("log").await);
    /// assert!(!manager.remove_handler("log").await);
    /// # }
    /// ```
    #[doc(alias = "GenEvent.remove_handler")]
    pub async fn remove_handler(&self, name: &str) -> bool {
        HandlerAddress::<E>::remove_by_name(self.channel().handler_names(), name).await
    }

    /// Reserves `name`, and subscribes for a handler or a group.
    #[track_caller]
    fn slot(
        &self,
        name: Arc<str>,
        kind: SubscriberKind,
    ) -> Result<Slot<E, NewRunner<E>>, AddHandlerError<()>> {
        // First of all: outside of a runtime, this panics and nothing has happened.
        let spawner = Spawner::current();
        let channel: &Arc<Channel<E>> = self.channel();
        if channel.is_closed() {
            return Err(AddHandlerError::Closed(Refused::new(name, ())));
        }
        let names = channel.handler_names();
        let Some(registration) = NameRegistration::new(names, &name, channel.name()) else {
            return Err(AddHandlerError::AlreadyPresent(Refused::new(name, ())));
        };
        let options = SubscribeOptions::new().name(Arc::clone(&name)).kind(kind);
        // Not the manager's default policy: a callback that loses events, or ends, because the
        // callback is slow would contradict "sees every event".
        let options = options.overflow(Overflow::Wait);
        let subscription = Subscription::new(Arc::clone(channel), options, Location::caller());
        if subscription.is_ended() {
            return Err(AddHandlerError::Closed(Refused::new(name, ())));
        }
        let runner = Runner::new(subscription, channel);
        Ok(Slot {
            name,
            registration,
            runner: runner.handle().clone(),
            host: NewRunner { spawner, runner },
        })
    }
}

/// A runner to be spawned with the handler.
struct NewRunner<E> {
    spawner: Spawner,
    runner: Runner<E>,
}

impl<E: Send + Sync + 'static> Host<E> for NewRunner<E> {
    fn start(self, member: Member<E>, list: impl FnOnce()) -> Result<(), Box<Member<E>>> {
        // List before spawning: the handler finds itself by its name from its first event on. A
        // command sent meanwhile waits for `member`, which the runner adds first.
        list();
        self.spawner.spawn(self.runner.run_one(member));
        Ok(())
    }
}
