//! Timers for futures that are polled anywhere: inside of tokio, outside of any runtime, or in several
//! runtimes in succession.
//!
//! Each timer is a [`Sleep`] of tokio, in one of two runtimes:
//!
//! | the clock where the future is polled | runtime of the timer |
//! |---|---|
//! | the system's: outside of tokio, or in a runtime with an unpaused clock | the runtime of this module |
//! | another: paused, or advanced during a pause | the polling runtime, since no other runtime has the clock |
//!
//! The runtime of this module is a thread with two duties: it fires timers, and monitors granted
//! places. The polling runtime cannot fire every timer: tokio panics at a timer in a runtime built
//! without `enable_time`, and offers no way to ask a runtime for its time driver.
//! (`Handle::has_time_driver` is proposed: tokio issue 8361.) Such a runtime has the system's clock.
//!
//! Each poll compares the clocks. If a clock is paused while a future waits, the next poll of the
//! future notices the pause.

use std::future::{Future, pending};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::util::panic_guard::guarded_waker;

/// A timer for one future.
#[derive(Default)]
pub(crate) struct Timer {
    /// The timer. No panic of user code can leave tokio's timer half-changed.
    sleep: Option<AssertUnwindSafe<Pin<Box<Sleep>>>>,
    /// Whether `sleep` belongs to the runtime of this module.
    is_own: bool,
}

impl Timer {
    /// Polls for the moment `until`, and arranges a wake-up of the task then.
    ///
    /// # Panics
    /// Panics in a runtime with a paused clock and without time, where no timer can ever fire.
    pub(crate) fn poll(&mut self, until: Instant, cx: &mut Context<'_>) -> Poll<()> {
        if !has_system_clock() {
            // Make a new timer at each poll: a kept timer might belong to a runtime that has stopped
            // or is not driven any more, and polling a timer of a stopped runtime panics. A task does
            // not identify its runtime: a task of `spawn_blocking` may call `block_on` on several
            // runtimes in succession.
            self.is_own = false;
            return self.set(sleep_until(until)).poll(cx);
        }
        let sleep = match &mut self.sleep {
            Some(sleep) if self.is_own => sleep.as_mut(),
            _ => {
                self.is_own = true;
                let _entered = own_runtime().enter();
                self.set(sleep_until(until))
            }
        };
        poll_own(sleep, until, cx)
    }

    /// Stores `sleep`, in the place of the last timer if there is one.
    fn set(&mut self, sleep: Sleep) -> Pin<&mut Sleep> {
        match &mut self.sleep {
            Some(place) => place.set(sleep),
            none => *none = Some(AssertUnwindSafe(Box::pin(sleep))),
        }
        self.sleep.as_mut().expect("`sleep` was just set").as_mut()
    }
}

/// Polls a timer of the runtime of this module.
fn poll_own(mut sleep: Pin<&mut Sleep>, until: Instant, cx: &mut Context<'_>) -> Poll<()> {
    if sleep.deadline() != until {
        sleep.as_mut().reset(until);
    }
    // The runtime's thread calls the waker, which is user code: a panic would end the thread, and
    // with it every timer of the process.
    sleep.poll(&mut Context::from_waker(&guarded_waker(cx.waker())))
}

/// Returns whether the clock of the polling runtime, if there is one, is the system's.
fn has_system_clock() -> bool {
    loop {
        let before = Instant::now().into_std();
        let system = std::time::Instant::now();
        let after = Instant::now().into_std();
        if system < before || after < system {
            return false;
        }
        if before < after {
            return true;
        }
        // The clock is paused, or so coarse that three readings are equal. Read again: the system's
        // clock moves on, and leaves a paused clock behind.
        std::hint::spin_loop();
    }
}

/// Returns the runtime of this module, which is driven for ever, or `None` if the polling runtime has
/// its own clock.
#[cfg(all(feature = "rt", not(genevent_shuttle)))]
pub(crate) fn driven_runtime() -> Option<&'static Handle> {
    has_system_clock().then(own_runtime)
}

/// Returns the runtime that fires the timers of this module, and starts its thread at the first call.
fn own_runtime() -> &'static Handle {
    static RUNTIME: OnceLock<Handle> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let runtime = Builder::new_current_thread().enable_time().build();
        let runtime = runtime.expect("a runtime without I/O takes no resource of the system");
        let handle = runtime.handle().clone();
        let thread = thread::Builder::new().name("genevent-timer".to_owned());
        thread
            .spawn(move || runtime.block_on(pending::<()>()))
            .expect("the system starts another thread");
        handle
    })
}

/// A timer for a moment. A moment too far away to represent never comes.
#[cfg(not(genevent_shuttle))]
pub(crate) struct Deadline {
    at: Option<Instant>,
    timer: Timer,
}

#[cfg(not(genevent_shuttle))]
impl Deadline {
    /// Creates a deadline `duration` after this call.
    pub(crate) fn after(duration: Duration) -> Self {
        Self {
            at: Instant::now().checked_add(duration),
            timer: Timer::default(),
        }
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.at {
            Some(at) => self.timer.poll(at, cx),
            None => Poll::Pending,
        }
    }
}

/// A timer in a model, which has no clock: the moment comes when the schedule runs the task of the timer.
#[cfg(genevent_shuttle)]
pub(crate) struct Deadline(Option<crate::util::told_once::Told<()>>);

#[cfg(genevent_shuttle)]
impl Deadline {
    pub(crate) fn after(duration: Duration) -> Self {
        let at = Instant::now().checked_add(duration);
        Self(at.map(|_| {
            let moment = std::sync::Arc::new(crate::util::told_once::ToldOnce::default());
            let comes = moment.told();
            crate::util::sync::spawn(async move {
                // A single step would almost always come early.
                while shuttle::rand::Rng::gen_bool(&mut shuttle::rand::thread_rng(), 0.8) {
                    shuttle::future::yield_now().await;
                }
                moment.tell(());
            });
            comes
        }))
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.0 {
            Some(comes) => Pin::new(comes).poll(cx),
            None => Poll::Pending,
        }
    }
}
