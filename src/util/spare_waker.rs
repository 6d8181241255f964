//! Cloning a waker outside a lock, and only if the clone is needed.

use std::task::Waker;

use crate::util::panic_guard::drop_caught;

/// Calls `attempt` until a call returns a result, and passes an owned clone of `waker` on request.
///
/// `attempt` takes a lock. To store a waker under the lock, `attempt` takes the clone out of its
/// argument; if the argument is empty, `attempt` unlocks and returns `None`. Then `waker` is cloned and
/// `attempt` called again, with every condition checked again: the state may have changed in between.
///
/// Cloning and dropping wakers is user code, which could call back and deadlock under the lock. Most
/// attempts find an equal waker in place and need no clone. `spare` is a clone already at hand; an
/// unused clone is dropped after the last attempt.
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
