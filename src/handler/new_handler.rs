//! A handler on its way in.

use std::any::TypeId;
use std::collections::VecDeque;
use std::future::Future;

use tokio::task::unconstrained;

use super::exit::Life;
use super::mailbox::Link;
use super::member::{AnyFactory, AnyHandler, Boxed, Member, Revival};
use super::owner::Owner;
use super::{Handler, HandlerRef, Restart};
use crate::util::panic_guard::Shielded;
use crate::util::sync::Arc;

/// A handler that is to be added, and on what terms.
pub(super) struct Candidate<E, H> {
    from: From<E, H>,
    /// Shielded: a handler or a factory that is dropped beside it may panic as well.
    owner: Option<Shielded<Boxed<'static, ()>>>,
}

/// Where the handler comes from.
enum From<E, H> {
    Itself(H),
    Factory(Box<dyn AnyFactory<E>>, Restart),
}

impl<E: Send + Sync + 'static, H: Handler<E>> Candidate<E, H> {
    pub(super) fn plain(handler: H) -> Self {
        Self {
            from: From::Itself(handler),
            owner: None,
        }
    }

    pub(super) fn owned(handler: H, owner: impl Future + Send + 'static) -> Self {
        Self {
            // Not as part of the task's turn: it would say that it is pending once that is used
            // up, and its end would come later in the sequence.
            owner: Some(Shielded::new(Box::pin(unconstrained(async move {
                drop(owner.await);
            })))),
            ..Self::plain(handler)
        }
    }

    pub(super) fn made(factory: impl FnMut() -> H + Send + 'static, restart: Restart) -> Self {
        Self {
            from: From::Factory(Box::new(factory), restart),
            owner: None,
        }
    }

    pub(super) fn into_handler(self) -> H {
        match self.from {
            From::Itself(handler) => handler,
            From::Factory(..) => unreachable!("it was added as it is"),
        }
    }

    pub(super) fn into_factory<F: 'static>(self) -> F {
        match self.from {
            From::Itself(_) => unreachable!("it was added with a factory"),
            From::Factory(factory, _) => *factory.into_any().downcast().expect("of its type"),
        }
    }

    /// Looks at its owner for the first time. It is not listed yet: whoever found it before the
    /// runner is told of it would ask for what comes before it.
    pub(super) fn enter(
        self,
        name: &Arc<str>,
        life: Life,
        link: &Link<E>,
    ) -> (Member<E>, HandlerRef<E, H>) {
        let (handler, revival): (Box<dyn AnyHandler<E>>, _) = match self.from {
            From::Itself(handler) => (Box::new(handler), None),
            From::Factory(mut factory, restart) => {
                let handler = factory.make();
                let factory = link.theirs(factory);
                let revived = VecDeque::new();
                (
                    handler,
                    Some(Revival {
                        factory,
                        restart,
                        revived,
                    }),
                )
            }
        };
        let member = Member {
            handler: Some(link.theirs(handler)),
            owner: (self.owner).map(|owner| Owner::watch(owner.into_inner(), link)),
            revival,
            life,
        };
        let listed = member.life.listed(link, TypeId::of::<H>());
        (member, HandlerRef::new(Arc::clone(name), listed))
    }

    /// Undoes `enter`.
    pub(super) fn leave(member: Member<E>) -> Self {
        let from = match (member.revival, member.handler) {
            (Some(revival), _) => From::Factory(revival.factory.take(), revival.restart),
            (None, Some(handler)) => {
                let handler = handler.take().into_any().downcast();
                From::Itself(*handler.expect("of its type"))
            }
            (None, None) => unreachable!("nobody has taken it"),
        };
        Self { from, owner: None }
    }
}
