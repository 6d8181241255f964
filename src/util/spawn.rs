//! Spawning the tasks of handlers: on tokio, or under a model checker.

use std::future::Future;

/// A handle to the current runtime. A model checker has a single runtime.
pub(crate) struct Spawner {
    #[cfg(not(genevent_shuttle))]
    runtime: tokio::runtime::Handle,
}

impl Spawner {
    /// Returns a spawner for the current runtime.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub(crate) fn current() -> Self {
        Self {
            #[cfg(not(genevent_shuttle))]
            runtime: tokio::runtime::Handle::current(),
        }
    }

    /// Returns a spawner for the current runtime, if the caller runs in a runtime.
    pub(crate) fn try_current() -> Option<Self> {
        #[cfg(genevent_shuttle)]
        let spawner = Some(Self {});
        #[cfg(not(genevent_shuttle))]
        let spawner = tokio::runtime::Handle::try_current()
            .ok()
            .map(|runtime| Self { runtime });
        spawner
    }

    /// Spawns a task on the runtime.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        #[cfg(not(genevent_shuttle))]
        self.runtime.spawn(task);
        #[cfg(genevent_shuttle)]
        crate::util::sync::spawn(task);
    }

    /// Spawns a short task on the runtime of the timers, so the task runs even if the `current` runtime
    /// is missing or not driven any more. Uses the current runtime if its clock is not the system's.
    pub(crate) fn spawn_driven(
        current: Option<Self>,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        const CURRENT: &str = "only a runtime has a clock of its own";
        #[cfg(not(genevent_shuttle))]
        match crate::util::timer::driven_runtime() {
            Some(runtime) => drop(runtime.spawn(task)),
            None => current.expect(CURRENT).spawn(task),
        }
        #[cfg(genevent_shuttle)]
        current.expect(CURRENT).spawn(task);
    }
}
