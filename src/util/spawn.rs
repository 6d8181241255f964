//! Where the tasks of handlers run: on tokio, or under a model checker.

use std::future::Future;

/// The runtime of whoever asks. A model checker has but one.
pub(crate) struct Spawner {
    #[cfg(not(genevent_shuttle))]
    runtime: tokio::runtime::Handle,
}

impl Spawner {
    /// # Panics
    /// Outside of a runtime.
    pub(crate) fn current() -> Self {
        Self {
            #[cfg(not(genevent_shuttle))]
            runtime: tokio::runtime::Handle::current(),
        }
    }

    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        #[cfg(not(genevent_shuttle))]
        self.runtime.spawn(task);
        #[cfg(genevent_shuttle)]
        crate::util::sync::spawn(task);
    }
}
