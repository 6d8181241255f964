//! A handler on its way in.

use std::any::TypeId;
use std::collections::VecDeque;
use std::future::Future;

use tokio::task::unconstrained;

use super::exit::NameRegistration;
use super::mailbox::RunnerHandle;
use super::member::{AnyFactory, AnyHandler, Boxed, Member, RestartState};
use super::owner::Owner;
use super::{Handler, HandlerRef, Restart};
use crate::util::panic_guard::Guarded;
use crate::util::sync::Arc;

/// A handler that is to be added, and on what terms.
pub(super) struct NewHandler<E, H> {
    source: Source<E, H>,
    /// Guarded: a handler or a factory that is dropped beside it may panic as well.
    owner: Option<Guarded<Boxed<'static, ()>>>,
}

/// Where the handler comes from.
enum Source<E, H> {
    Value(H),
    Factory(Box<dyn AnyFactory<E>>, Restart),
}

impl<E: Send + Sync + 'static, H: Handler<E>> NewHandler<E, H> {
    pub(super) fn plain(handler: H) -> Self {
        Self {
            source: Source::Value(handler),
            owner: None,
        }
    }

    pub(super) fn owned(handler: H, owner: impl Future + Send + 'static) -> Self {
        Self {
            // Not as part of the task's turn: it would say that it is pending once that is used
            // up, and its end would come later in the sequence.
            owner: Some(Guarded::new(Box::pin(unconstrained(async move {
                drop(owner.await);
            })))),
            ..Self::plain(handler)
        }
    }

    pub(super) fn made(factory: impl FnMut() -> H + Send + 'static, restart: Restart) -> Self {
        Self {
            source: Source::Factory(Box::new(factory), restart),
            owner: None,
        }
    }

    pub(super) fn into_handler(self) -> H {
        match self.source {
            Source::Value(handler) => handler,
            Source::Factory(..) => unreachable!("it was added as it is"),
        }
    }

    pub(super) fn into_factory<F: 'static>(self) -> F {
        match self.source {
            Source::Value(_) => unreachable!("it was added with a factory"),
            Source::Factory(factory, _) => *factory.into_any().downcast().expect("of its type"),
        }
    }

    /// Looks at its owner for the first time. It is not listed yet: whoever found it before the
    /// runner is told of it would ask for what comes before it.
    pub(super) fn register(
        self,
        name: &Arc<str>,
        life: NameRegistration,
        link: &RunnerHandle<E>,
    ) -> (Member<E>, HandlerRef<E, H>) {
        let (handler, revival): (Box<dyn AnyHandler<E>>, _) = match self.source {
            Source::Value(handler) => (Box::new(handler), None),
            Source::Factory(mut factory, restart) => {
                let handler = factory.make();
                let factory = link.wrap_user_value(factory);
                let revived = VecDeque::new();
                (
                    handler,
                    Some(RestartState {
                        factory,
                        restart,
                        restarts: revived,
                    }),
                )
            }
        };
        let member = Member {
            handler: Some(link.wrap_user_value(handler)),
            owner: (self.owner).map(|owner| Owner::new(owner.into_inner(), link)),
            restart_state: revival,
            registration: life,
        };
        let listed = member.registration.address(link, TypeId::of::<H>());
        (member, HandlerRef::new(Arc::clone(name), listed))
    }

    /// Undoes `register`.
    pub(super) fn unregister(member: Member<E>) -> Self {
        let from = match (member.restart_state, member.handler) {
            (Some(revival), _) => Source::Factory(revival.factory.take(), revival.restart),
            (None, Some(handler)) => {
                let handler = handler.take().into_any().downcast();
                Source::Value(*handler.expect("of its type"))
            }
            (None, None) => unreachable!("nobody has taken it"),
        };
        Self {
            source: from,
            owner: None,
        }
    }
}
