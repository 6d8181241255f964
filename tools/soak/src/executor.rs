//! The executors of a round: two runtimes of tokio and the thread pool of `futures`.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::channel::oneshot;
use futures::executor::ThreadPool;
use futures::future::{AbortHandle, Abortable, FutureExt};
use tokio::runtime::{Builder, Runtime};

/// The payload of a panic on purpose.
pub(crate) struct IntendedPanic;

#[derive(Clone)]
pub(crate) enum Executor {
    Tokio(&'static str, Arc<Runtime>),
    Futures(ThreadPool),
}

/// The end of a task.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    Done,
    /// The task raised an intended panic.
    Panicked,
    /// The task panicked unexpectedly.
    Failed,
    Aborted,
}

/// A started task.
pub(crate) struct Job {
    pub(crate) abort: AbortHandle,
    outcome: oneshot::Receiver<Outcome>,
}

impl Job {
    pub(crate) async fn outcome(self) -> Outcome {
        self.outcome.await.expect("every task sends its outcome")
    }
}

impl Executor {
    pub(crate) fn all() -> Vec<Self> {
        let tokio = |name, mut builder: Builder| {
            let runtime = builder
                .enable_time()
                .build()
                .expect("a runtime can be built");
            Self::Tokio(name, Arc::new(runtime))
        };
        let mut two = Builder::new_multi_thread();
        two.worker_threads(2);
        let pool = ThreadPool::builder().pool_size(2).create();
        vec![
            tokio("tokio, two threads", two),
            tokio("tokio, one thread", Builder::new_current_thread()),
            Self::Futures(pool.expect("a pool can be built")),
        ]
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Tokio(name, _) => name,
            Self::Futures(_) => "futures, two threads",
        }
    }

    pub(crate) fn is_tokio(&self) -> bool {
        matches!(self, Self::Tokio(..))
    }

    pub(crate) fn block_on<T>(&self, main: impl Future<Output = T>) -> T {
        match self {
            Self::Tokio(_, runtime) => runtime.block_on(main),
            Self::Futures(_) => futures::executor::block_on(main),
        }
    }

    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> Job {
        let (abort, registration) = AbortHandle::new_pair();
        let task = Abortable::new(AssertUnwindSafe(task).catch_unwind(), registration);
        let (tell, outcome) = oneshot::channel();
        let whole = async move {
            // The task and its values are dropped before the outcome is sent.
            let outcome = match task.await {
                Ok(Ok(())) => Outcome::Done,
                Ok(Err(payload)) if payload.is::<IntendedPanic>() => Outcome::Panicked,
                Ok(Err(_)) => Outcome::Failed,
                Err(_) => Outcome::Aborted,
            };
            tell.send(outcome).ok();
        };
        match self {
            Self::Tokio(_, runtime) => drop(runtime.spawn(whole)),
            Self::Futures(pool) => pool.spawn_ok(whole),
        }
        Job { abort, outcome }
    }
}

/// Yields to the executor once.
pub(crate) async fn yield_now() {
    let mut yielded = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return std::task::Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}
