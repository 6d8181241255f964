//! Which handler the running code belongs to, so that it does not wait for itself.

use std::cell::Cell;

use crate::subscriber_id::SubscriberId;

#[cfg(genevent_shuttle)]
use shuttle::thread_local;
#[cfg(not(genevent_shuttle))]
use std::thread_local;

thread_local! {
    static CURRENT: Cell<Option<SubscriberId>> = const { Cell::new(None) };
}

/// The handler's subscription, if the running code was called by a handler's task.
#[inline]
pub(crate) fn handler() -> Option<SubscriberId> {
    // A thread that is ending runs no handler.
    CURRENT.try_with(Cell::get).unwrap_or(None)
}

/// Runs the code of a handler that reads `subscriber`.
#[cfg(feature = "rt")]
#[inline]
pub(crate) fn run<R>(subscriber: SubscriberId, code: impl FnOnce() -> R) -> R {
    struct Leave(Option<SubscriberId>);

    impl Drop for Leave {
        #[inline]
        fn drop(&mut self) {
            set(self.0);
        }
    }

    /// Gives what was set before. What is left to drop in a thread that ends is inside of nothing.
    #[inline]
    fn set(handler: Option<SubscriberId>) -> Option<SubscriberId> {
        let set = CURRENT.try_with(|inside| inside.replace(handler));
        set.unwrap_or(None)
    }

    let _leave = Leave(set(Some(subscriber)));
    code()
}
