//! Feature `tracing`: which entries are logged, under which names, and that a listener can do no
//! harm.

#[path = "../support/drive.rs"]
mod drive;
mod handlers;
mod listener;
mod listener_user_code;
mod log_entries;

use std::time::Duration;

use genevent::{EventManager, SubscribeOptions};

fn orders<E: Send + Sync + 'static>(capacity: usize) -> EventManager<E> {
    let builder = EventManager::builder().name("orders");
    builder.capacity(capacity).build()
}

fn named(name: &str) -> SubscribeOptions {
    SubscribeOptions::new().name(name)
}

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Implements neither `Debug` nor any other trait but `Clone`, so it cannot be formatted.
#[derive(Clone)]
struct Opaque;

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as a filter is called")]
fn is_odd(n: &u8) -> bool {
    n % 2 == 1
}
