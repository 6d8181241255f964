//! Tasks polled as by an executor: only after a wake-up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures::FutureExt;
use futures::future::LocalBoxFuture;
use genevent::EventManager;

use super::rows::Outcome;
use super::streams::Source;

/// Whether a task is woken. A waiting task is not polled again before.
struct Alarm(AtomicBool);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A task run as by an executor: a waiting task is polled only after a wake-up.
pub(crate) struct Task<'a> {
    pub(crate) name: &'static str,
    alarm: Arc<Alarm>,
    pub(crate) future: Option<LocalBoxFuture<'a, Outcome>>,
    pub(crate) outcome: Option<Outcome>,
    /// Set while the future is kept without being polled.
    pub(crate) is_kept: bool,
}

impl<'a> Task<'a> {
    pub(crate) fn new(name: &'static str, future: LocalBoxFuture<'a, Outcome>) -> Self {
        Self {
            name,
            alarm: Arc::new(Alarm(AtomicBool::new(true))),
            future: Some(future),
            outcome: None,
            is_kept: false,
        }
    }

    /// Polls the task if the task is runnable. Returns whether it was.
    pub(crate) fn run(&mut self) -> bool {
        if self.is_kept {
            return false;
        }
        let Some(future) = &mut self.future else {
            return false;
        };
        if !self.alarm.0.swap(false, Ordering::Relaxed) {
            return false;
        }
        let waker = Waker::from(Arc::clone(&self.alarm));
        if let Poll::Ready(outcome) = future.poll_unpin(&mut Context::from_waker(&waker)) {
            self.outcome = Some(outcome);
            self.future = None;
        }
        true
    }
}

/// A task that reads an event, then works, and then polls for the next event.
pub(crate) struct Reader {
    alarm: Arc<Alarm>,
    pub(crate) source: Box<dyn Source>,
    pub(crate) got: Vec<u32>,
}

impl Reader {
    pub(crate) fn new(source: Box<dyn Source>) -> Self {
        Self {
            alarm: Arc::new(Alarm(AtomicBool::new(true))),
            source,
            got: Vec::new(),
        }
    }

    pub(crate) fn of(manager: &EventManager<u32>) -> Self {
        Self::new(Box::new(manager.subscribe().with_missed()))
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.source.has_ended()
    }

    pub(crate) fn run(&mut self) -> bool {
        if self.has_ended() || !self.alarm.0.swap(false, Ordering::Relaxed) {
            return false;
        }
        let waker = Waker::from(Arc::clone(&self.alarm));
        let mut cx = Context::from_waker(&waker);
        if let Poll::Ready(next) = self.source.poll_events(&mut cx) {
            self.got.extend(next.into_iter().flatten());
            self.alarm.0.store(true, Ordering::Relaxed);
        }
        true
    }
}
