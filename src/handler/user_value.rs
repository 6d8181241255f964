//! Values of the user inside a runner.

use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;

use tokio::sync::oneshot;

use crate::channel::handlers::current;
use crate::subscriber_id::SubscriberId;
use crate::util::panic_guard::{catch, drop_caught};

/// A future of the user, of any type.
pub(super) type UserFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A value of the user, owned by a runner: a handler, a closure, a future or a reply sender.
///
/// Dropping the value counts as running inside of the handler, and catches a panic. So any number
/// of values can panic in the same drop, also while a runtime is dropped.
pub(super) struct UserValue<T> {
    /// `None` only after `take`, which consumes the wrapper.
    value: Option<T>,
    handler: SubscriberId,
}

const TAKEN: &str = "only `take` and `drop` empty a user value, and both end it";

impl<T> UserValue<T> {
    pub(super) fn new(value: T, handler: SubscriberId) -> Self {
        Self {
            value: Some(value),
            handler,
        }
    }

    pub(super) fn take(mut self) -> T {
        self.value.take().expect(TAKEN)
    }
}

impl<T> UserValue<oneshot::Sender<T>> {
    /// Sends the reply, unless the receiver is gone.
    pub(super) fn send(self, reply: T) {
        let handler = self.handler;
        current::run(handler, || catch(|| drop(self.take().send(reply))));
    }
}

impl<T> Deref for UserValue<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.as_ref().expect(TAKEN)
    }
}

impl<T> DerefMut for UserValue<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.value.as_mut().expect(TAKEN)
    }
}

impl<T> Drop for UserValue<T> {
    fn drop(&mut self) {
        if let Some(value) = self.value.take() {
            current::run(self.handler, || drop_caught(value));
        }
    }
}
