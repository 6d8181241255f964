//! The two runtimes that everything is measured on.

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

    /// Runs `task` to its end as a task of a fresh runtime.
    pub(crate) fn run<T: Send + 'static>(
        self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> T {
        run(&mut self.builder(), task)
    }

    /// The same, with a clock to sleep by.
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
    // As a task, not in `block_on` itself, which is slower to spawn from and to wake.
    let task = runtime.spawn(boxed(task));
    runtime.block_on(task).expect("no check fails")
}

/// Spawns a task of which there is one in a sample.
pub(crate) fn spawn<T: Send + 'static>(
    task: impl Future<Output = T> + Send + 'static,
) -> JoinHandle<T> {
    tokio::spawn(boxed(task))
}

/// What all of them come to.
///
/// # Panics
/// If one of them did.
pub(crate) async fn joined<T>(tasks: Vec<JoinHandle<T>>) -> Vec<T> {
    let mut results = Vec::with_capacity(tasks.len());
    for task in tasks {
        results.push(task.await.expect("no check fails"));
    }
    results
}

/// What runs it is compiled once then, and not for every peer.
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
