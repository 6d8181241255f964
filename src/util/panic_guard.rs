//! Guards that stop the panics of user code: of wakers and of `Drop` implementations.
//!
//! | name | guards |
//! |---|---|
//! | [`catch`] | any closure |
//! | [`wake`], [`drop_caught`], [`drop_all_caught`] | a single call of user code |
//! | [`Guarded`], [`GuardedVec`] | the `Drop` of stored values |
//! | `guarded_waker`, `with_guarded_waker` | the wakers stored by a future of tokio |
//!
//! The panic hook reports each panic; after that, the panic has no effect.

use std::any::Any;
#[cfg(feature = "rt")]
use std::future::{Future, poll_fn};
use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind};
#[cfg(feature = "rt")]
use std::pin::pin;
#[cfg(any(feature = "rt", feature = "test-util"))]
use std::sync::Arc;
#[cfg(feature = "rt")]
use std::task::Context;
#[cfg(any(feature = "rt", feature = "test-util"))]
use std::task::Wake;
use std::task::Waker;

/// Runs `code`, and swallows its panic after the panic hook has reported it.
pub(crate) fn catch(code: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(code)) {
        drop_payload(payload);
    }
}

/// The longest chain of payloads to drop, where the `Drop` of each payload panics with the next.
const MAX_PAYLOADS: usize = 8;

/// Drops the payload of a caught panic. Its `Drop` is user code and may panic with another payload,
/// which is dropped the same way.
#[cold]
#[inline(never)]
pub(crate) fn drop_payload(mut payload: Box<dyn Any + Send>) {
    for _ in 0..MAX_PAYLOADS {
        match catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            Ok(()) => return,
            Err(next) => payload = next,
        }
    }
    // The chain of panicking payloads may be endless, so the last payload is leaked.
    std::mem::forget(payload);
}

/// Wakes a task. A panic of the waker harms only its own task.
#[inline]
pub(crate) fn wake(waker: Waker) {
    catch(|| waker.wake());
}

/// Drops a user's value, and swallows a panic of its `Drop`.
pub(crate) fn drop_caught<T>(value: T) {
    catch(|| drop(value));
}

/// Drops each value by itself, so a panic in a `Drop` does not skip or leak the rest.
pub(crate) fn drop_all_caught<T>(values: impl IntoIterator<Item = T>) {
    if std::mem::needs_drop::<T>() {
        values.into_iter().for_each(drop_caught);
    }
}

/// A user's value, dropped by [`drop_caught`].
///
/// Several guarded values can be dropped together, also while the thread unwinds, where a second
/// panic would abort the process.
pub(crate) struct Guarded<T>(Option<T>);

impl<T> Guarded<T> {
    #[inline]
    pub(crate) fn new(value: T) -> Self {
        Self(Some(value))
    }

    #[inline]
    pub(crate) fn into_inner(mut self) -> T {
        self.0.take().expect(PRESENT)
    }
}

const PRESENT: &str = "only `into_inner` and `drop` take the value";

impl<T> Deref for Guarded<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.0.as_ref().expect(PRESENT)
    }
}

impl<T> DerefMut for Guarded<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().expect(PRESENT)
    }
}

impl<T> Drop for Guarded<T> {
    #[inline]
    fn drop(&mut self) {
        if std::mem::needs_drop::<T>() {
            if let Some(value) = self.0.take() {
                drop_caught(value);
            }
        }
    }
}

/// Users' values, dropped by [`drop_all_caught`].
pub(crate) struct GuardedVec<T>(Vec<T>);

impl<T> GuardedVec<T> {
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

impl<T> Deref for GuardedVec<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T> Drop for GuardedVec<T> {
    fn drop(&mut self) {
        drop_all_caught(std::mem::take(&mut self.0));
    }
}

/// A waker that catches panics of its calls and of its `Drop`.
#[cfg(any(feature = "rt", feature = "test-util"))]
struct GuardedWaker(Option<Waker>);

#[cfg(any(feature = "rt", feature = "test-util"))]
impl Wake for GuardedWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        catch(|| self.0.iter().for_each(Waker::wake_by_ref));
    }
}

#[cfg(any(feature = "rt", feature = "test-util"))]
impl Drop for GuardedWaker {
    fn drop(&mut self) {
        drop_caught(self.0.take());
    }
}

/// Returns a waker of the same task, with its panics caught.
#[cfg(any(feature = "rt", feature = "test-util"))]
pub(crate) fn guarded_waker(waker: &Waker) -> Waker {
    Waker::from(Arc::new(GuardedWaker(Some(waker.clone()))))
}

/// Awaits a future of tokio with a guarded waker.
///
/// Tokio calls all stored wakers in one loop: a panicking waker would end the loop, leave the
/// remaining tasks asleep, and unwind into the waking caller.
#[cfg(feature = "rt")]
pub(crate) async fn with_guarded_waker<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let polling = poll_fn(|cx| {
        let waker = guarded_waker(cx.waker());
        future.as_mut().poll(&mut Context::from_waker(&waker))
    });
    polling.await
}
