//! Topics: subscribers of keys.

mod as_subscriber;
#[cfg(feature = "rt")]
mod handlers;
mod key_log;
mod keys;
mod panics;
mod replay;
mod user_code;

use genevent::{EventManager, SubscribeOptions, Topics};

/// Topics by the last digit.
fn digits(manager: &EventManager<u32>) -> Topics<u32, u32> {
    manager.topics(|n| n % 10)
}

fn publish(manager: &EventManager<u32>, events: impl IntoIterator<Item = u32>) {
    for n in events {
        manager.try_notify(n).expect("there is room");
    }
}

fn window(events: usize) -> SubscribeOptions {
    SubscribeOptions::new().window(events)
}

/// Returns how many keys have subscribers.
fn keys<E, K>(topics: &Topics<E, K>) -> usize {
    let debug = format!("{topics:?}");
    let count = debug.split("keys: ").nth(1).unwrap();
    let digits = count.find(|c: char| !c.is_ascii_digit()).unwrap();
    count[..digits].parse().unwrap()
}
