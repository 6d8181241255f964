//! Handlers of any type.

use std::any::Any;
use std::ops::ControlFlow;

use super::user_value::UserFuture;
use super::{Handler, StopReason};

/// A [`Handler`] behind a pointer. All methods but `handle_now` only make a future, whose first
/// poll calls the user's code: the runner catches panics where the runner polls.
pub(super) trait AnyHandler<E>: Any + Send {
    fn handle_now(&mut self, event: &E) -> Option<ControlFlow<()>>;
    fn handle<'a>(&'a mut self, event: &'a E) -> UserFuture<'a, ControlFlow<()>>;
    fn terminate<'a>(&'a mut self, reason: &'a StopReason) -> UserFuture<'a, ()>;
    fn as_any(&mut self) -> &mut (dyn Any + Send);
    fn into_any(self: Box<Self>) -> Box<dyn Any + Send>;
}

impl<E: Sync, H: Handler<E>> AnyHandler<E> for H {
    fn handle_now(&mut self, event: &E) -> Option<ControlFlow<()>> {
        Handler::handle_now(self, event)
    }

    fn handle<'a>(&'a mut self, event: &'a E) -> UserFuture<'a, ControlFlow<()>> {
        Box::pin(async move { self.handle_event(event).await })
    }

    fn terminate<'a>(&'a mut self, reason: &'a StopReason) -> UserFuture<'a, ()> {
        Box::pin(async move { Handler::terminate(self, reason).await })
    }

    fn as_any(&mut self) -> &mut (dyn Any + Send) {
        self
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}
