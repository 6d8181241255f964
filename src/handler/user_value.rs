//! What is the user's, in the hands of a handler's task.

use std::ops::{Deref, DerefMut};

use tokio::sync::oneshot;

use crate::channel::handlers::current;
use crate::subscriber_id::SubscriberId;
use crate::util::panic_guard::{catch, drop_caught};

/// A handler, a closure, a future, whoever awaits an answer.
///
/// Wherever it is dropped, that counts as inside of the handler, and a panic in it goes no
/// further: any number of them can fail at once, also while a runtime is dropped.
pub(super) struct UserValue<T> {
    /// Until it is taken.
    value: Option<T>,
    handler: SubscriberId,
}

const TAKEN: &str = "whoever takes it has no more than that";

impl<T> UserValue<T> {
    pub(super) fn new(it: T, of: SubscriberId) -> Self {
        Self {
            value: Some(it),
            handler: of,
        }
    }

    pub(super) fn take(mut self) -> T {
        self.value.take().expect(TAKEN)
    }
}

impl<T> UserValue<oneshot::Sender<T>> {
    /// Answers, if that is still awaited.
    pub(super) fn send(self, answer: T) {
        let of = self.handler;
        current::run(of, || catch(|| drop(self.take().send(answer))));
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
        if let Some(it) = self.value.take() {
            current::run(self.handler, || drop_caught(it));
        }
    }
}
