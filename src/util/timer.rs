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
use tokio::task;
use tokio::time::{Instant, Sleep, sleep_until};

/// A timer of the polling runtime.
#[derive(Default)]
pub(crate) struct Timer {
    /// The timer. A panic of user code cannot leave tokio's timer half-changed.
    sleep: Option<AssertUnwindSafe<Pin<Box<Sleep>>>>,
    /// The last task to poll `sleep`, which identifies the runtime. `None` outside of tasks.
    task: Option<task::Id>,
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
        // A task never changes its runtime, so the timer can be kept between polls of one task.
        // Outside of tasks, as in `block_on`, each poll can be in another runtime, and tokio does
        // not tell which one. A kept timer might belong to a stopped runtime, so each poll resets
        // the timer.
        let task = task::try_id();
        let is_same_task = task.is_some() && task == self.task;
        let sleep = match &mut self.sleep {
            Some(sleep) => {
                if !is_same_task {
                    sleep.set(sleep_until(until));
                } else if sleep.deadline() != until {
                    sleep.as_mut().reset(until);
                }
                sleep
            }
            none => none.insert(AssertUnwindSafe(Box::pin(sleep_until(until)))),
        };
        self.task = task;
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
