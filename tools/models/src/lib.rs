//! Runs models and their tasks. The models are in `tests`: random schedules under
//! `--cfg genevent_shuttle`, every interleaving of small kernels under `--cfg genevent_loom`.
#![cfg(genevent_shuttle)]

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use shuttle::future::{JoinError, JoinHandle};

/// Runs a model with random schedules, as many as `GENEVENT_SCHEDULES` sets.
pub fn model(story: impl Fn() + Send + Sync + 'static) {
    let schedules = std::env::var("GENEVENT_SCHEDULES").map_or(10_000, |n| n.parse().unwrap());
    shuttle::check_random(story, schedules);
}

/// A task the model waits for, also without an await.
///
/// A model does not wait for a task after its handle was dropped: the task would be stopped inside of a
/// step, as in no real program, and an endless task would go unnoticed.
pub struct Task<T>(Option<JoinHandle<T>>);

pub fn spawn<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> Task<T> {
    Task(Some(shuttle::future::spawn(task)))
}

impl<T> Future for Task<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let handle = self.0.as_mut().expect("the handle is taken once, on drop");
        Pin::new(handle).poll(cx)
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        if let Some(handle) = self.0.take().filter(|handle| !handle.is_finished()) {
            std::mem::forget(handle);
        }
    }
}
