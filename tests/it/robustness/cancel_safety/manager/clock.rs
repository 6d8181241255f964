//! Tokio's paused clock, which advances only on request.

use tokio::runtime::{Builder, Runtime};

use super::rows::MILLISECOND;

thread_local! {
    static RUNTIME: Runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
}

/// Runs `story` where futures find the clock.
pub(crate) fn run(story: impl FnOnce()) {
    RUNTIME.with(|runtime| {
        let _guard = runtime.enter();
        story();
    });
}

pub(crate) fn advance() {
    RUNTIME.with(|runtime| runtime.block_on(tokio::time::advance(MILLISECOND)));
}
