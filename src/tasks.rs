//! Where the tasks of handlers run: on tokio, or under a model checker.

use std::future::Future;

/// The runtime of whoever asks.
#[cfg(not(genevent_shuttle))]
pub(crate) struct Tasks(tokio::runtime::Handle);

#[cfg(genevent_shuttle)]
pub(crate) struct Tasks;

#[cfg(not(genevent_shuttle))]
impl Tasks {
    /// # Panics
    /// Outside of a runtime.
    pub(crate) fn current() -> Self {
        Self(tokio::runtime::Handle::current())
    }

    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.spawn(task);
    }
}

#[cfg(genevent_shuttle)]
impl Tasks {
    pub(crate) fn current() -> Self {
        Self
    }

    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        crate::sync::spawn(task);
    }
}
