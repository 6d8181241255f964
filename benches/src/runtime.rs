//! The two runtimes that everything is measured on.

use std::fmt;
use std::future::Future;

use tokio::runtime::Builder;

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
    let task = runtime.spawn(task);
    runtime.block_on(task).expect("no check fails")
}

impl fmt::Display for Flavor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Multi => "multi",
            Self::Current => "current",
        })
    }
}
