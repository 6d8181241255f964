//! Adding a handler to a group.

use std::future::Future;
use std::panic::Location;

use super::HandlerGroup;
use crate::handler::command::{Command, QueuedCommand};
use crate::handler::member::Member;
use crate::handler::new_handler::{Host, Slot, add};
use crate::handler::options::{HandlerOptions, HandlerSource};
use crate::handler::registration::NameRegistration;
use crate::handler::runner_handle::RunnerHandle;
use crate::handler::{AddHandlerError, Handler, HandlerRef, Refused};
use crate::subscriber_id::{Identity, SubscriberKind};
use crate::util::panic_guard::Guarded;
use crate::util::sync::Arc;

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

    /// Reserves `name` in the group.
    #[track_caller]
    fn slot(&self, name: Arc<str>) -> Result<Slot<E, GroupRunner<E>>, AddHandlerError<()>> {
        let created_at = Location::caller();
        let runner = &self.shared.address.runner;
        if runner.mailbox.is_closed() || runner.channel.is_closed() {
            return Err(AddHandlerError::Closed(Refused::new(name, ())));
        }
        let manager = runner.channel.name();
        let Some(registration) = NameRegistration::new(&self.shared.names, &name, manager) else {
            return Err(AddHandlerError::AlreadyPresent(Refused::new(name, ())));
        };
        let identity = Identity {
            id: runner.channel.issue_id(),
            name: Some(Arc::clone(&name)),
            kind: SubscriberKind::Handler,
            created_at,
            group: Some(Arc::clone(&self.shared.identity)),
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
