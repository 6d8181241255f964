//! Timers for assertions: tokio's timer inside of a runtime, a sleeping thread elsewhere.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use crate::util::panic_guard;
use crate::util::sync::{Arc, Mutex};

pub(super) enum Timer {
    #[cfg(feature = "rt")]
    Tokio(crate::util::timer::Deadline),
    Thread(ThreadTimer),
}

impl Timer {
    pub(super) fn after(duration: Duration) -> Self {
        #[cfg(feature = "rt")]
        if tokio::runtime::Handle::try_current().is_ok() {
            return Self::Tokio(crate::util::timer::Deadline::after(duration));
        }
        Self::Thread(ThreadTimer::after(duration))
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            #[cfg(feature = "rt")]
            Self::Tokio(deadline) => deadline.poll(cx),
            Self::Thread(timer) => timer.poll(cx),
        }
    }
}

/// A timer fired by a thread. The thread ends when the timer is dropped.
pub(super) struct ThreadTimer {
    state: Arc<Mutex<State>>,
    /// Dropping the sender ends the thread.
    _end_thread: Sender<()>,
}

#[derive(Default)]
struct State {
    has_fired: bool,
    waker: Option<Waker>,
}

impl ThreadTimer {
    fn after(duration: Duration) -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let (end_thread, dropped) = channel();
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            if dropped.recv_timeout(duration) == Err(RecvTimeoutError::Timeout) {
                let waker = {
                    let mut state = shared.lock();
                    state.has_fired = true;
                    state.waker.take()
                };
                waker.into_iter().for_each(panic_guard::wake);
            }
        });
        Self {
            state,
            _end_thread: end_thread,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let waker = cx.waker().clone();
        let mut state = self.state.lock();
        if state.has_fired {
            return Poll::Ready(());
        }
        let former = state.waker.replace(waker);
        drop(state);
        drop(former);
        Poll::Pending
    }
}

/// Drops the waker at once. The thread ends a moment later, and must not keep the task alive until
/// then.
impl Drop for ThreadTimer {
    fn drop(&mut self) {
        let waker = self.state.lock().waker.take();
        panic_guard::drop_caught(waker);
    }
}
