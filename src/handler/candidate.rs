//! A handler on its way in.

use std::collections::VecDeque;
use std::future::Future;

use super::member::{AnyHandler, Boxed, Life, Link, Member, Owner, Revival};
use super::order::Command;
use super::{Handler, HandlerRef, Restart, StopReason};
use crate::sync::Arc;

/// A handler that is to be added, and on what terms.
pub(super) struct Candidate<E, H> {
    handler: Option<H>,
    owner: Option<Boxed<'static, ()>>,
    /// Makes the handler, if there is none.
    revival: Option<Revival<E>>,
}

impl<E: Send + Sync + 'static, H: Handler<E>> Candidate<E, H> {
    pub(super) fn plain(handler: H) -> Self {
        Self {
            handler: Some(handler),
            owner: None,
            revival: None,
        }
    }

    pub(super) fn owned(handler: H, owner: impl Future + Send + 'static) -> Self {
        Self {
            owner: Some(Box::pin(async move { drop(owner.await) })),
            ..Self::plain(handler)
        }
    }

    pub(super) fn made(factory: impl FnMut() -> H + Send + 'static, restart: Restart) -> Self {
        Self {
            handler: None,
            owner: None,
            revival: Some(Revival {
                factory: Box::new(factory),
                restart,
                revived: VecDeque::new(),
            }),
        }
    }

    pub(super) fn into_handler(self) -> H {
        self.handler.expect("it was added as it is")
    }

    pub(super) fn into_factory<F: 'static>(self) -> F {
        let revival = self.revival.expect("it was added with a factory");
        let factory = revival.factory.into_any().downcast();
        *factory.expect("its type is known")
    }

    /// Lists it under its name, and looks at its owner for the first time.
    pub(super) fn enter(
        self,
        name: &Arc<str>,
        life: Life,
        link: &Link<E>,
    ) -> (Member<E>, HandlerRef<E, H>) {
        let Self {
            handler,
            owner,
            mut revival,
        } = self;
        let handler: Box<dyn AnyHandler<E>> = match (handler, &mut revival) {
            (Some(handler), _) => Box::new(handler),
            (None, Some(revival)) => revival.factory.make(),
            (None, None) => unreachable!("there is one or the other"),
        };
        let listed = HandlerRef::<E, H>::listed(link.clone(), life.tell.subscribe());
        let mut member = Member {
            id: listed.id.expect("a handler has a number"),
            handler: Some(handler),
            owner: None,
            revival,
            life,
        };
        if let Some(owner) = owner {
            member.owner = Owner::watch(owner, link);
            if member.owner.is_none() {
                let _ = link.order(Command::Remove {
                    id: listed.id,
                    reason: StopReason::OwnerGone,
                    give: None,
                });
            }
        }
        member.life.list(&listed);
        (member, HandlerRef::new(Arc::clone(name), listed))
    }

    /// Undoes `enter`.
    pub(super) fn leave(member: Member<E>, was_made: bool) -> Self {
        let Member {
            handler, revival, ..
        } = member;
        let handler = handler.and_then(|handler| handler.into_any().downcast().ok());
        Self {
            handler: handler.filter(|_| !was_made).map(|handler| *handler),
            owner: None,
            revival,
        }
    }
}
