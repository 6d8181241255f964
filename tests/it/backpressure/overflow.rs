//! Room: how much a window has, and how each policy acts when a window is full.

mod applied_when_stored;
mod capacity;
mod lossy;
mod strict;

use genevent::{EventManager, Overflow, SubscribeOptions};
use tokio_test::task;

use crate::drive::{read, read_all};

/// Sizes around those of the manager's own storage units.
const SIZES: [usize; 6] = [1, 2, 63, 64, 65, 1_000];

fn fill(manager: &EventManager<usize>, events: usize) {
    for n in 1..=events {
        manager.try_notify(n).expect("there is room");
    }
}

#[test]
fn the_default_policy_waits_and_loses_nothing() {
    assert_eq!(Overflow::default(), Overflow::Wait);
    let manager = EventManager::new(4);
    let mut readers = [
        manager.subscribe(),
        manager.subscribe_with(SubscribeOptions::new()),
        manager.subscribe_with(Overflow::Wait),
    ];
    let mut seen = vec![Vec::new(); 3];
    for n in 1..=100_usize {
        let mut publish = task::spawn(manager.notify(n));
        while publish.poll().is_pending() {
            // A different subscriber blocks each time.
            let slowest = (0..3).max_by_key(|&i| readers[i].len()).unwrap();
            seen[slowest].extend(read(&mut readers[slowest]));
        }
    }
    manager.close();
    for (reader, mut seen) in readers.iter_mut().zip(seen) {
        seen.extend(read_all(reader));
        assert!(seen.into_iter().eq(1..=100));
        assert_eq!(reader.missed(), 0);
    }
}
