//! The tokio runtime of handlers: it runs between the steps of a check, in the thread of the check.

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::yield_now;

/// Enough turns for the longest chain: a handler that finishes, its stage, and the publisher's next event.
const TURNS: usize = 8;

thread_local! {
    static RUNTIME: Runtime = Builder::new_current_thread().build().expect("it has no drivers");
}

/// Calls `call` where tasks can be spawned.
pub(crate) fn enter<T>(call: impl FnOnce() -> T) -> T {
    RUNTIME.with(|runtime| {
        let _entered = runtime.enter();
        call()
    })
}

/// Polls the tasks until all of them wait. Does nothing in a task: the others run after it.
pub(crate) fn run_tasks() {
    if Handle::try_current().is_ok() {
        return;
    }
    RUNTIME.with(|runtime| {
        runtime.block_on(async {
            for _ in 0..TURNS {
                yield_now().await;
            }
        });
    });
}
