//! Feature `tracing`: what is told, by whose name, and that whoever listens can do no harm.

#[path = "../support/drive.rs"]
mod drive;
mod handlers;
mod harm;
mod listener;
mod told;
mod warning;

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

/// Neither `Debug` nor anything else but `Clone`: an event cannot be formatted.
#[derive(Clone)]
struct Opaque;

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as a filter is called")]
fn is_odd(n: &u8) -> bool {
    n % 2 == 1
}
