//! Running other people's code where its panic must stop: their wakers and their `Drop`s.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Waker;

/// Runs `code`; if it panics, the panic hook has told of it and that is the end of it.
pub(crate) fn shield(code: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(code)) {
        // Dropping the payload could panic once more.
        std::mem::forget(payload);
    }
}

/// Wakes; a waker that panics has failed its own task, and nobody else's.
#[inline]
pub(crate) fn wake(waker: Waker) {
    shield(|| waker.wake());
}

/// Drops what is not needed any more.
pub(crate) fn discard<T>(unneeded: T) {
    shield(|| drop(unneeded));
}
