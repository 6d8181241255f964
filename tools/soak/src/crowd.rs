//! A crowd comes and leaves while its manager lives: the heap must shrink again.
//!
//! A finished round drops its manager with all needless memory, so this check measures the heap while
//! the manager lives. The futures are polled by hand, on a single thread, between rounds.

use std::pin::Pin;
use std::task::{Context, Waker};

use fastrand::Rng;
use futures::{FutureExt, Stream, StreamExt};
use genevent::{EventManager, Overflow, SubscribeOptions, SubscriberId};

use crate::event::Event;

/// The size of the crowd.
const CROWD: usize = 4_000;
/// The number of remaining members.
const STAY: usize = 3;
/// The bytes of the remaining members, and of a few short tables.
const SLACK: usize = 64 * 1024;

/// A member of the crowd: a stream, with its events dropped, or a waiting future.
enum Guest<'a> {
    Reader(SubscriberId, Pin<Box<dyn Stream<Item = ()> + 'a>>),
    /// A publisher waiting for room.
    Publisher(#[expect(dead_code, reason = "kept until the member leaves")] Box<dyn Held + 'a>),
    /// An unacked delivery, or a waiting future.
    Waits(#[expect(dead_code, reason = "kept until the member leaves")] Box<dyn Held + 'a>),
}

/// A value kept until the member leaves.
trait Held {}

impl<T> Held for T {}

/// Runs a crowd once; `usage` returns the bytes on the heap.
///
/// # Panics
/// If memory is left.
pub(crate) fn rise_and_fall(seed: u64, usage: impl Fn() -> usize) {
    let mut rng = Rng::with_seed(seed);
    let capacity = *rng.choice(&[1, 16, 1_024]).expect("the list is not empty");
    let manager = EventManager::<Event>::builder()
        .capacity(capacity)
        .retain(*rng.choice(&[0, 0, 8]).expect("the list is not empty"))
        .build();
    let before = usage();
    let mut crowd = Vec::new();
    for number in 0..CROWD {
        crowd.push(come(&manager, &mut rng));
        live(&manager, &mut crowd, number, &mut rng);
    }
    match rng.u8(0..4) {
        0 => {}
        1 => crowd.reverse(),
        _ => rng.shuffle(&mut crowd),
    }
    let most = usage();
    while crowd.len() > STAY {
        if let (Some(Guest::Reader(id, _)), 0) = (crowd.last(), rng.u8(0..8)) {
            manager.disconnect(*id);
        }
        crowd.pop();
        if rng.u8(0..16) == 0 {
            live(&manager, &mut crowd, CROWD, &mut rng);
        }
    }
    // A waiting publisher keeps the values made for its event by matching filters.
    crowd.retain(|guest| !matches!(guest, Guest::Publisher(_)));
    crowd.shrink_to_fit();
    let after = usage();
    assert!(
        after < before + SLACK,
        "{before} bytes on the heap at first, {most} with a crowd of {CROWD}, and {after} when \
         {STAY} of it were left"
    );
}

fn come<'a>(manager: &'a EventManager<Event>, rng: &mut Rng) -> Guest<'a> {
    let overflow = match rng.u8(0..4) {
        0 => Overflow::Wait,
        1 => Overflow::Disconnect,
        _ => Overflow::DropOldest,
    };
    let options = SubscribeOptions::from(overflow).window(rng.usize(1..40));
    match rng.u8(0..9) {
        0 => {
            let mut closed = manager.closed();
            assert!((&mut closed).now_or_never().is_none());
            Guest::Waits(Box::new(closed))
        }
        1 => {
            let mut flush = manager.flush();
            let _ = (&mut flush).now_or_never();
            Guest::Waits(Box::new(flush))
        }
        2 => {
            let mut notify = manager.sync_notify(Event::new(0, 0));
            let _ = (&mut notify).now_or_never();
            Guest::Publisher(Box::new(notify))
        }
        3 => {
            let reader = manager.subscribe_filter_map_with(options, |event| Some(event.id));
            Guest::Reader(reader.id(), Box::pin(reader.map(drop)))
        }
        4 => {
            let jobs = manager.subscribe_with(options).deliveries();
            Guest::Reader(jobs.id(), Box::pin(jobs.map(drop)))
        }
        5 => {
            let mut jobs = manager.subscribe_with(options).deliveries();
            let _ = manager.try_notify(Event::new(0, 0));
            // The stream is dropped; the member stays for its unacked delivery.
            Guest::Waits(Box::new(jobs.next().now_or_never()))
        }
        _ => {
            let reader = manager.subscribe_with(options);
            Guest::Reader(reader.id(), Box::pin(reader.map(drop)))
        }
    }
}

/// Publishes an event, or lets some members read or park.
fn live(manager: &EventManager<Event>, crowd: &mut [Guest<'_>], number: usize, rng: &mut Rng) {
    if rng.bool() {
        let number = u32::try_from(number).expect("the number is small");
        let _ = manager.try_notify(Event::new(1, number));
    }
    for _ in 0..rng.usize(0..8) {
        if let Some(Guest::Reader(_, reader)) = rng.choice(crowd.iter_mut()) {
            let _ = reader.poll_next_unpin(&mut Context::from_waker(Waker::noop()));
        }
    }
}
