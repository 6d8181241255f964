//! What is the user's, in the hands of a handler's task.

use std::ops::{Deref, DerefMut};

use tokio::sync::oneshot;

use crate::channel::handlers::current;
use crate::subscriber_id::SubscriberId;
use crate::util::panic_guard::{discard, shield};

/// A handler, a closure, a future, whoever awaits an answer.
///
/// Wherever it is dropped, that counts as inside of the handler, and a panic in it goes no
/// further: any number of them can fail at once, also while a runtime is dropped.
pub(super) struct Theirs<T> {
    /// Until it is taken.
    it: Option<T>,
    of: SubscriberId,
}

const TAKEN: &str = "whoever takes it has no more than that";

impl<T> Theirs<T> {
    pub(super) fn new(it: T, of: SubscriberId) -> Self {
        Self { it: Some(it), of }
    }

    pub(super) fn take(mut self) -> T {
        self.it.take().expect(TAKEN)
    }
}

impl<T> Theirs<oneshot::Sender<T>> {
    /// Answers, if that is still awaited.
    pub(super) fn send(self, answer: T) {
        let of = self.of;
        current::run(of, || shield(|| drop(self.take().send(answer))));
    }
}

impl<T> Deref for Theirs<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.it.as_ref().expect(TAKEN)
    }
}

impl<T> DerefMut for Theirs<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.it.as_mut().expect(TAKEN)
    }
}

impl<T> Drop for Theirs<T> {
    fn drop(&mut self) {
        if let Some(it) = self.it.take() {
            current::run(self.of, || discard(it));
        }
    }
}
