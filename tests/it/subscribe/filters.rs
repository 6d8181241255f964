//! `subscribe_filter_map` and `subscribe_filter`: unwanted events cost nothing, and wanted events
//! arrive in sequence, beside plain subscriptions.

mod as_subscriber;
mod disconnect_races;
mod predicates;
mod wanted_events;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;

use genevent::{DisconnectCause, EndReason, Filtered, SubscribeOptions};

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "a filter is given a reference"
)]
fn even(n: &u32) -> bool {
    n % 2 == 0
}

fn window(events: usize) -> SubscribeOptions {
    SubscribeOptions::new().window(events)
}

fn cause<T>(stream: &Filtered<T>) -> Option<DisconnectCause> {
    match stream.end_reason() {
        Some(EndReason::Disconnected { cause, .. }) => Some(cause),
        _ => None,
    }
}

#[derive(Default)]
struct Alarm(AtomicUsize);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// An event that counts its clones.
#[derive(Default)]
struct Counted(u32, Arc<AtomicUsize>);

impl Clone for Counted {
    fn clone(&self) -> Self {
        self.1.fetch_add(1, Ordering::Relaxed);
        Self(self.0, Arc::clone(&self.1))
    }
}
