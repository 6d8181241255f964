//! What a manager can do with handlers.

use std::any::TypeId;
use std::future::Future;
use std::panic::Location;

use super::exit::{HandlerAddress, NameRegistration};
use super::new_handler::NewHandler;
use super::runner::Runner;
use super::{AddHandlerError, Handler, HandlerGroup, HandlerRef, Restart, StopReason};
use crate::channel::Channel;
use crate::channel::handlers::names::HandlerNames;
use crate::manager::EventManager;
use crate::options::{Overflow, SubscribeOptions};
use crate::subscriber_id::SubscriberKind;
use crate::subscription::Subscription;
use crate::util::spawn::Spawner;
use crate::util::sync::Arc;

impl<E: Send + Sync + 'static> EventManager<E> {
    /// Adds a handler, which sees every event published from now on; a task on the runtime runs
    /// it.
    ///
    /// The handler is a subscriber with policy [`Overflow::Wait`], also on a manager with another
    /// [`default_overflow`](crate::EventManagerBuilder::default_overflow): publishers wait for room
    /// at the handler, and `sync_notify` waits until the handler has finished. Handlers that are
    /// added with an owner or with a restart, and groups, have the same policy. Adding never waits.
    ///
    /// # Errors
    /// [`AlreadyPresent`](AddHandlerError::AlreadyPresent) if a handler or a group has the name,
    /// or [`Closed`](AddHandlerError::Closed). Both give the handler back.
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
    /// assert_eq!(rx.try_recv(), Ok(7), "it has been handled");
    /// # }
    /// ```
    #[doc(alias = "GenEvent.add_handler")]
    #[track_caller]
    pub fn add_handler<H: Handler<E>>(
        &self,
        name: impl Into<Arc<str>>,
        handler: H,
    ) -> Result<HandlerRef<E, H>, AddHandlerError<H>> {
        self.add(&name.into(), NewHandler::plain(handler), Location::caller())
            .map_err(|error| error.map(NewHandler::into_handler))
    }

    /// As [`add_handler`](Self::add_handler), and the handler is removed when `owner` is ready.
    ///
    /// The owner is any future: a `JoinHandle`, a cancelled token, a oneshot's receiver. What is
    /// stored when it wakes is still handled; later events are not. It is polled by the
    /// handler's task, and here once. If it is ready already, the handler is removed at once.
    ///
    /// # Errors
    /// As `add_handler`; the owner is dropped.
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
        let candidate = NewHandler::owned(handler, owner);
        self.add(&name.into(), candidate, Location::caller())
            .map_err(|error| error.map(NewHandler::into_handler))
    }

    /// Adds a handler that is made anew when it panics.
    ///
    /// The subscription survives: the event that it panicked over counts as dropped and is not
    /// seen again; all others are seen, each by one of its lives. The old life's `terminate` is
    /// called. [`stopped`](HandlerRef::stopped) tells when it has been given up, or ended
    /// otherwise.
    ///
    /// # Errors
    /// As [`add_handler`](Self::add_handler), with the factory, which has not been called.
    ///
    /// # Panics
    /// Outside of a tokio runtime; or if the factory does, when it is called for the first time.
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
        let candidate = NewHandler::<E, H>::made(factory, restart);
        self.add(&name.into(), candidate, Location::caller())
            .map_err(|error| error.map(NewHandler::into_factory))
    }

    /// A task for many handlers: the [`HandlerGroup`] page tells when to use one.
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
        let (tasks, name) = (Spawner::current(), name.into());
        let start = self.start(&name, (), SubscriberKind::Group, Location::caller());
        let (life, (), runner) = start?;
        let listed = life.address(runner.runner_handle(), TypeId::of::<HandlerGroup<E>>());
        listed
            .clone()
            .list(self.channel().handler_names(), life.key);
        tasks.spawn(runner.run_group(life));
        Ok(HandlerGroup::new(name, listed))
    }

    /// The names of the handlers and groups, oldest first. Answers at once.
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

    /// One more reference to a handler; `None` if there is none of this name and type.
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
        find(self.channel().handler_names(), name)
    }

    /// Removes a handler, or a group with all of its handlers, after all events stored before.
    ///
    /// True when that is done and the name is free. False if there is none of this name, if it
    /// ended otherwise, or if this is called by the handler itself, which `Break` ends.
    ///
    /// # Cancel safety
    /// Dropped before its first poll: nothing has happened. Later: it is removed.
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
        remove::<E>(self.channel().handler_names(), name).await
    }

    fn add<H: Handler<E>>(
        &self,
        name: &Arc<str>,
        candidate: NewHandler<E, H>,
        at: &'static Location<'static>,
    ) -> Result<HandlerRef<E, H>, AddHandlerError<NewHandler<E, H>>> {
        let tasks = Spawner::current();
        let start = self.start(name, candidate, SubscriberKind::Handler, at);
        let (life, candidate, runner) = start?;
        let key = life.key;
        let (member, handler) = candidate.register(name, life, runner.runner_handle());
        handler
            .address
            .clone()
            .list(self.channel().handler_names(), key);
        tasks.spawn(runner.run_one(member));
        Ok(handler)
    }

    /// Takes the name and subscribes, or gives `it` back.
    fn start<T>(
        &self,
        name: &Arc<str>,
        it: T,
        kind: SubscriberKind,
        at: &'static Location<'static>,
    ) -> Result<(NameRegistration, T, Runner<E>), AddHandlerError<T>> {
        let channel: &Arc<Channel<E>> = self.channel();
        if channel.is_closed() {
            return Err(AddHandlerError::Closed(it));
        }
        let Some(life) = NameRegistration::new(channel.handler_names(), name, channel.name())
        else {
            return Err(AddHandlerError::AlreadyPresent(it));
        };
        let options = SubscribeOptions::new().name(Arc::clone(name)).kind(kind);
        // Not the manager's default: a callback that loses events, or ends, because the callback
        // is slow would contradict "sees every event".
        let options = options.overflow(Overflow::Wait);
        let subscription = Subscription::new(Arc::clone(channel), options, at);
        if subscription.is_ended() {
            return Err(AddHandlerError::Closed(it));
        }
        Ok((life, it, Runner::new(subscription, channel)))
    }
}

pub(super) fn find<E, H>(roster: &HandlerNames, name: &str) -> Option<HandlerRef<E, H>>
where
    E: Send + Sync + 'static,
    H: Handler<E>,
{
    let entry = roster.find(name)?.downcast::<HandlerAddress<E>>().ok()?;
    let is_it = entry.handler_type == TypeId::of::<H>() && entry.exit.reason().is_none();
    is_it.then(|| HandlerRef::new(name.into(), (*entry).clone()))
}

pub(super) async fn remove<E: Send + Sync + 'static>(roster: &HandlerNames, name: &str) -> bool {
    loop {
        let entry = roster.find(name);
        let Some(entry) = entry.and_then(|entry| entry.downcast::<HandlerAddress<E>>().ok()) else {
            return false;
        };
        if entry.runner.is_inside() {
            return false;
        }
        entry.request_removal();
        match entry.runner.wait(entry.exit.stopped()).await {
            Some(StopReason::Removed) => return true,
            // Another one has the name.
            Some(StopReason::Swapped) => {}
            _ => return false,
        }
    }
}
