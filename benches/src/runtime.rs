//! The two runtimes of the measurements.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use tokio::runtime::Builder;
use tokio::task::JoinHandle;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flavor {
    /// Tokio's multi-thread runtime with two workers.
    Multi,
    /// Tokio's current-thread runtime.
    Current,
}

impl Flavor {
    pub(crate) const ALL: [Self; 2] = [Self::Multi, Self::Current];

    /// Runs `task` to its end as a task of a new runtime.
    pub(crate) fn run<T: Send + 'static>(
        self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> T {
        run(&mut self.builder(), task)
    }

    /// Runs `task` like `run`, on a runtime with timers.
    pub(crate) fn run_with_clock<T: Send + 'static>(
        self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> T {
        run(self.builder().enable_time(), task)
    }

    fn builder(self) -> Builder {
        match self {
            Self::Multi => {
                let mut builder = Builder::new_multi_thread();
                builder.worker_threads(2);
                builder
            }
            Self::Current => Builder::new_current_thread(),
        }
    }
}

fn run<T: Send + 'static>(
    builder: &mut Builder,
    task: impl Future<Output = T> + Send + 'static,
) -> T {
    let runtime = builder.build().expect("a runtime can be built");
    // `block_on` is slower to spawn from and to wake than a task.
    let task = runtime.spawn(boxed(task));
    runtime.block_on(task).expect("the checks of a sample hold")
}

/// Spawns a task that exists once in a sample.
pub(crate) fn spawn<T: Send + 'static>(
    task: impl Future<Output = T> + Send + 'static,
) -> JoinHandle<T> {
    tokio::spawn(boxed(task))
}

/// Returns the results of all tasks.
///
/// # Panics
/// If a task panicked.
pub(crate) async fn joined<T>(tasks: Vec<JoinHandle<T>>) -> Vec<T> {
    let mut results = Vec::with_capacity(tasks.len());
    for task in tasks {
        results.push(task.await.expect("the checks of a sample hold"));
    }
    results
}

/// Boxes `task`, so the code that runs it is compiled once and not per peer.
fn boxed<T>(
    task: impl Future<Output = T> + Send + 'static,
) -> Pin<Box<dyn Future<Output = T> + Send>> {
    Box::pin(task)
}

impl fmt::Display for Flavor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Multi => "multi",
            Self::Current => "current",
        })
    }
}
