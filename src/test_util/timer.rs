//! Time for assertions: tokio's clock inside of a runtime, elsewhere a thread that waits.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use crate::util::panic_guard;
use crate::util::sync::{Arc, Mutex};

pub(super) enum Timer {
    #[cfg(feature = "rt")]
    Tokio(crate::util::timer::Deadline),
    System(ThreadTimer),
}

impl Timer {
    pub(super) fn after(duration: Duration) -> Self {
        #[cfg(feature = "rt")]
        if tokio::runtime::Handle::try_current().is_ok() {
            return Self::Tokio(crate::util::timer::Deadline::after(duration));
        }
        Self::System(ThreadTimer::after(duration))
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            #[cfg(feature = "rt")]
            Self::Tokio(deadline) => deadline.poll(cx),
            Self::System(bell) => bell.poll(cx),
        }
    }
}

/// Rung by a thread, which ends when this is dropped.
pub(super) struct ThreadTimer {
    state: Arc<Mutex<State>>,
    _thread_stays: Sender<()>,
}

#[derive(Default)]
struct State {
    has_rung: bool,
    waker: Option<Waker>,
}

impl ThreadTimer {
    fn after(duration: Duration) -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let (thread_stays, dropped) = channel();
        let bell = Arc::clone(&state);
        thread::spawn(move || {
            if dropped.recv_timeout(duration) == Err(RecvTimeoutError::Timeout) {
                let waker = {
                    let mut state = bell.lock();
                    state.has_rung = true;
                    state.waker.take()
                };
                waker.into_iter().for_each(panic_guard::wake);
            }
        });
        Self {
            state,
            _thread_stays: thread_stays,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let waker = cx.waker().clone();
        let mut state = self.state.lock();
        if state.has_rung {
            return Poll::Ready(());
        }
        let former = state.waker.replace(waker);
        drop(state);
        drop(former);
        Poll::Pending
    }
}

/// The thread ends a moment later; it must not keep the task until then.
impl Drop for ThreadTimer {
    fn drop(&mut self) {
        let waker = self.state.lock().waker.take();
        panic_guard::drop_caught(waker);
    }
}
