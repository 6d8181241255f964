//! Tokio's timers, for futures polled in several runtimes in succession.
//!
//! A [`Sleep`] belongs to the creating runtime. Polling a `Sleep` panics once its runtime has shut
//! down, and a `Sleep` never fires while its runtime is not running.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{Instant, Sleep, sleep_until};

/// A timer of the polling runtime.
#[derive(Default)]
pub(crate) struct Timer {
    /// The timer. A panic of user code cannot leave tokio's timer half-changed.
    sleep: Option<AssertUnwindSafe<Pin<Box<Sleep>>>>,
}

impl Timer {
    /// Polls for the moment `until`, and arranges a wake-up of the task then.
    ///
    /// # Panics
    /// Panics in a runtime without time. Panics outside of any runtime, unless an earlier poll was
    /// inside of a runtime.
    pub(crate) fn poll(&mut self, until: Instant, cx: &mut Context<'_>) -> Poll<()> {
        if self.sleep.is_some() && Handle::try_current().is_err() {
            return self.poll_outside(until, cx);
        }
        // Each poll makes the timer anew, in the runtime that is current now: a kept timer might
        // belong to a runtime that has stopped or that is not driven any more. Tokio does not tell
        // which runtime is current, and a task does not identify the runtime: a task of
        // `spawn_blocking` may call `block_on` on several runtimes in succession.
        let sleep = match &mut self.sleep {
            Some(sleep) => {
                sleep.set(sleep_until(until));
                sleep
            }
            none => none.insert(AssertUnwindSafe(Box::pin(sleep_until(until)))),
        };
        sleep.as_mut().poll(cx)
    }

    /// Polls outside of any runtime. The runtime of `sleep` may still be running and fire the
    /// timer.
    fn poll_outside(&mut self, until: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let Some(sleep) = &mut self.sleep else {
            return Poll::Pending;
        };
        if sleep.deadline() != until {
            sleep.as_mut().reset(until);
        }
        if !sleep.is_elapsed() {
            return sleep.as_mut().poll(cx);
        }
        // Do not poll `sleep` here: an elapsed timer belongs either to a live runtime or to a
        // stopped runtime, which elapses all of its timers early, and polling the latter panics. No
        // timer wakes the task at `until` then; a wake for other reasons still works.
        if Instant::now() < until {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    }
}

/// A timer for a moment, which may be too far away to represent.
pub(crate) struct Deadline {
    at: Option<Instant>,
    timer: Timer,
}

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
