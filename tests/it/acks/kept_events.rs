//! Which events are kept in memory: none that every subscriber has finished with, after the
//! acknowledgement and a flush.

mod ends;
#[cfg(feature = "rt")]
mod handlers;
#[cfg(feature = "rt")]
mod operators;
mod retained;
mod streams;
mod user_code;

use std::sync::{Arc, Weak};

use genevent::EventManager;

use crate::drive::now;

/// Clones of an event share its number, and are told from the number by `Weak`.
type Event = Arc<u32>;

/// Numbers around the lengths of segments.
const SIZES: [u32; 7] = [1, 2, 63, 64, 65, 130, 700];

/// Stores `events` new events. Returns a reference to each that keeps none of them alive.
fn publish(manager: &EventManager<Event>, events: u32) -> Vec<Weak<u32>> {
    let publish = |n| {
        let event = Arc::new(n);
        let there = Arc::downgrade(&event);
        manager.try_notify(event).expect("there is room");
        there
    };
    (1..=events).map(publish).collect()
}

/// Returns how many of the events are still in memory.
fn alive(events: &[Weak<u32>]) -> usize {
    events.iter().filter(|e| e.strong_count() > 0).count()
}

/// Asserts that a flush completes at once and leaves none of the events in memory.
#[track_caller]
fn assert_flush_frees(manager: &EventManager<Event>, events: &[Weak<u32>]) {
    now(manager.flush()).unwrap();
    assert_eq!(alive(events), 0, "of {}", events.len());
}
