//! Running other people's code where its panic must stop: their wakers and their `Drop`s.

use std::any::Any;
#[cfg(feature = "rt")]
use std::future::{Future, poll_fn};
use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind};
#[cfg(feature = "rt")]
use std::pin::pin;
#[cfg(feature = "rt")]
use std::sync::Arc;
use std::task::Waker;
#[cfg(feature = "rt")]
use std::task::{Context, Wake};

/// Runs `code`; if it panics, the panic hook has told of it and that is the end of it.
pub(crate) fn catch(code: impl FnOnce()) {
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
    catch(|| waker.wake());
}

/// Drops what is not needed any more.
pub(crate) fn drop_caught<T>(unneeded: T) {
    catch(|| drop(unneeded));
}

/// A value of the user's, whose panic when it is dropped goes no further: so any number of them can
/// be dropped together, also while the thread panics already.
pub(crate) struct Shielded<T>(Option<T>);

impl<T> Shielded<T> {
    #[inline]
    pub(crate) fn new(value: T) -> Self {
        Self(Some(value))
    }

    #[inline]
    pub(crate) fn into_inner(mut self) -> T {
        self.0.take().expect(THERE)
    }
}

const THERE: &str = "only `into_inner` takes the value";

impl<T> Deref for Shielded<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.0.as_ref().expect(THERE)
    }
}

impl<T> DerefMut for Shielded<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().expect(THERE)
    }
}

impl<T> Drop for Shielded<T> {
    #[inline]
    fn drop(&mut self) {
        if std::mem::needs_drop::<T>() {
            if let Some(value) = self.0.take() {
                drop_caught(value);
            }
        }
    }
}

/// Values of the user's in a row, each [shielded](Shielded) by itself.
pub(crate) struct AllShielded<T>(Vec<T>);

impl<T> AllShielded<T> {
    pub(crate) fn new() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn push(&mut self, value: T) {
        self.0.push(value);
    }

    pub(crate) fn into_vec(mut self) -> Vec<T> {
        std::mem::take(&mut self.0)
    }
}

impl<T> Deref for AllShielded<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T> Drop for AllShielded<T> {
    fn drop(&mut self) {
        discard_all(std::mem::take(&mut self.0));
    }
}

/// Drops each of these by itself.
pub(crate) fn discard_all<T>(unneeded: impl IntoIterator<Item = T>) {
    if std::mem::needs_drop::<T>() {
        unneeded.into_iter().for_each(drop_caught);
    }
}

/// A waker of somebody else, to be called where its panic would harm others.
#[cfg(feature = "rt")]
struct GuardedWaker(Option<Waker>);

#[cfg(feature = "rt")]
impl Wake for GuardedWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        catch(|| self.0.iter().for_each(Waker::wake_by_ref));
    }
}

#[cfg(feature = "rt")]
impl Drop for GuardedWaker {
    fn drop(&mut self) {
        drop_caught(self.0.take());
    }
}

/// Awaits a future of tokio's, which would call all wakers in one go: after one that panics, it
/// would call none of the others, and whoever called them would fail.
#[cfg(feature = "rt")]
pub(crate) async fn with_guarded_waker<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let polling = poll_fn(|cx| {
        let waker = Waker::from(Arc::new(GuardedWaker(Some(cx.waker().clone()))));
        future.as_mut().poll(&mut Context::from_waker(&waker))
    });
    polling.await
}
