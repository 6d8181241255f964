//! The testing kit: assertions that wait a little and report the events that came instead; the probe.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use std::time::Duration;

use genevent::{EventManager, Subscription};

mod failing;
#[cfg(feature = "rt")]
mod on_tokio;
mod passing;
mod probe;
mod without_runtime;

const A_LONG_TIME: Duration = Duration::from_secs(3_600);

/// Implements neither `Debug`, `Clone` nor `PartialEq`.
struct Opaque;

/// Returns the panic message of `code`, and the source location.
fn failure<T>(code: impl FnOnce() -> T) -> (String, u32) {
    thread_local! {
        static LOCATION: Cell<u32> = const { Cell::new(0) };
    }
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let former = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let place = info.location().expect("a panic has a location");
            if place.file().contains("tests/test_util") {
                LOCATION.set(place.line());
            }
            former(info);
        }));
    });
    LOCATION.set(0);
    let caught = catch_unwind(AssertUnwindSafe(|| drop(code())));
    let payload = caught.expect_err("it must fail");
    let message = payload.downcast_ref::<String>().expect("a message");
    (message.clone(), LOCATION.get())
}

fn message<T>(code: impl FnOnce() -> T) -> String {
    failure(code).0
}

/// A stream with these events stored, which stays open as long as the manager.
fn with<E: Clone + Send + Sync + 'static>(
    events: impl IntoIterator<Item = E>,
) -> (EventManager<E>, Subscription<E>) {
    let manager = EventManager::new(10_000);
    let reader = manager.subscribe();
    for event in events {
        manager.try_notify(event).unwrap();
    }
    (manager, reader)
}
