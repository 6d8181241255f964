//! The handler of the running code, by which a wait of a handler for itself is detected.

use std::cell::Cell;

use crate::subscriber_id::SubscriberId;

#[cfg(genevent_shuttle)]
use shuttle::thread_local;
#[cfg(not(genevent_shuttle))]
use std::thread_local;

thread_local! {
    static CURRENT: Cell<Option<SubscriberId>> = const { Cell::new(None) };
}

/// Returns the subscription of the handler whose task called the running code, if there is one.
#[inline]
pub(crate) fn handler() -> Option<SubscriberId> {
    // During thread-local teardown there is no current handler.
    CURRENT.try_with(Cell::get).unwrap_or(None)
}

/// Runs code of the handler behind `subscriber`.
#[cfg(feature = "rt")]
#[inline]
pub(crate) fn run<R>(subscriber: SubscriberId, code: impl FnOnce() -> R) -> R {
    /// Restores the previous handler, also when `code` panics.
    struct Restore(Option<SubscriberId>);

    impl Drop for Restore {
        #[inline]
        fn drop(&mut self) {
            set(self.0);
        }
    }

    /// Returns the previous handler. During thread-local teardown there is no current handler.
    #[inline]
    fn set(handler: Option<SubscriberId>) -> Option<SubscriberId> {
        let previous = CURRENT.try_with(|current| current.replace(handler));
        previous.unwrap_or(None)
    }

    let _restore = Restore(set(Some(subscriber)));
    code()
}
