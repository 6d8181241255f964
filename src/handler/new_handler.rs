//! Adding a handler, to a manager or to a group.
//!
//! The name is reserved first, and the member is built only then: if the name is in use, or the
//! manager is closed, the user's handler or factory has not been touched and is given back.

use std::task::Waker;

use super::address::HandlerAddress;
use super::member::Member;
use super::options::{HandlerSource, Made};
use super::owner::{NewOwner, Owner, Recheck};
use super::owner_waker::OwnerWaker;
use super::registration::NameRegistration;
use super::restart::RestartState;
use super::runner_handle::RunnerHandle;
use super::{AddHandlerError, Handler, HandlerRef, Refused};
use crate::subscriber_id::Identity;
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
    /// The identity of a member of a group; `None` for a handler alone.
    pub(super) identity: Option<Arc<Identity>>,
    pub(super) runner: RunnerHandle<E>,
    pub(super) host: T,
}

/// Adds a handler, or gives `source` back. The callers guard `source` before they make the slot,
/// which panics outside of a runtime.
pub(super) fn add<E, S, R, T>(
    slot: Result<Slot<E, T>, AddHandlerError<()>>,
    source: Guarded<S>,
    restart: R,
    owner: Option<NewOwner>,
) -> Result<HandlerRef<E, R::Handler>, AddHandlerError<S>>
where
    E: Send + Sync + 'static,
    R: HandlerSource<E, S>,
    T: Host<E>,
{
    let slot = match slot {
        Ok(slot) => slot,
        Err(error) => return Err(error.with(source.into_inner())),
    };
    let name = Arc::clone(&slot.name);
    let made = restart.make(source.into_inner());
    let added = slot.start(made, owner);
    added.map_err(|made| AddHandlerError::Closed(Refused::new(name, R::take_back(made))))
}

impl<E: Send + Sync + 'static, T: Host<E>> Slot<E, T> {
    /// Builds the member, polls its owner for the first time, and hands the member over.
    fn start<H: Handler<E>>(
        self,
        made: Made<E>,
        owner: Option<NewOwner>,
    ) -> Result<HandlerRef<E, H>, Made<E>> {
        let Self {
            name,
            registration,
            identity,
            runner,
            host,
        } = self;
        let exit = Arc::clone(&registration.exit);
        let id = identity
            .as_ref()
            .map_or(runner.subscriber, |identity| identity.id);
        let address = HandlerAddress::new::<H>(runner.clone(), id, exit);
        let list = registration.listing();
        let current = Arc::clone(&registration.current);
        let restart_state = made
            .restart
            .map(|(factory, restart)| RestartState::new(runner.wrap_user_value(factory), restart));
        let member = Member {
            handler: Some(runner.wrap_user_value(made.handler)),
            owner: owner.map(|owner| poll_owner(owner, &runner)),
            restart_state,
            registration,
            identity,
        };
        // The host lists the name: a command sent before the runner knows of the member would be
        // dropped.
        let entry = address.entry(&current);
        match host.start(member, || list(entry)) {
            Ok(()) => {
                // Disconnected before it was listed, so the disconnect could not find and abort it.
                if address.runner.was_disconnected_on_request() {
                    address.abort();
                }
                Ok(HandlerRef::new(name, address))
            }
            Err(mut member) => Err(Made {
                handler: member.take_handler(),
                restart: (member.restart_state).map(RestartState::into_factory_and_restart),
            }),
        }
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
