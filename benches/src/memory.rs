//! Bytes on the heap, counted by the allocator.
//!
//! `cargo run --release -p genevent-benches -- memory`

use allocation_counter::measure;
use genevent::{EventManager, Subscription};

use crate::by_hand::{park, poll, skip, take};

type Manager = EventManager<u64>;

const MANY: usize = 1_000;
const LARGE: usize = 1 << 20;

pub(crate) fn table() -> String {
    let mut text = String::from("| of `u64`, on the heap | bytes |\n|---|---:|\n");
    let mut row = |what: &str, bytes: f64| text += &format!("| {what} | {bytes:.0} |\n");
    row("a manager of capacity 1,024, new", manager(1024));
    row("a manager of capacity 1,048,576, new", manager(LARGE));
    row(
        "the same, once it was full and has been read to the end",
        full_once(),
    );
    row("a subscriber, new", subscriber(|_, _| {}));
    row(
        "a subscriber that waits",
        subscriber(|_, readers| readers.iter_mut().for_each(park)),
    );
    row(
        "a subscriber that has read 10,000 events and waits",
        subscriber(read_10_000),
    );
    row("an event, buffered (of 1,024)", buffered(1024));
    row("an event, buffered (of 1,048,576)", buffered(LARGE));
    for readers in [1, 2, 4, 16] {
        row(
            &format!(
                "an event, unread by one subscriber, beside {readers} that read on, each one event behind the next"
            ),
            unread_beside(readers),
        );
    }
    row(
        "a manager, once a million subscribers have left but one",
        after_a_million(),
    );
    row(
        "an outstanding sync_notify, its future and its event with it",
        sync_notify(),
    );
    row("an outstanding delivery, with itself", delivery());
    row(
        "a publisher that waits for room, its future with it",
        waiting(),
    );
    text
}

/// Returns the bytes the value of `make` keeps.
fn heap<T>(make: impl FnOnce() -> T) -> f64 {
    let mut made = None;
    let info = measure(|| made = Some(make()));
    drop(made);
    info.bytes_current as f64
}

/// Returns the bytes `change` adds to `state`.
fn added<T, U>(state: &mut T, change: impl FnOnce(&mut T) -> U) -> f64 {
    heap(|| change(state))
}

fn fill(manager: &Manager, events: usize) {
    for number in 0..events {
        assert!(manager.try_notify(number as u64).is_ok(), "there is room");
    }
}

fn manager(capacity: usize) -> f64 {
    heap(|| Manager::new(capacity))
}

fn full_once() -> f64 {
    heap(|| {
        let manager = Manager::new(LARGE);
        let mut reader = manager.subscribe();
        fill(&manager, LARGE);
        skip(&mut reader, LARGE);
        park(&mut reader);
        (manager, reader)
    })
}

/// The subscription's handle is on the heap as well.
fn subscriber(use_them: impl Fn(&Manager, &mut [Subscription<u64>])) -> f64 {
    let with = |subscribers: usize| {
        heap(|| {
            let manager = Manager::new(1024);
            let mut readers = Vec::with_capacity(subscribers);
            readers.extend((0..subscribers).map(|_| manager.subscribe()));
            use_them(&manager, &mut readers);
            (manager, readers)
        })
    };
    (with(MANY + 1) - with(1)) / MANY as f64
}

fn read_10_000(manager: &Manager, readers: &mut [Subscription<u64>]) {
    for _ in 0..20 {
        fill(manager, 500);
        for reader in readers.iter_mut() {
            skip(reader, 500);
            park(reader);
        }
    }
}

fn buffered(events: usize) -> f64 {
    let manager = Manager::new(events);
    let mut reader = manager.subscribe();
    park(&mut reader);
    added(&mut reader, |_| fill(&manager, events)) / events as f64
}

/// Each of the `readers` is an event behind its predecessor, so all read different events at a time.
fn unread_beside(readers: usize) -> f64 {
    const EVENTS: usize = 100_000;
    let manager = Manager::new(LARGE);
    let mut slow = manager.subscribe();
    let mut quick: Vec<_> = (0..readers).map(|_| manager.subscribe()).collect();
    added(&mut slow, |_| {
        for event in 0..EVENTS {
            fill(&manager, 1);
            for reader in quick.iter_mut().take(event + 1) {
                take(reader);
            }
        }
    }) / EVENTS as f64
}

fn after_a_million() -> f64 {
    heap(|| {
        let manager = Manager::new(1024);
        let mut crowd: Vec<_> = (0..1_000_000).map(|_| manager.subscribe()).collect();
        crowd.iter_mut().for_each(park);
        let latest = crowd.pop();
        drop(crowd);
        (manager, latest)
    })
}

fn sync_notify() -> f64 {
    let manager = Manager::new(MANY);
    let mut reader = manager.subscribe();
    park(&mut reader);
    let all = added(&mut reader, |_| {
        let mut waiting = Vec::with_capacity(MANY);
        for number in 0..MANY {
            let mut one = manager.sync_notify(number as u64);
            assert!(poll(&mut one).is_pending());
            waiting.push(one);
        }
        waiting
    });
    all / MANY as f64
}

fn delivery() -> f64 {
    let manager = Manager::new(MANY);
    let mut reader = manager.subscribe().deliveries();
    fill(&manager, MANY);
    let all = added(&mut reader, |reader| {
        let mut held = Vec::with_capacity(MANY);
        held.extend((0..MANY).map(|_| take(reader)));
        held
    });
    all / MANY as f64
}

fn waiting() -> f64 {
    let manager = Manager::new(1);
    let mut reader = manager.subscribe();
    fill(&manager, 1);
    let all = added(&mut reader, |_| {
        let mut line = Vec::with_capacity(MANY);
        for number in 0..MANY {
            let mut one = manager.notify(number as u64);
            assert!(poll(&mut one).is_pending());
            line.push(one);
        }
        line
    });
    all / MANY as f64
}
