//! Notices a new connection to the broker: answers may be lost with the old connection.

use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::Client;

/// How often a new connection is looked for.
pub(crate) const CHECK: Duration = Duration::from_millis(100);

/// Returns how often the connection has been made.
pub(crate) fn count(client: &Client) -> u64 {
    client.statistics().connects.load(Ordering::Relaxed)
}

/// Waits until the connection has been made more often than `before`.
pub(crate) async fn renewed(client: &Client, before: u64) {
    while count(client) == before {
        tokio::time::sleep(CHECK).await;
    }
}
