//! Tokio's timers, for futures that may be polled in one runtime after another.
//!
//! A [`Sleep`] belongs to the runtime that made it: once that runtime has shut down, polling it
//! panics, and while nobody runs that runtime, it never rings.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task;
use tokio::time::{Instant, Sleep, sleep_until};

/// A timer of the runtime that polls it.
#[derive(Default)]
pub(crate) struct Timer {
    /// Tokio's timers leave nothing half done when somebody's code panics.
    sleep: Option<AssertUnwindSafe<Pin<Box<Sleep>>>>,
    /// The task that has set it, and so its runtime. `None` outside of tasks.
    task: Option<task::Id>,
}

impl Timer {
    /// Ready at `until`; until then the task is woken at that time.
    ///
    /// # Panics
    /// In a runtime without time. Outside of any, unless it was polled inside of one before.
    pub(crate) fn poll(&mut self, until: Instant, cx: &mut Context<'_>) -> Poll<()> {
        if self.sleep.is_some() && Handle::try_current().is_err() {
            return self.poll_outside(until, cx);
        }
        // A task stays in its runtime. Other code, as that of a `block_on`, may be in another
        // runtime each time, which cannot be asked: its timer is set anew at each poll.
        let task = task::try_id();
        let is_here = task.is_some() && task == self.task;
        let sleep = match &mut self.sleep {
            Some(sleep) => {
                if !is_here {
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

    /// There is no runtime here: the one that the timer was set in may still be there to ring it.
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
        // It has rung, or its runtime has shut down, which ends all of its timers; polling one of
        // these panics. Nobody wakes the task for the time then, but whoever makes room still does.
        if Instant::now() < until {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    }
}

/// A moment that may be too far away for any clock, and its timer.
pub(crate) struct Deadline {
    at: Option<Instant>,
    timer: Timer,
}

impl Deadline {
    /// Counted from this call.
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
