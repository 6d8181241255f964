//! Cloning a waker outside a lock, and only if the clone is needed.

use std::task::Waker;

use crate::util::panic_guard::drop_caught;

/// Calls `attempt` until it returns a result, and hands it an owned clone of `waker` if it needs one.
///
/// `attempt` takes a lock. If it must store a waker under the lock, it takes the clone out of its
/// argument; if the argument is empty, it unlocks and returns `None`. Then `waker` is cloned and
/// `attempt` called again, with every condition checked again: the state may have changed in between.
///
/// Cloning and dropping wakers is user code, which could call back and deadlock under the lock. Most
/// attempts find an equal waker in place and need no clone. `spare` is a clone that the caller already
/// has; a clone that is left is dropped after the last attempt.
#[inline]
pub(crate) fn with_spare_waker<R>(
    waker: &Waker,
    mut spare: Option<Waker>,
    mut attempt: impl FnMut(&mut Option<Waker>) -> Option<R>,
) -> R {
    loop {
        if let Some(result) = attempt(&mut spare) {
            if let Some(unneeded) = spare {
                drop_caught(unneeded);
            }
            return result;
        }
        spare = Some(waker.clone());
    }
}
