//! The handle of a running bridge.

use std::fmt;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle};

/// A running [`Inbound`](crate::Inbound) or [`Outbound`](crate::Outbound): the handle of its task.
///
/// Dropping the handle aborts the task. Events under way are then not acknowledged, and come
/// again: inbound, the broker delivers the message once more after its `ack_wait`; outbound, the
/// receipt names the bridge as not finished.
#[must_use = "dropping the handle aborts the bridge"]
pub struct Running<C, X> {
    task: JoinHandle<Result<(), X>>,
    stop: watch::Sender<bool>,
    counts: Counter<C>,
}

impl<C: Clone + Default, X> Running<C, X> {
    /// Spawns the task made by `work` from the counts and the request to stop.
    pub(crate) fn spawn<F>(work: impl FnOnce(Counter<C>, Stop) -> F) -> Self
    where
        F: Future<Output = Result<(), X>> + Send + 'static,
        X: Send + 'static,
    {
        let counts = Counter::default();
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(work(counts.clone(), Stop(stopped)));
        Self { task, stop, counts }
    }

    /// Returns the counts so far.
    pub fn counts(&self) -> C {
        self.counts.lock().clone()
    }

    /// Takes no more, finishes the events under way, acknowledges, and returns the counts.
    ///
    /// Waits for as long as subscribers or the broker need. A time limit is the caller's, by
    /// `tokio::time::timeout`: the bridge is then aborted.
    ///
    /// # Errors
    /// The error that ended the bridge before, if any.
    ///
    /// # Panics
    /// With the panic of user code in the bridge: of a codec, a closure or a dead-letter hook. When the
    /// runtime of the bridge has shut down. After [`ended`](Self::ended) has returned.
    ///
    /// # Cancel safety
    /// Dropping the future aborts the bridge, as dropping the handle.
    pub async fn shutdown(mut self) -> Result<C, X> {
        self.stop.send_replace(true);
        self.ended().await
    }

    /// Waits until the bridge has ended by itself: its manager is closed, or the broker lacks the
    /// consumer, the stream or the stream's dedup window. Returns the counts.
    ///
    /// # Errors
    /// The error that ended the bridge.
    ///
    /// # Panics
    /// With the panic of user code in the bridge. When called again after it returned.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn ended(&mut self) -> Result<C, X> {
        let result = (&mut self.task).await;
        result.unwrap_or_else(|error| resume(error))?;
        Ok(self.counts())
    }
}

fn resume(error: JoinError) -> ! {
    assert!(error.is_panic(), "the runtime of the bridge has shut down");
    resume_unwind(error.into_panic())
}

impl<C, X> Drop for Running<C, X> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl<C: fmt::Debug + Clone + Default, X> fmt::Debug for Running<C, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running")
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}

/// Counts shared between a task and its handle.
#[derive(Debug, Default)]
pub(crate) struct Counter<C>(Arc<Mutex<C>>);

impl<C> Counter<C> {
    pub(crate) fn lock(&self) -> MutexGuard<'_, C> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C> Clone for Counter<C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// The request to stop, on the side of the task.
#[derive(Debug, Clone)]
pub(crate) struct Stop(watch::Receiver<bool>);

impl Stop {
    pub(crate) fn new(stop: watch::Receiver<bool>) -> Self {
        Self(stop)
    }

    /// Waits for the request.
    pub(crate) async fn requested(&mut self) {
        // The sender is gone only while the task is being aborted.
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}
