//! Which handler the running code belongs to, so that it does not wait for itself.

use std::cell::Cell;

use crate::inspect::SubscriberId;

thread_local! {
    static INSIDE: Cell<Option<SubscriberId>> = const { Cell::new(None) };
}

/// The handler's subscription, if the running code was called by a handler's task.
#[inline]
pub(crate) fn handler() -> Option<SubscriberId> {
    // A thread that is ending runs no handler.
    INSIDE.try_with(Cell::get).unwrap_or(None)
}

/// Runs the code of a handler that reads `subscriber`.
#[cfg(feature = "rt")]
pub(crate) fn run<R>(subscriber: SubscriberId, code: impl FnOnce() -> R) -> R {
    struct Leave(Option<SubscriberId>);

    impl Drop for Leave {
        fn drop(&mut self) {
            INSIDE.set(self.0);
        }
    }

    let _leave = Leave(INSIDE.replace(Some(subscriber)));
    code()
}
