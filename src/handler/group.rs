//! Many handlers in a single task.

use std::fmt;
use std::future::Future;
use std::panic::Location;

use super::address::HandlerAddress;
use super::command::{Command, QueuedCommand};
use super::member::Member;
use super::new_handler::{Host, Slot, add};
use super::options::{HandlerOptions, HandlerSource};
use super::registration::NameRegistration;
use super::runner_handle::RunnerHandle;
use super::{AddHandlerError, AnyHandlerRef, Handler, HandlerRef, Refused, StopReason};
use crate::channel::handlers::names::HandlerNames;
use crate::subscriber_id::{Identity, SubscriberId, SubscriberKind};
use crate::util::panic_guard::Guarded;
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
/// [`subscribers`] and errors of deadlines. A group without handlers counts for nothing. All handlers share
/// one window, of the capacity of the manager.
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
    pub(super) held: Arc<Held<E>>,
}

/// A group with handles. Dropping the last handle releases the group.
pub(super) struct Held<E> {
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
            held: Arc::new(Held {
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
        self.held.address.id
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
        &self.held.name
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
        self.held.names.names()
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
        self.held.address.exit.stopped()
    }
}

impl<E: Send + Sync + 'static> HandlerGroup<E> {
    /// Adds a handler as the newest of the group, as
    /// [`EventManager::add_handler`](crate::EventManager::add_handler) does for a manager.
    ///
    /// # Errors
    /// As for a manager; `name` must be free in the group.
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
    #[track_caller]
    pub fn add_handler<H: Handler<E>>(
        &self,
        name: impl Into<Arc<str>>,
        handler: H,
    ) -> Result<HandlerRef<E, H>, AddHandlerError<H>> {
        self.add_handler_with(HandlerOptions::new(name), handler)
    }

    /// Adds a handler with an owner, as
    /// [`EventManager::add_mon_handler`](crate::EventManager::add_mon_handler) does for a manager.
    ///
    /// # Errors
    /// As for a manager; `name` must be free in the group.
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
    #[track_caller]
    pub fn add_mon_handler<H: Handler<E>>(
        &self,
        name: impl Into<Arc<str>>,
        handler: H,
        owner: impl Future + Send + 'static,
    ) -> Result<HandlerRef<E, H>, AddHandlerError<H>> {
        self.add_handler_with(HandlerOptions::new(name).owner(owner), handler)
    }

    /// Adds a handler with [options](HandlerOptions), as
    /// [`EventManager::add_handler_with`](crate::EventManager::add_handler_with) does for a manager:
    /// an owner, a restart. The subscription is that of the group.
    ///
    /// # Errors
    /// As for a manager; the name must be free in the group.
    ///
    /// # Panics
    /// If the options have a filter or options of a subscription, or if the first call of a factory
    /// panics.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use genevent::{EventManager, HandlerOptions, Restart, handler_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::<u8>::new(8);
    /// let group = manager.handler_group("metrics").unwrap();
    /// let picky = || handler_fn(|n: &u8| assert_ne!(*n, 13));
    /// let once = Restart::on_failure(1, Duration::from_secs(60));
    /// group.add_handler_with(HandlerOptions::new("picky").restart(once), picky).unwrap();
    /// manager.sync_notify(13).await.unwrap();
    /// assert_eq!(group.which_handlers(), ["picky"], "restarted");
    /// manager.sync_notify(13).await.unwrap();
    /// assert!(group.which_handlers().is_empty(), "given up");
    /// # }
    /// ```
    #[track_caller]
    pub fn add_handler_with<R: HandlerSource<E, S>, S>(
        &self,
        options: HandlerOptions<E, R>,
        source: S,
    ) -> Result<HandlerRef<E, R::Handler>, AddHandlerError<S>> {
        let source = Guarded::new(source);
        assert!(
            options.subscribe.is_none() && options.filter.is_none(),
            "a handler of a group has the subscription of the group"
        );
        add(
            self.slot(options.name),
            source,
            options.restart,
            options.owner,
        )
    }

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
        HandlerRef::find(&self.held.names, name)
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
        AnyHandlerRef::find(&self.held.names, name)
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
        AnyHandlerRef::<E>::abort_by_name(&self.held.names, name)
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
        HandlerAddress::<E>::remove_by_name(&self.held.names, name).await
    }

    /// Reserves `name` in the group.
    #[track_caller]
    fn slot(&self, name: Arc<str>) -> Result<Slot<E, GroupRunner<E>>, AddHandlerError<()>> {
        let created_at = Location::caller();
        let runner = &self.held.address.runner;
        if runner.mailbox.is_closed() || runner.channel.is_closed() {
            return Err(AddHandlerError::Closed(Refused::new(name, ())));
        }
        let manager = runner.channel.name();
        let Some(registration) = NameRegistration::new(&self.held.names, &name, manager) else {
            return Err(AddHandlerError::AlreadyPresent(Refused::new(name, ())));
        };
        let identity = Identity {
            id: runner.channel.issue_id(),
            name: Some(Arc::clone(&name)),
            kind: SubscriberKind::Handler,
            created_at,
            group: Some(Arc::clone(&self.held.identity)),
        };
        Ok(Slot {
            name,
            registration,
            identity: Some(Arc::new(identity)),
            runner: runner.clone(),
            host: GroupRunner(runner.clone()),
        })
    }
}

/// The runner of a group, to which members are sent.
struct GroupRunner<E>(RunnerHandle<E>);

impl<E> Host<E> for GroupRunner<E> {
    fn start(self, member: Member<E>, list: impl FnOnce()) -> Result<(), Box<Member<E>>> {
        let Self(RunnerHandle {
            channel,
            subscriber,
            mailbox,
            ..
        }) = &self;
        let identity = Arc::clone(member.identity.as_ref().expect(IDENTITY));
        // Send before listing: a command ahead of the member would find no member.
        let sent = channel.join_group(*subscriber, &identity, |tail| {
            let command = QueuedCommand {
                not_before: tail,
                command: Command::Add(member),
            };
            mailbox.post(command).map_err(Box::new)
        });
        match sent {
            Ok(()) => {
                list();
                Ok(())
            }
            // The group has ended since the slot was reserved.
            Err(refused) => match refused.command {
                Command::Add(member) => Err(Box::new(member)),
                _ => unreachable!("the refused command is the command sent"),
            },
        }
    }
}

const IDENTITY: &str = "`HandlerGroup::slot` gives each member an identity";

impl<E> Clone for HandlerGroup<E> {
    fn clone(&self) -> Self {
        Self {
            held: Arc::clone(&self.held),
        }
    }
}

impl<E> Drop for Held<E> {
    fn drop(&mut self) {
        drop_caught(self.address.runner.send_now(Command::ReleaseGroup));
    }
}

impl<E> fmt::Debug for HandlerGroup<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandlerGroup")
            .field("name", &self.held.name)
            .field("handlers", &self.which_handlers())
            .finish_non_exhaustive()
    }
}
