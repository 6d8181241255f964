//! Handlers, groups and their errors.

use std::future::Future;
use std::ops::ControlFlow;

use genevent::handler::{
    AddHandlerError, AnyHandlerRef, CallError, HandlerFn, Refused, RemoveError, SwapError,
    TrySwapError,
};
use genevent::{
    Handled, Handler, HandlerGroup, HandlerGuard, HandlerOptions, HandlerRef, Restart, StopReason,
    SubscriberKind, WeakHandlerGroup,
};

use super::{Event, at_ease, clone, error};

/// Neither `Sync`, nor `Debug`, nor `Clone`: a handler only has to be `Send`.
struct Plain(std::cell::Cell<u8>);

impl Handler<Event> for Plain {
    async fn handle_event(&mut self, _: &Event) -> Handled {
        self.0.set(1);
        Ok(ControlFlow::Continue(()))
    }
}

/// Options hold an owner, which only has to be `Send`. Their `Made` is sealed, and only runners use it and
/// `HandledNow`.
fn may_be_sent<T: Send + Unpin + std::fmt::Debug + 'static>() {}

#[test]
fn handler_references_have_their_auto_traits() {
    at_ease::<HandlerRef<Event, Plain>>();
    at_ease::<AnyHandlerRef<Event>>();
    at_ease::<HandlerGuard<Event, Plain>>();
    at_ease::<HandlerGroup<Event>>();
    at_ease::<WeakHandlerGroup<Event>>();
    at_ease::<Restart>();
    may_be_sent::<HandlerOptions<Event>>();
    may_be_sent::<HandlerOptions<Event, Restart>>();
    at_ease::<StopReason>();
    at_ease::<SubscriberKind>();
    at_ease::<CallError>();
    at_ease::<RemoveError>();
    at_ease::<SwapError>();
    clone::<(StopReason, SubscriberKind)>();
    error::<CallError>();
    error::<RemoveError>();
    error::<SwapError>();
    error::<AddHandlerError<Plain>>();
    at_ease::<AddHandlerError<Plain>>();
    at_ease::<Refused<Plain>>();
    error::<TrySwapError<Event, Plain>>();
    at_ease::<HandlerFn<fn(&Event)>>();
}

#[test]
fn futures_can_be_spawned() {
    fn may_be_sent<F: Future + Send>(_: &F) {}
    fn may_be_spawned<F: Future + Send + 'static>(_: &F) {}
    // Never called: compiling is enough.
    let _ = |handler: HandlerRef<Event, Plain>, group: HandlerGroup<Event>| {
        may_be_spawned(&handler.stopped());
        may_be_spawned(&group.stopped());
        may_be_sent(&handler.call(|h| h.0.get()));
        may_be_sent(&handler.call_async(|_| Box::pin(async {})));
        may_be_spawned(&handler.clone().swap_async(|old| async { old }));
        may_be_sent(&group.remove_handler("name"));
        may_be_spawned(&handler.remove());
    };
}
