//! Adding a handler, to a manager or to a group.
//!
//! The name is reserved first, and the member is built only then: if the name is in use, or the
//! manager is closed, the user's handler or factory has not been touched and is given back.

use std::future::Future;
use std::task::Waker;

use tokio::task::unconstrained;

use super::address::HandlerAddress;
use super::dyn_handler::DynHandler;
use super::member::Member;
use super::owner::{Owner, Recheck};
use super::owner_waker::OwnerWaker;
use super::registration::NameRegistration;
use super::restart::{AnyFactory, RestartState};
use super::runner_handle::RunnerHandle;
use super::user_value::UserFuture;
use super::{AddHandlerError, Handler, HandlerRef, Refused, Restart};
use crate::util::panic_guard::Guarded;
use crate::util::sync::Arc;

/// A task for a new member: a runner to be spawned, or the runner of a group.
pub(super) trait Host<E> {
    /// Hands over the member, and calls `list` to make the handler be found by its name. Returns
    /// the member if the task has ended.
    fn start(self, member: Member<E>, list: impl FnOnce()) -> Result<(), Box<Member<E>>>;
}

/// A reserved name, and the future task of the handler.
pub(super) struct Slot<E, T> {
    pub(super) name: Arc<str>,
    pub(super) registration: NameRegistration,
    pub(super) runner: RunnerHandle<E>,
    pub(super) host: T,
}

/// The owner of a new handler. The owner is guarded, because the handler or the factory may be
/// dropped in the same unwinding and panic as well.
pub(super) struct NewOwner(Guarded<UserFuture<'static, ()>>);

impl NewOwner {
    pub(super) fn new(owner: impl Future + Send + 'static) -> Self {
        // Unconstrained: once the task has used up its coop budget, a ready owner would be pending,
        // and its handler would be removed at a later event.
        Self(Guarded::new(Box::pin(unconstrained(async move {
            drop(owner.await);
        }))))
    }
}

/// Adds `handler`, or gives `handler` back. The callers guard `handler` before they make the slot,
/// which panics outside of a runtime.
pub(super) fn add<E, H, T>(
    slot: Result<Slot<E, T>, AddHandlerError<()>>,
    handler: Guarded<H>,
    owner: Option<NewOwner>,
) -> Result<HandlerRef<E, H>, AddHandlerError<H>>
where
    E: Send + Sync + 'static,
    H: Handler<E>,
    T: Host<E>,
{
    let slot = match slot {
        Ok(slot) => slot,
        Err(error) => return Err(error.with(handler.into_inner())),
    };
    let name = Arc::clone(&slot.name);
    let added = slot.start(Box::new(handler.into_inner()), owner, None);
    added.map_err(|mut member| {
        let handler = member.take_handler().into_any().downcast();
        let handler = *handler.expect("the member was built from an `H`");
        AddHandlerError::Closed(Refused::new(name, handler))
    })
}

/// Adds a handler made by `factory`, or gives `factory` back. `factory` is guarded as the handler is
/// in [`add`], and because the `Drop` of a factory that has panicked may panic as well.
pub(super) fn add_made<E, H, F, T>(
    slot: Result<Slot<E, T>, AddHandlerError<()>>,
    mut factory: Guarded<F>,
    restart: Restart,
) -> Result<HandlerRef<E, H>, AddHandlerError<F>>
where
    E: Send + Sync + 'static,
    H: Handler<E>,
    F: FnMut() -> H + Send + 'static,
    T: Host<E>,
{
    let slot = match slot {
        Ok(slot) => slot,
        Err(error) => return Err(error.with(factory.into_inner())),
    };
    let handler = Box::new(factory());
    let factory: Box<dyn AnyFactory<E>> = Box::new(factory.into_inner());
    let factory = slot.runner.wrap_user_value(factory);
    let restart_state = RestartState::new(factory, restart);
    let name = Arc::clone(&slot.name);
    let added = slot.start(handler, None, Some(restart_state));
    added.map_err(|member| {
        let restart_state = member
            .restart_state
            .expect("the member was built with a factory");
        let factory = restart_state.into_factory().into_any().downcast();
        let factory = *factory.expect("the member was built with an `F`");
        AddHandlerError::Closed(Refused::new(name, factory))
    })
}

impl<E: Send + Sync + 'static, T: Host<E>> Slot<E, T> {
    /// Builds the member, polls its owner for the first time, and hands the member over.
    fn start<H: Handler<E>>(
        self,
        handler: Box<H>,
        owner: Option<NewOwner>,
        restart_state: Option<RestartState<E>>,
    ) -> Result<HandlerRef<E, H>, Box<Member<E>>> {
        let Self {
            name,
            registration,
            runner,
            host,
        } = self;
        let exit = Arc::clone(&registration.exit);
        let address = HandlerAddress::new::<H>(runner.clone(), exit);
        let list = registration.listing();
        let handler: Box<dyn DynHandler<E>> = handler;
        let member = Member {
            handler: Some(runner.wrap_user_value(handler)),
            owner: owner.map(|owner| poll_owner(owner, &runner)),
            restart_state,
            registration,
        };
        // The host lists the name: a command sent before the runner knows of the member would be
        // dropped.
        let entry = Arc::new(address.clone());
        host.start(member, || list(entry))?;
        Ok(HandlerRef::new(name, address))
    }
}

/// Polls an owner for the first time.
fn poll_owner<E: Send + Sync + 'static>(owner: NewOwner, runner: &RunnerHandle<E>) -> Owner {
    let recheck = Arc::new(Recheck::new());
    let waker = Arc::new(OwnerWaker {
        runner: runner.clone(),
        recheck: Arc::clone(&recheck),
    });
    let future = runner.wrap_user_value(owner.0.into_inner());
    Owner::new(future, recheck, Waker::from(waker))
}
