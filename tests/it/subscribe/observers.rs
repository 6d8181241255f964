//! Observers: subscriptions that owe no acknowledgement.

use genevent::{EventManager, Overflow, SubscribeOptions, Subscription};

mod audience;
mod deliveries;
mod kinds;
mod room;
#[cfg(feature = "rt")]
mod service;

/// Options of a lossless observer.
fn observer() -> SubscribeOptions {
    SubscribeOptions::new().observer()
}

/// An observer of each policy. The observer with `Overflow::Disconnect` has a window of 2.
fn observers(manager: &EventManager<u32>) -> [Subscription<u32>; 3] {
    [
        observer(),
        observer().overflow(Overflow::DropOldest).window(1),
        observer().overflow(Overflow::Disconnect).window(2),
    ]
    .map(|options| manager.subscribe_with(options))
}
