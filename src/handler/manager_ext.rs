//! Handlers of an event manager.

use std::future::Future;
use std::panic::Location;

use super::address::HandlerAddress;
use super::member::Member;
use super::new_handler::{Host, Slot, add};
use super::options::{Filter, HandlerOptions, HandlerSource};
use super::registration::NameRegistration;
use super::runner::Runner;
use super::runner::subscription::RunnerSubscription;
use super::{AddHandlerError, AnyHandlerRef, Handler, HandlerGroup, HandlerRef, Refused};
use crate::channel::Channel;
use crate::filter::check_options;
use crate::manager::EventManager;
use crate::options::{Overflow, SubscribeOptions};
use crate::subscriber_id::SubscriberKind;
use crate::util::panic_guard::Guarded;
use crate::util::spawn::Spawner;
use crate::util::sync::Arc;

impl<E: Send + Sync + 'static> EventManager<E> {
    /// Adds a handler, which sees every event published from now on. A task on the runtime runs the
    /// handler.
    ///
    /// The handler is a subscriber with policy [`Overflow::Wait`], also on a manager with another
    /// [`default_overflow`](crate::EventManagerBuilder::default_overflow): publishers wait for room
    /// at the handler, and `sync_notify` waits until the handler has finished. Groups have the same
    /// policy. Another policy, a filter, replay, an owner or a restart is an option of
    /// [`add_handler_with`](Self::add_handler_with). Adding never waits.
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
    #[doc(alias = "AddNoPublisherHandler")]
    #[doc(alias = "GenEvent.add_handler")]
    #[track_caller]
    pub fn add_handler<H: Handler<E>>(
        &self,
        name: impl Into<Arc<str>>,
        handler: H,
    ) -> Result<HandlerRef<E, H>, AddHandlerError<H>> {
        self.add_handler_with(HandlerOptions::new(name), handler)
    }

    /// Adds a handler, as [`add_handler`](Self::add_handler) does, and removes the handler when
    /// `owner` is ready: short for [`HandlerOptions::owner`].
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
        self.add_handler_with(HandlerOptions::new(name).owner(owner), handler)
    }

    /// Adds a handler with [options](HandlerOptions): a filter, an overflow policy, replay, an owner,
    /// a restart. `source` is the handler, or with a restart a factory of handlers.
    ///
    /// # Errors
    /// As [`add_handler`](Self::add_handler), with the handler or with the factory, which has not been
    /// called. An error drops the owner and the filter.
    ///
    /// # Panics
    /// Outside of a tokio runtime; if the first call of the factory panics; and as
    /// [`subscribe_with`](Self::subscribe_with), or with a filter
    /// [`subscribe_filter_with`](Self::subscribe_filter_with), panics with the options.
    ///
    /// # Examples
    /// ```
    /// use genevent::{EventManager, HandlerOptions, StopReason, handler_fn};
    /// use tokio::sync::oneshot;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::new(8);
    /// let (session, over) = oneshot::channel::<()>();
    /// let options = HandlerOptions::new("errors").filter(|line: &&str| line.contains("error")).owner(over);
    /// let print = handler_fn(|line: &&str| println!("{line}"));
    /// let errors = manager.add_handler_with(options, print).unwrap();
    /// assert_eq!(manager.sync_notify("error: 7").await.unwrap().acked(), 1);
    /// assert!(manager.sync_notify("fine").await.unwrap().is_unheard());
    /// drop(session);
    /// assert_eq!(errors.stopped().await, StopReason::OwnerGone);
    /// # }
    /// ```
    #[track_caller]
    pub fn add_handler_with<R: HandlerSource<E, S>, S>(
        &self,
        options: HandlerOptions<E, R>,
        source: S,
    ) -> Result<HandlerRef<E, R::Handler>, AddHandlerError<S>> {
        let source = Guarded::new(source);
        let HandlerOptions {
            name,
            subscribe,
            filter,
            owner,
            restart,
        } = options;
        let subscribe = subscribe.unwrap_or_default().kind(SubscriberKind::Handler);
        let slot = self.slot(name, subscribe, filter);
        add(slot, source, restart, owner)
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
            ..
        } = self.slot(
            name.into(),
            SubscribeOptions::new().kind(SubscriberKind::Group),
            None,
        )?;
        let exit = Arc::clone(&registration.exit);
        let names = Arc::default();
        let id = runner.subscriber;
        let mut address = HandlerAddress::new::<HandlerGroup<E>>(runner, id, exit);
        address.members = Some(Arc::clone(&names));
        registration.listing()(address.entry(&registration.current));
        host.spawner.spawn(host.runner.run_group(registration));
        // Disconnected before it was listed, so the disconnect could not find and abort it.
        if address.runner.was_disconnected_on_request() {
            address.abort();
        }
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
    /// use genevent::{EventManager, Handled, Handler};
    ///
    /// struct Nothing;
    ///
    /// impl Handler<u8> for Nothing {
    ///     async fn handle_event(&mut self, _: &u8) -> Handled {
    ///         Ok(ControlFlow::Continue(()))
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
    /// [`HandlerRef::abort`] does. Returns `false` if there is none. Never waits.
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
        AnyHandlerRef::<E>::abort_by_name(self.channel().handler_names(), name)
    }

    /// Removes a handler, or a group with all of its handlers, behind all events stored so far.
    ///
    /// Returns `true` when the handler has been removed and the name is free. Returns `false` if no
    /// handler has this name, or if the handler ended for another reason. Inside of the handler itself, the
    /// call returns `true` at once, and the handler is removed after the current event.
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
        options: SubscribeOptions,
        filter: Option<Filter<E>>,
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
        let mut options = options.name(Arc::clone(&name));
        // Not the manager's default policy: a callback that loses events, or ends, because the
        // callback is slow would contradict "sees every event".
        options.overflow.get_or_insert(Overflow::Wait);
        let subscription = match filter {
            None => RunnerSubscription::All(self.subscribe_with(options)),
            Some(filter) => {
                let options = check_options(channel, options);
                let subscribe = filter.into_inner();
                RunnerSubscription::wanted(subscribe(channel, options, Location::caller()))
            }
        };
        if subscription.end_reason().is_some() {
            return Err(AddHandlerError::Closed(Refused::new(name, ())));
        }
        let runner = Runner::new(subscription, channel);
        Ok(Slot {
            name,
            registration,
            identity: None,
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
