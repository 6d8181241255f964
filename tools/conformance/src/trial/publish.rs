//! A publish as a task.

use std::sync::Arc;
use std::task::{Context, Poll};

use super::REPOLLS;
use super::wakes::Wakes;
use crate::{Closed, Publishing, Receipt};

/// A publish, waiting for its event to be stored.
pub(crate) type Publish = Task<()>;

/// A publish, waiting for its event to be finished with.
pub(crate) type Waiting = Task<Option<Receipt>>;

pub(crate) struct Task<T> {
    pub(crate) number: u64,
    future: Option<Publishing<T>>,
    wakes: Arc<Wakes>,
    run_tasks: fn(),
}

impl<T> Task<T> {
    pub(super) fn new(number: u64, future: Publishing<T>, run_tasks: fn()) -> Self {
        Self {
            number,
            future: Some(future),
            wakes: Arc::default(),
            run_tasks,
        }
    }

    /// Polls, and polls again as long as the future wakes itself.
    pub(crate) fn poll(&mut self) -> Poll<Result<T, Closed>> {
        for _ in 0..REPOLLS {
            let polled = self.poll_once();
            if polled.is_ready() || !self.is_woken() {
                return polled;
            }
        }
        Poll::Pending
    }

    pub(crate) fn poll_once(&mut self) -> Poll<Result<T, Closed>> {
        self.wakes.take();
        let future = self.future.as_mut().expect("polled until ready");
        let polled = future
            .as_mut()
            .poll(&mut Context::from_waker(&self.wakes.waker()));
        if polled.is_ready() {
            self.future = None;
        }
        (self.run_tasks)();
        polled
    }

    pub(crate) fn is_woken(&self) -> bool {
        self.wakes.count() > 0
    }

    /// Drops the future.
    pub(crate) fn cancel(self) {
        let run_tasks = self.run_tasks;
        drop(self);
        run_tasks();
    }
}
