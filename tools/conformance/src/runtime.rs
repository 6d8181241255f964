//! The tokio runtime of handlers, which runs between the steps of a check, in the thread of the check.
//!
//! The runtime's clock is paused, and moves only while every task waits for a timer, which no check lets happen. With
//! the system's clock, a check with a delayed thread would look like a publisher that does not take up its granted
//! place: genevent gives such a place to another publisher after some milliseconds.

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::yield_now;

/// Enough turns for the longest chain: a handler that finishes, its stage, and the publisher's next event.
const TURNS: usize = 8;

thread_local! {
    static RUNTIME: Runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without I/O takes no resource of the system");
}

/// Calls `call` where tasks can be spawned.
pub(crate) fn enter<T>(call: impl FnOnce() -> T) -> T {
    RUNTIME.with(|runtime| {
        let _entered = runtime.enter();
        call()
    })
}

/// Polls the tasks until all of them wait. Does nothing in a task: all other tasks run after this task.
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::{Instant, sleep};

    use super::{enter, run_tasks};

    #[test]
    fn no_time_passes_between_the_steps_of_a_check() {
        let start = enter(Instant::now);
        let timer = enter(|| tokio::spawn(sleep(Duration::from_millis(1))));
        for _ in 0..1_000 {
            run_tasks();
        }
        assert_eq!(enter(Instant::now), start);
        assert!(!timer.is_finished());
    }
}
