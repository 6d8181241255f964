//! The service, end to end: the program itself, over HTTP, and in a real browser.

mod attacks;
mod browser;
mod client;
mod database;
mod drain;
mod events;
mod orders;
mod program;
mod tabs;
mod websocket;

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

/// The time for a condition to become true.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits for a condition of the program or of the browser, which cannot wake a test.
async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition().await {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        sleep(Duration::from_millis(10)).await;
    }
}

async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    let output = timeout(PATIENCE, future).await;
    output.unwrap_or_else(|_| panic!("waited in vain: {what}"))
}
