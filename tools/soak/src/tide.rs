//! A crowd that comes and goes while its manager lives on: the heap falls as it rose.
//!
//! After a round its manager is gone, and with it all that it kept for nobody; so here the heap is
//! looked at before. Everything is polled by hand, on one thread, while no round is played.

use std::pin::Pin;
use std::task::{Context, Waker};

use fastrand::Rng;
use futures::{FutureExt, Stream, StreamExt};
use genevent::{EventManager, Overflow, SubscribeOptions, SubscriberId};

use crate::event::Event;

/// How many come.
const CROWD: usize = 4_000;
/// How many of them stay.
const STAY: usize = 3;
/// What those who stay need, and a few short tables.
const SLACK: usize = 64 * 1024;

/// One of the crowd: a stream, or a future that waits. What a stream yields is dropped.
enum Guest<'a> {
    Reader(SubscriberId, Pin<Box<dyn Stream<Item = ()> + 'a>>),
    /// A delivery that is out, or whatever waits for something.
    Waits(#[expect(dead_code, reason = "held until it is dropped")] Box<dyn Held + 'a>),
}

/// Held until it is dropped.
trait Held {}

impl<T> Held for T {}

/// Plays one rise and fall, with `usage` to tell the bytes on the heap.
///
/// # Panics
/// If memory is left.
pub(crate) fn rise_and_fall(seed: u64, usage: impl Fn() -> usize) {
    let mut rng = Rng::with_seed(seed);
    let capacity = *rng.choice(&[1, 16, 1_024]).expect("there are some");
    let manager = EventManager::<Event>::builder()
        .capacity(capacity)
        .retain(*rng.choice(&[0, 0, 8]).expect("there are some"))
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
            Guest::Waits(Box::new(notify))
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
            // Its stream is gone, and it stays for what is out.
            Guest::Waits(Box::new(jobs.next().now_or_never()))
        }
        _ => {
            let reader = manager.subscribe_with(options);
            Guest::Reader(reader.id(), Box::pin(reader.map(drop)))
        }
    }
}

/// Something happens: an event, or some read or fall asleep.
fn live(manager: &EventManager<Event>, crowd: &mut [Guest<'_>], number: usize, rng: &mut Rng) {
    if rng.bool() {
        let number = u32::try_from(number).expect("it is little");
        let _ = manager.try_notify(Event::new(1, number));
    }
    for _ in 0..rng.usize(0..8) {
        if let Some(Guest::Reader(_, reader)) = rng.choice(crowd.iter_mut()) {
            let _ = reader.poll_next_unpin(&mut Context::from_waker(Waker::noop()));
        }
    }
}
