//! A value that is told once, and futures that wait for the value.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::util::panic_guard::{drop_caught, wake};
use crate::util::spare_waker::with_spare_waker;
use crate::util::sync::{Arc, Mutex};
use crate::util::wakers::Wakers;

/// A value that is not known yet, and then never changes.
pub(crate) struct ToldOnce<T>(Mutex<State<T>>);

struct State<T> {
    value: Option<T>,
    /// The wakers of the waiting futures.
    wakers: Wakers,
}

impl<T> Default for ToldOnce<T> {
    fn default() -> Self {
        Self(Mutex::new(State {
            value: None,
            wakers: Wakers::default(),
        }))
    }
}

impl<T: Clone> ToldOnce<T> {
    /// Returns the value, if the value has been told.
    pub(crate) fn get(&self) -> Option<T> {
        self.0.lock().value.clone()
    }

    /// Tells the value and wakes every waiting task. Must not be called under a lock: wakers are
    /// user code.
    pub(crate) fn tell(&self, value: T) {
        let mut state = self.0.lock();
        debug_assert!(state.value.is_none(), "the value is told once");
        state.value = Some(value);
        let wakers = state.wakers.take_all();
        drop(state);
        wakers.for_each(wake);
    }

    /// Returns a future of the value.
    pub(crate) fn told(self: &Arc<Self>) -> Told<T> {
        Told {
            source: Arc::clone(self),
            key: None,
        }
    }
}

/// Future of a value that is told once.
pub(crate) struct Told<T> {
    source: Arc<ToldOnce<T>>,
    /// The key of the waker, from the first pending poll on.
    key: Option<u64>,
}

impl<T: Clone> Future for Told<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let Self { source, key } = &mut *self;
        let waker = cx.waker();
        with_spare_waker(waker, None, |spare| {
            let mut state = source.0.lock();
            if let Some(value) = state.value.clone() {
                return Some(Poll::Ready(value));
            }
            if state.wakers.would_wake(*key, waker) {
                return Some(Poll::Pending);
            }
            let replaced = state.wakers.insert(key, spare.take()?);
            // Unlock before dropping: a drop of a waker is user code.
            drop(state);
            drop_caught(replaced);
            Some(Poll::Pending)
        })
    }
}

impl<T> Drop for Told<T> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            let waker = self.source.0.lock().wakers.remove(key);
            drop_caught(waker);
        }
    }
}
