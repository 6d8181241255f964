//! Running other people's code where its panic must stop: their wakers and their `Drop`s.

use std::any::Any;
#[cfg(feature = "rt")]
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
#[cfg(feature = "rt")]
use std::pin::pin;
#[cfg(feature = "rt")]
use std::sync::Arc;
use std::task::Waker;
#[cfg(feature = "rt")]
use std::task::{Context, Wake};

/// Runs `code`; if it panics, the panic hook has told of it and that is the end of it.
pub(crate) fn shield(code: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(code)) {
        drop_payload(payload);
    }
}

/// So many payloads are dropped, each of which the `Drop` of the one before panicked with.
const PAYLOADS: usize = 8;

/// Drops the payload of a caught panic. Its `Drop` is user code and may panic with another payload,
/// which is dropped the same way.
#[cold]
#[inline(never)]
pub(crate) fn drop_payload(mut payload: Box<dyn Any + Send>) {
    for _ in 0..PAYLOADS {
        match catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            Ok(()) => return,
            Err(next) => payload = next,
        }
    }
    // Each `Drop` panics anew, and might for ever: the last payload is leaked.
    std::mem::forget(payload);
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

/// A waker of somebody else, to be called where its panic would harm others.
#[cfg(feature = "rt")]
struct Gentle(Option<Waker>);

#[cfg(feature = "rt")]
impl Wake for Gentle {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        shield(|| self.0.iter().for_each(Waker::wake_by_ref));
    }
}

#[cfg(feature = "rt")]
impl Drop for Gentle {
    fn drop(&mut self) {
        discard(self.0.take());
    }
}

/// Awaits a future of tokio's, which would call all wakers in one go: after one that panics, it
/// would call none of the others, and whoever called them would fail.
#[cfg(feature = "rt")]
pub(crate) async fn gently<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let polling = poll_fn(|cx| {
        let waker = Waker::from(Arc::new(Gentle(Some(cx.waker().clone()))));
        future.as_mut().poll(&mut Context::from_waker(&waker))
    });
    polling.await
}
